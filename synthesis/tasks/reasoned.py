"""Answer, reason and box together, in the four forms of GEMeX (Liu et al., 2024): open, closed, single, multiple."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from medloom.converters.pixels.measure import place
from medloom.schemas.identity import pick, shuffled
from medloom.schemas.record import Answer, Config, Fact, Record
from medloom.schemas.vocabulary import Concept
from medloom.synthesis.compose import absence, boxed, boxes_text, compose, record_key
from medloom.synthesis.grammar import indefinite, listed
from medloom.synthesis.scene import Instance, Scene
from medloom.synthesis.task import Context, Task, TaskParams
from medloom.synthesis.tasks.choices import chosen, distractors, option_lines, options_of
from medloom.synthesis.template import sentence
from medloom.synthesis.told import present


class ReasonedParams(TaskParams):
    """At most `per_picture` records of each form; `options` in a choice; concepts of at most `instances` instances."""

    per_picture: int = Field(default=1, ge=1)
    options: int = Field(default=4, ge=3, le=8)
    instances: int = Field(default=20, ge=1)


class ReasonedAnswer(Task):
    """Record type 23. The reason says where the instances lie and, where there is one, what the concept means."""

    name: ClassVar[str] = "reasoning.box"
    type: ClassVar[int] = 23
    config: ClassVar[Config] = "reasoning"
    needs = (frozenset({"boxes"}), frozenset({"masks"}))
    Params = ReasonedParams
    params: ReasonedParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        whole = [
            concept
            for concept, found in scene.by_concept.items()
            if concept in scene.complete and len(found) <= self.params.instances
        ]
        drawn = shuffled(whole, scene.view.id, self.name)
        for concept in drawn[: self.params.per_picture]:
            yield from self._closed(concept, scene, context)
        for concept in [one for one in drawn if self._only_one_there(one, scene)][: self.params.per_picture]:
            yield self._placed(concept, scene, context)
        if drawn:
            yield from self._multiple(drawn, scene, context)

    def _closed(self, concept: str, scene: Scene, context: Context) -> Iterator[Record]:
        """A yes, and with it a no about something that is proved absent; neither without the other."""
        shown = present(scene, context.vocabulary)
        missing = [
            (other, fact)
            for other in context.census.regions
            if (fact := absence(scene, other)) and not any(context.vocabulary.related(other, one) for one in shown)
        ]
        if not missing:
            return
        meant, found = context.vocabulary[concept], scene.by_concept[concept]
        key = record_key(self, scene, "closed", concept)
        slots = {
            "concept": indefinite(meant),
            "fact": f"it shows {indefinite(meant)}",
            "reason": _reason(meant, found, scene),
            "boxes": boxes_text((meant.name, one) for one in found),
        }
        wording = context.templates["reasoning.closed"].render(key, slots)
        yield compose(
            self, scene, key, wording, [one.fact for one in found], form="closed", concepts=(concept,),
            polarity="present", answer=Answer(text="yes"), reason=slots["reason"], places=boxed(found),
        )  # fmt: skip
        other, fact = missing[pick(len(missing), "no", key)]
        denied = context.vocabulary[other]
        key = record_key(self, scene, "closed", other)
        reason = f"No part of the picture shows {indefinite(denied)}."
        slots = {
            "concept": indefinite(denied),
            "fact": f"it does not show {indefinite(denied)}",
            "reason": reason,
            "nothing": "[]",
        }
        wording = context.templates["reasoning.closed.no"].render(key, slots)
        yield compose(
            self, scene, key, wording, [fact], form="closed", concepts=(other,), polarity="absent",
            answer=Answer(text="no"), reason=reason,
        )  # fmt: skip

    def _only_one_there(self, concept: str, scene: Scene) -> bool:
        """One instance, and nothing else that is marked lies in the same ninth of the picture."""
        found = scene.by_concept[concept]
        if len(found) != 1:
            return False
        width, height = scene.view.width, scene.view.height
        grid = place(found[0].centroid, width, height).grid
        return sum(place(one.centroid, width, height).grid == grid for one in scene.instances) == 1

    def _placed(self, concept: str, scene: Scene, context: Context) -> Record:
        """What lies in one ninth of the picture: open, or as a choice where there are distractors."""
        meant, found = context.vocabulary[concept], scene.by_concept[concept]
        grid = place(found[0].centroid, scene.view.width, scene.view.height).grid
        key = record_key(self, scene, "placed", concept)
        reason, boxes = _reason(meant, found, scene), boxes_text((meant.name, one) for one in found)
        wrong = distractors(concept, context.census.regions, context.vocabulary, self.params.options - 1, key)
        if len(wrong) < 2 or pick(2, "form", key):
            slots = {"place": grid, "finding": sentence(meant.name), "reason": reason, "boxes": boxes}
            wording = context.templates["reasoning.open"].render(key, slots)
            return compose(
                self, scene, key, wording, [found[0].fact], form="open", concepts=(concept,),
                answer=Answer(text=meant.name, variants=meant.synonyms), reason=reason, places=boxed(found),
            )  # fmt: skip
        options = options_of([concept], wrong, context.vocabulary, key)
        said, answer = chosen(options)
        slots = {"place": grid, "options": option_lines(options), "choice": said, "reason": reason, "boxes": boxes}
        wording = context.templates["reasoning.single"].render(key, slots)
        return compose(
            self, scene, key, wording, [found[0].fact], form="single", concepts=(concept,), options=options,
            answer=answer, reason=reason, places=boxed(found),
        )  # fmt: skip

    def _multiple(self, drawn: Sequence[str], scene: Scene, context: Context) -> Iterator[Record]:
        """All that is shown among options of which each is known to be there or not."""
        shown = present(scene, context.vocabulary)
        missing: dict[str, Fact] = {
            concept: fact
            for concept in context.census.regions
            if (fact := absence(scene, concept))
            and not any(context.vocabulary.related(concept, other) for other in shown)
        }
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


def _reason(meant: Concept, found: Sequence[Instance], scene: Scene) -> str:
    """Where the instances lie, in the words of the 3×3 grid, each place once."""
    width, height = scene.view.width, scene.view.height
    places = list(dict.fromkeys(place(one.centroid, width, height).grid for one in found))
    several = len(found) > 1 and meant.countable and scene.countable(meant.id)
    name = f"{len(found)} {meant.plural}" if several else sentence(indefinite(meant))
    verb = "lie" if several else "lies"
    return f"{name} {verb} in the {listed(places)} of the picture."
