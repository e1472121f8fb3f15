"""Paraphrase: question and answer of a record in other words, with the same meaning both ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from medloom.schemas.record import Config, Record
from medloom.synthesis.brief import Brief
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.copies import near
from medloom.synthesis.evidence.ground import joined, of_text
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.prompt import Slot
from medloom.synthesis.writers.prompted import Fields, record_of
from medloom.synthesis.writers.questions import answer_faults, question_faults, untold_of
from medloom.synthesis.writers.reworded import Bases, RewordedParams, RewordedWriter, proved


class ParaphraseParams(RewordedParams):
    """Any task whose answers are sentences."""

    of: Bases = ("vqa.closed", "vqa.open", "measurement.size")


class Paraphrase(RewordedWriter):
    """As its base record, in other words. What the answer says it must go on saying, and nothing more."""

    name: ClassVar[str] = "write.paraphrase"
    type: ClassVar[int] = 5
    config: ClassVar[Config] = "vqa"
    prompts: ClassVar[tuple[str, ...]] = ("paraphrase",)
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = ParaphraseParams
    params: ParaphraseParams

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        return {"question": brief.slot("question"), "answer": brief.slot("said")}

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        yield from question_faults(brief, fields["question"], untold_of(brief))
        yield from answer_faults(brief, fields["answer"])
        kept = joined(of_text(brief.slot("said")), proved(brief))
        yield from faults(fields["answer"], Wanted(ground=kept._replace(claims=of_text(brief.slot("said")).claims)))
        same = near(fields["question"], brief.slot("question")) >= 0.9
        if same and near(fields["answer"], brief.slot("said")) >= 0.9:
            yield Fault("copied", "nothing is said otherwise")

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        fields = done["paraphrase"]
        yield record_of(
            self, brief, [(fields["question"], fields["answer"])], worded, type=int(brief.slot("type")),
            config=brief.slot("config"),
        )  # fmt: skip
