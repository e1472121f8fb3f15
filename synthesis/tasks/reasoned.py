"""Answer, reason and box together, in the four forms of GEMeX (Liu et al., 2024): open, closed, single, multiple."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from medloom.converters.pixels.measure import place
from medloom.schemas.identity import pick, shuffled
from medloom.schemas.record import Answer, Config, Fact, Record
from medloom.schemas.vocabulary import Concept
from medloom.synthesis.compose import boxed, boxes_text, compose, record_key
from medloom.synthesis.elsewhere import elsewhere
from medloom.synthesis.grammar import definite, indefinite, listed
from medloom.synthesis.scene import Instance, Scene
from medloom.synthesis.task import Context, Task, TaskParams
from medloom.synthesis.tasks.choices import chosen, distractors, option_lines, options_of
from medloom.synthesis.template import sentence
from medloom.synthesis.told import KINDS, judged


class ReasonedParams(TaskParams):
    """At most `per_picture` records of each form; `options` in a choice; concepts of at most `instances` instances."""

    per_picture: int = Field(default=1, ge=1)
    options: int = Field(default=4, ge=3, le=8)
    instances: int = Field(default=20, ge=1)


class ReasonedAnswer(Task):
    """Record type 23. The reason says where the instances lie; boxes, reason and answer name the same instances."""

    name: ClassVar[str] = "reasoning.box"
    type: ClassVar[int] = 23
    config: ClassVar[Config] = "reasoning"
    needs = (frozenset({"boxes"}), frozenset({"masks"}))
    of_all: ClassVar[bool] = True
    Params = ReasonedParams
    params: ReasonedParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        whole = [
            concept
            for concept, found in scene.by_concept.items()
            if concept in scene.complete and len(found) <= self.params.instances
        ]
        drawn = shuffled(whole, scene.view.id, self.name)
        missing = {
            concept: fact
            for concept, polarity, fact in judged(scene, context.vocabulary, context.census)
            if polarity == "absent" and concept in context.census.regions
        }
        denied = shuffled(sorted(missing), scene.view.id, self.name, "no")
        for concept, other in list(zip(drawn, denied, strict=False))[: self.params.per_picture]:
            yield self._confirmed(concept, scene, context)
            yield self._denied(other, missing[other], scene, context)
        for concept in [one for one in drawn if len(scene.by_concept[one]) == 1][: self.params.per_picture]:
            yield self._placed(concept, scene, context)
        if drawn:
            yield from self._multiple(drawn, missing, scene, context)

    def _confirmed(self, concept: str, scene: Scene, context: Context) -> Record:
        """A yes. It comes with a no about something that is proved absent; neither without the other."""
        meant, found = context.vocabulary[concept], scene.by_concept[concept]
        key = record_key(self, scene, "closed", concept)
        slots = {
            "concept": indefinite(meant),
            "fact": f"it shows {indefinite(meant)}",
            "reason": _reason(meant, found, scene),
            "boxes": boxes_text((meant.name, one) for one in found),
        }
        wording = context.templates["reasoning.closed"].render(key, slots)
        return compose(
            self, scene, key, wording, [one.fact for one in found], form="closed", concepts=(concept,),
            polarity="present", answer=Answer(text="yes"), reason=slots["reason"], places=boxed(found),
        )  # fmt: skip

    def _denied(self, concept: str, fact: Fact, scene: Scene, context: Context) -> Record:
        denied = context.vocabulary[concept]
        key = record_key(self, scene, "closed", concept)
        reason = f"No part of the picture shows {indefinite(denied)}."
        slots = {
            "concept": indefinite(denied),
            "fact": f"it does not show {indefinite(denied)}",
            "reason": reason,
            "nothing": "[]",
        }
        wording = context.templates["reasoning.closed.no"].render(key, slots)
        return compose(
            self, scene, key, wording, [fact], form="closed", concepts=(concept,), polarity="absent",
            answer=Answer(text="no"), reason=reason,
        )  # fmt: skip

    def _placed(self, concept: str, scene: Scene, context: Context) -> Record:
        """What lies in one ninth of the picture: as a choice where there are distractors, or open.

        Open only where nothing else of its kind reaches into that ninth, and every other of the source is known;
        else it is asked the other way round, where it lies.
        """
        meant, found = context.vocabulary[concept], scene.by_concept[concept]
        part = ninth(found[0].centroid, scene.view.width, scene.view.height)
        grid = place(found[0].centroid, scene.view.width, scene.view.height).grid
        key = record_key(self, scene, "placed", concept)
        reason, boxes = _reason(meant, found, scene), boxes_text((meant.name, one) for one in found)
        proved = elsewhere(concept, part, scene, context.census, context.vocabulary)
        wrong = distractors(concept, sorted(proved), context.vocabulary, self.params.options - 1, key)
        if len(wrong) < 2 or pick(2, "form", key):
            same = {one for one in context.census.regions if context.vocabulary[one].kind == meant.kind} - {concept}
            if not same <= proved.keys():
                return self._located(concept, scene, context)
            slots = {"kind": KINDS[meant.kind], "place": grid, "finding": sentence(meant.name)}
            wording = context.templates["reasoning.open"].render(key, {**slots, "reason": reason, "boxes": boxes})
            return compose(
                self, scene, key, wording, [found[0].fact], form="open", concepts=(concept,),
                answer=Answer(text=meant.name, variants=meant.synonyms), reason=reason, places=boxed(found),
            )  # fmt: skip
        options = options_of([concept], wrong, context.vocabulary, key)
        said, answer = chosen(options)
        slots = {"place": grid, "options": option_lines(options), "choice": said, "reason": reason, "boxes": boxes}
        wording = context.templates["reasoning.single"].render(key, slots)
        return compose(
            self, scene, key, wording, [found[0].fact, *(proved[one] for one in sorted(wrong))], form="single",
            concepts=(concept,), options=options, answer=answer, reason=reason, places=boxed(found),
        )  # fmt: skip

    def _located(self, concept: str, scene: Scene, context: Context) -> Record:
        """In which ninth it lies, reasoned from where its middle is."""
        meant, found = context.vocabulary[concept], scene.by_concept[concept]
        (x, y), width, height = found[0].centroid, scene.view.width, scene.view.height
        where = place((x, y), width, height)
        key = record_key(self, scene, "located", concept)
        reason = f"Its middle lies at {100 * x / width:.0f}% of the width and {100 * y / height:.0f}% of the height."
        slots = {
            "the_concept": definite(meant),
            "place": where.grid,
            "reason": reason,
            "boxes": boxes_text((meant.name, one) for one in found),
        }
        wording = context.templates["reasoning.place"].render(key, slots)
        return compose(
            self, scene, key, wording, [found[0].fact], form="open", concepts=(concept,),
            answer=Answer(text=f"in the {where.grid} of the picture", variants=(where.grid, where.quadrant)),
            reason=reason, places=boxed(found),
        )  # fmt: skip

    def _multiple(
        self, drawn: Sequence[str], missing: dict[str, Fact], scene: Scene, context: Context
    ) -> Iterator[Record]:
        """All that is shown among options of which each is known to be there or not."""
        key = record_key(self, scene, "multiple")
        right = sorted(drawn[: 1 + pick(min(2, len(drawn)), "right", key)])
        wrong = shuffled(sorted(missing), "wrong", key)[: self.params.options - len(right)]
        if not wrong or len(right) + len(wrong) < 3:
            return
        found = [one for concept in right for one in scene.by_concept[concept]]
        options = options_of(right, wrong, context.vocabulary, key)
        said, answer = chosen(options)
        named = {concept: context.vocabulary[concept] for concept in right}
        slots = {
            "options": option_lines(options),
            "choice": said,
            "reason": " ".join(_reason(named[concept], scene.by_concept[concept], scene) for concept in right),
            "boxes": boxes_text((named[one.concept].name, one) for one in found),
        }
        wording = context.templates["reasoning.multiple"].render(key, slots)
        evidence = [one.fact for one in found] + [missing[concept] for concept in sorted(wrong)]
        yield compose(
            self, scene, key, wording, evidence, form="multiple", concepts=tuple(right), options=options,
            answer=answer, reason=slots["reason"], places=boxed(found),
        )  # fmt: skip


def ninth(point: tuple[float, float], width: int, height: int) -> tuple[float, float, float, float]:
    """Box (half-open xyxy) of the part of the 3×3 grid that a point lies in."""
    column, row = min(2, int(3 * point[0] // width)), min(2, int(3 * point[1] // height))
    return column * width / 3, row * height / 3, (column + 1) * width / 3, (row + 1) * height / 3


def _reason(meant: Concept, found: Sequence[Instance], scene: Scene) -> str:
    """Where the instances lie, in the words of the 3×3 grid, each place once."""
    width, height = scene.view.width, scene.view.height
    places = list(dict.fromkeys(place(one.centroid, width, height).grid for one in found))
    several = len(found) > 1 and meant.countable and scene.countable(meant.id)
    name = f"{len(found)} {meant.plural}" if several else sentence(indefinite(meant))
    verb = "lie" if several else "lies"
    return f"{name} {verb} in the {listed(places)} of the picture."
