"""Distractors: an engine picks the wrong options that are hardest to tell, among those that are proved to be wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from medloom.schemas.record import Config, Record
from medloom.synthesis.brief import Brief, Finding
from medloom.synthesis.compose import record_key
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.prompt import Slot
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context, TaskParams
from medloom.synthesis.tasks.choices import chosen, distractors, option_lines, options_of
from medloom.synthesis.told import KINDS, judged
from medloom.synthesis.vocabulary import load_vocabulary
from medloom.synthesis.writers.briefed import brief_of
from medloom.synthesis.writers.prompted import Fields, PromptedWriter, Schema, record_of


class DistractorParams(TaskParams):
    """`options` in a question, drawn from a pool of at most `pool` that are wrong here and right elsewhere."""

    options: int = Field(default=4, ge=3, le=8)
    pool: int = Field(default=12, ge=3)
    per_picture: int = Field(default=1, ge=1)


class Distractors(PromptedWriter):
    """Record type 6. No option is invented: each is judged absent here and is right in another picture of the source.

    The engine's choice alone is its own: the answer's schema has no room for another name.
    """

    name: ClassVar[str] = "write.distractors"
    type: ClassVar[int] = 6
    config: ClassVar[Config] = "vqa"
    prompts: ClassVar[tuple[str, ...]] = ("distractors",)
    needs = (frozenset({"labels", "absent_labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = DistractorParams
    params: DistractorParams

    def briefs(self, scene: Scene, context: Context) -> Iterator[Brief]:
        vocabulary = context.vocabulary
        known = list(judged(scene, vocabulary, context.census))
        somewhere = {*context.census.labels, *context.census.regions}
        made = 0
        for concept, polarity, fact in known:
            kind = vocabulary[concept].kind
            shown = [one for one, stands, _ in known if stands == "present" and vocabulary[one].kind == kind]
            if polarity != "present" or shown != [concept] or made == self.params.per_picture:
                continue
            absent = {one: why for one, stands, why in known
                      if stands == "absent" and one in somewhere and vocabulary[one].kind == kind}  # fmt: skip
            key = record_key(self, scene, concept)
            pool = distractors(concept, sorted(absent), vocabulary, self.params.pool, key)
            if len(pool) < self.params.options:
                continue  # nothing to choose among
            made += 1
            yield brief_of(
                self, scene, (scene.view,), key, form="single", concepts=(concept,),
                facts=(fact, *(absent[one] for one in pool)),
                findings=tuple(
                    Finding(concept=one, polarity="absent", says=vocabulary[one].name, fact=number)
                    for number, one in enumerate(pool, 1)
                ),
                given=(("kind", KINDS[kind]), ("right", vocabulary[concept].name)),
            )  # fmt: skip

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        return {
            "kind": brief.slot("kind"),
            "right": brief.slot("right"),
            "pool": [one.says for one in brief.findings],
            "count": str(self.params.options - 1),
        }

    def narrowed(self, brief: Brief, prompt: str, answer: Schema) -> Schema:
        count = self.params.options - 1
        names = {"type": "string", "enum": [one.says for one in brief.findings]}
        answer["properties"]["options"] |= {"minItems": count, "maxItems": count, "items": names}
        return answer

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        named = set(fields["options"])
        if len(named) != self.params.options - 1:
            yield Fault("format", f"{len(named)} options, not {self.params.options - 1}")

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        by_name = {one.says: one for one in brief.findings}
        wrong = [by_name[name] for name in done["distractors"]["options"]]
        options = options_of(list(brief.concepts), [one.concept for one in wrong], load_vocabulary(), brief.id)
        said, answer = chosen(options)
        question = f"Which {brief.slot('kind')} does this picture show?\n{option_lines(options)}"
        evidence = (brief.facts[0], *(brief.facts[one.fact] for one in sorted(wrong, key=lambda one: one.fact)))
        yield record_of(
            self, brief, [(question, f"{said}.")], worded, options=options, answer=answer, evidence=evidence,
            fills=("choice",),
        )  # fmt: skip
