"""Counting: alone, with points, with boxes; the prompt asks only for what the answer gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from medloom.schemas.identity import shuffled
from medloom.schemas.record import Answer, Config, Fact, Measurement, Place, Record
from medloom.synthesis.compose import absence, boxed, boxes_text, compose, points_text, record_key
from medloom.synthesis.scene import Instance, Scene
from medloom.synthesis.task import Context, Task, TaskParams
from medloom.synthesis.tasks.grounding import inner_point

METHOD = "number of annotated instances"


class CountingParams(TaskParams):
    """At most `per_picture` concepts, of at most `instances` instances; `nothing` of them may be answered with 0."""

    per_picture: int = Field(default=2, ge=1)
    instances: int = Field(default=60, ge=1)
    nothing: int = Field(default=1, ge=0)


class Counting(Task):
    """Record type 16, alone: how many instances of a countable concept of which every one is known."""

    name: ClassVar[str] = "counting"
    type: ClassVar[int] = 16
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"boxes"}), frozenset({"masks"}))
    of_all: ClassVar[bool] = True
    Params = CountingParams
    params: CountingParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        for concept, found, facts in self.asked(scene, context):
            meant = context.vocabulary[concept]
            key = record_key(self, scene, concept)
            slots = {"plural": meant.plural, "count": str(len(found)), **self.shown(found, meant.name)}
            wording = context.templates[self.name].render(key, slots)
            count = Measurement(name="count", value=float(len(found)), unit="count", method=METHOD, fact=0)
            yield compose(
                self, scene, key, wording, facts, form="numeric", concepts=(concept,),
                answer=Answer(text=str(len(found)), number=float(len(found)), unit="count"),
                places=self.places(found), measurements=(count,),
            )  # fmt: skip

    def asked(self, scene: Scene, context: Context) -> list[tuple[str, tuple[Instance, ...], list[Fact]]]:
        """(concept, instances, facts) to count, drawn by content; none of them only where absence is proved."""
        some = [
            (concept, found, [one.fact for one in found])
            for concept, found in scene.by_concept.items()
            if scene.countable(concept) and len(found) <= self.params.instances
        ]
        missing = ((concept, absence(scene, concept)) for concept in context.census.regions if self.params.nothing)
        none: list[tuple[str, tuple[Instance, ...], list[Fact]]] = [
            (concept, (), [fact]) for concept, fact in missing if fact is not None
        ]
        none = shuffled([one for one in none if context.vocabulary[one[0]].countable], scene.view.id, self.name, "no")
        able = [one for one in some if context.vocabulary[one[0]].countable] + none[: self.params.nothing]
        return shuffled(able, scene.view.id, self.name)[: self.params.per_picture]

    def shown(self, found: tuple[Instance, ...], name: str) -> dict[str, str]:
        """Further slots of the answer."""
        return {}

    def places(self, found: tuple[Instance, ...]) -> tuple[Place, ...]:
        """What the answer shows beside the number."""
        return ()


class SomeParams(CountingParams):
    """As for counting alone, but of what there is."""

    nothing: int = Field(default=0, ge=0)


class CountingPoints(Counting):
    """Record type 16, with a point on each instance."""

    name: ClassVar[str] = "counting.points"
    config: ClassVar[Config] = "grounding"
    Params = SomeParams

    def shown(self, found: tuple[Instance, ...], name: str) -> dict[str, str]:
        return {"points": points_text((name, inner_point(one)) for one in found)}

    def places(self, found: tuple[Instance, ...]) -> tuple[Place, ...]:
        return tuple(Place(concept=one.concept, point=inner_point(one), fact=n) for n, one in enumerate(found))


class CountingBoxes(Counting):
    """Record type 16, with a box around each instance."""

    name: ClassVar[str] = "counting.boxes"
    config: ClassVar[Config] = "grounding"
    Params = SomeParams

    def shown(self, found: tuple[Instance, ...], name: str) -> dict[str, str]:
        return {"boxes": boxes_text((name, one) for one in found)}

    def places(self, found: tuple[Instance, ...]) -> tuple[Place, ...]:
        return boxed(found)
