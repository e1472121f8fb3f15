"""Choices: one right option among distractors that are right elsewhere, or every right one of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from medloom.schemas.identity import shuffled
from medloom.schemas.record import Answer, Config, Fact, Option, Record
from medloom.schemas.vocabulary import Concept, Vocabulary
from medloom.synthesis.compose import compose, record_key
from medloom.synthesis.grammar import listed
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context, Task, TaskParams
from medloom.synthesis.template import sentence
from medloom.synthesis.told import KINDS, judged

LETTERS = "ABCDEFGH"


def options_of(right: Sequence[str], wrong: Sequence[str], vocabulary: Vocabulary, key: str) -> tuple[Option, ...]:
    """Options in an order drawn by `key`, so that the place of a right one is uniform."""
    mixed = shuffled([(concept, True) for concept in right] + [(concept, False) for concept in wrong], "options", key)
    return tuple(
        Option(key=LETTERS[number], text=sentence(vocabulary[concept].name), concept=concept, correct=correct)
        for number, (concept, correct) in enumerate(mixed)
    )


def option_lines(options: Sequence[Option]) -> str:
    """One option a line: ``A. Liver``."""
    return "\n".join(f"{option.key}. {option.text}" for option in options)


def chosen(options: Sequence[Option]) -> tuple[str, Answer]:
    """The right options as said ("B. Liver") and as an answer that can be scored."""
    right = [option for option in options if option.correct]
    said = listed([f"{option.key}. {option.text}" for option in right])
    return said, Answer(
        text=listed([option.text for option in right]),
        keys=tuple(option.key for option in right),
        variants=(said, ", ".join(option.key for option in right)),
    )


def distractors(right: str, pool: Sequence[str], vocabulary: Vocabulary, count: int, key: str) -> list[str]:
    """At most `count` of `pool` that are neither the right one nor related to it, drawn by `key`."""
    free = [concept for concept in pool if not vocabulary.related(right, concept)]
    found: list[str] = []
    for concept in shuffled(free, "distractors", key):
        if len(found) < count and not any(vocabulary[concept].name == vocabulary[other].name for other in found):
            found.append(concept)
    return found


class SingleParams(TaskParams):
    """`options` at most in a question; at least three, since two would be a coin."""

    options: int = Field(default=4, ge=3, le=8)


class SingleChoice(Task):
    """Record type 6: which finding, class, modality or part of the body is shown, where exactly one of a kind is.

    Every other option is judged absent in this picture and right in another of the same source.
    """

    name: ClassVar[str] = "vqa.single_choice"
    type: ClassVar[int] = 6
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"labels", "absent_labels"}),)
    Params = SingleParams
    params: SingleParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        by_kind: dict[str, list[tuple[Concept, str, Fact]]] = {}
        for stated in scene.labels:
            meant = context.vocabulary[stated.concept]
            asked = KINDS["finding" if meant.kind == "quality" else meant.kind]
            by_kind.setdefault(asked, []).append((meant, stated.polarity, stated.fact))
        for asked, group in sorted(by_kind.items()):
            right = [(meant, fact) for meant, polarity, fact in group if polarity == "present"]
            elsewhere = context.census.labels
            absent = [one.id for one, polarity, _ in group if polarity == "absent" and one.id in elsewhere]
            if len(right) != 1 or any(polarity == "uncertain" for _, polarity, _ in group):
                continue
            meant, fact = right[0]
            if scene.labels_of_patient and meant.kind == "quality":
                continue  # "no finding" is no diagnosis
            key = record_key(self, scene, meant.id)
            wrong = distractors(meant.id, absent, context.vocabulary, self.params.options - 1, key)
            if len(wrong) < 2:
                continue
            options = options_of([meant.id], wrong, context.vocabulary, key)
            said, answer = chosen(options)
            denied = {stated.concept: stated.fact for stated in scene.labels if stated.polarity == "absent"}
            slots = {"options": option_lines(options), "choice": said}
            if scene.labels_of_patient:
                wording = context.templates["vqa.single_choice.patient"].render(key, slots)
            else:
                wording = context.templates[self.name].render(key, {**slots, "kind": asked})
            yield compose(
                self, scene, key, wording, [fact, *(denied[concept] for concept in sorted(wrong))], form="single",
                concepts=(meant.id,), options=options, answer=answer,
            )  # fmt: skip


class MultipleParams(TaskParams):
    """`options` at most in a question."""

    options: int = Field(default=5, ge=3, le=8)


class MultipleChoice(Task):
    """Record type 7: every one of several that is shown. Each option is judged in this picture.

    Asked only where at least two are shown: where a source has one class a picture, it would be single choice again.
    """

    name: ClassVar[str] = "vqa.multiple_choice"
    type: ClassVar[int] = 7
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"absent_labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = MultipleParams
    params: MultipleParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        found = self.draw(scene, context)
        if found is None:
            return
        key, right, wrong, facts = found
        options = options_of(right, wrong, context.vocabulary, key)
        said, answer = chosen(options)
        slots = {"options": option_lines(options), "choice": said}
        wording = context.templates[self.name].render(key, slots)
        yield compose(
            self, scene, key, wording, [facts[concept] for concept in sorted([*right, *wrong])], form="multiple",
            concepts=tuple(sorted(right)), options=options, answer=answer,
        )  # fmt: skip

    def draw(self, scene: Scene, context: Context) -> tuple[str, list[str], list[str], dict[str, Fact]] | None:
        """(key, right, wrong, facts): one to all but one of the options are right; None where that can't be had."""
        somewhere = {*context.census.labels, *context.census.regions}
        known = [one for one in judged(scene, context.vocabulary, context.census) if one[0] in somewhere]
        facts = {concept: fact for concept, _, fact in known}
        key = record_key(self, scene, "which")
        right = shuffled([concept for concept, polarity, _ in known if polarity == "present"], "right", key)
        wrong = shuffled([concept for concept, polarity, _ in known if polarity == "absent"], "wrong", key)
        most = min(self.params.options - 1, len(right))
        if len(right) < 2 or not wrong:
            return None
        count = 1 + int(key[:8], 16) % most
        right = right[:count]
        return key, right, wrong[: self.params.options - count], facts
