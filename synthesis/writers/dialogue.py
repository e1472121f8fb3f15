"""Dialogue: several questions about one picture as one conversation, whose turns agree since the facts do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import msgspec
from pydantic import Field

from medloom.schemas.identity import digest, shuffled
from medloom.schemas.record import Config, Record
from medloom.synthesis.brief import Brief
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.prompt import Slot
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context
from medloom.synthesis.writers.briefed import asked, brief_of, lines, told_of
from medloom.synthesis.writers.prompted import Fields, Schema, as_json, record_of
from medloom.synthesis.writers.questions import answer_faults, question_faults, untold_of
from medloom.synthesis.writers.reworded import Bases, RewordedParams, RewordedWriter


class DialogueParams(RewordedParams):
    """`turns` is the most that a conversation has."""

    of: Bases = ("vqa.open", "vqa.closed", "counting")
    turns: int = Field(default=4, ge=2, le=8)


class Dialogue(RewordedWriter):
    """Record type 9. Each turn is held against the question and the answer that it words."""

    name: ClassVar[str] = "write.dialogue"
    type: ClassVar[int] = 9
    config: ClassVar[Config] = "vqa"
    prompts: ClassVar[tuple[str, ...]] = ("dialogue",)
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = DialogueParams
    params: DialogueParams

    def briefs(self, scene: Scene, context: Context) -> Iterator[Brief]:
        records = [record for task in self.base for record in task.records(scene, context) if self.fits(record)]
        drawn = shuffled(sorted(records, key=lambda record: record.id), scene.view.id, self.name)[: self.params.turns]
        if len(drawn) < 2:
            return
        told = told_of(scene, context)
        ahead = sum(len(record.evidence) for record in drawn)
        findings = tuple(msgspec.structs.replace(one, fact=one.fact + ahead) for one in told["findings"])
        given = [("turn", self._turn(record)) for record in drawn]
        yield brief_of(
            self, scene, (scene.view,), digest("record", [record.id for record in drawn], self.stamp),
            concepts=tuple(sorted({concept for record in drawn for concept in record.concepts})),
            facts=(*(fact for record in drawn for fact in record.evidence), *told["facts"]), findings=findings,
            known=told["known"], measurements=tuple(one for record in drawn for one in record.measurements),
            given=tuple(given),
        )  # fmt: skip

    def _turn(self, record: Record) -> str:
        """One question and its answer, as JSON: what the Brief of that record alone would hold."""
        kept = {
            "question": asked(record), "said": record.turns[1].text, "form": record.form, "concepts": record.concepts,
            "polarity": record.polarity, "answer": msgspec.to_builtins(record.answer),
        }  # fmt: skip
        return as_json(kept)

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        turns = _turns(brief)
        return {
            "facts": lines(brief),
            "turns": [f"{one.slot('question')} -> {one.slot('said')}" for one in turns],
        }

    def narrowed(self, brief: Brief, prompt: str, answer: Schema) -> Schema:
        count = len(_turns(brief))
        answer["properties"]["turns"] |= {"minItems": count, "maxItems": count}
        return answer

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        for turn, one in zip(fields["turns"], _turns(brief), strict=True):
            yield from question_faults(one, turn["question"], untold_of(one))
            yield from answer_faults(one, turn["answer"])

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        turns = [(turn["question"], turn["answer"]) for turn in done["dialogue"]["turns"]]
        yield record_of(self, brief, turns, worded, form="none")


def _turns(brief: Brief) -> list[Brief]:
    """A Brief for each turn, as if it stood alone."""
    found = []
    for name, value in brief.given:
        if name == "turn":
            row = msgspec.json.decode(value)
            given = (("question", row["question"]), ("said", row["said"]), ("reason", ""))
            plain = {key: row[key] for key in ("form", "concepts", "polarity", "answer")}
            found.append(msgspec.convert({**msgspec.to_builtins(brief), **plain, "given": given}, Brief))
    return found
