"""Rejected: for a true answer a false one that reads as well, so that a pair differs in what is true alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from medloom.schemas.record import Config, Record, Rejected
from medloom.synthesis.brief import Brief
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.prompt import Slot
from medloom.synthesis.writers.briefed import lines
from medloom.synthesis.writers.prompted import Fields, record_of
from medloom.synthesis.writers.reworded import Bases, RewordedParams, RewordedWriter, proved

FALSE = ("polarity", "side", "zone", "count", "plural", "number", "place", "modality", "mark", "added")
"""Kinds of faults that make an answer false; others only make it a bad one."""
RATIO = (0.5, 2.0)
"""Words of the rejected answer to those of the chosen: outside of it length alone would tell them apart."""


class RejectedParams(RewordedParams):
    """Records with an answer in a sentence; not those whose answer is one letter or one word."""

    of: Bases = ("vqa.closed", "caption", "measurement.size")
    min_words: int = Field(default=4, ge=1)


class RejectedAnswer(RewordedWriter):
    """Record type 26. The chosen answer is the template's; the rejected one contradicts the facts, which is checked as
    any claim is, and is matched to it in length and form (MMedPO's are told apart by length in 93 of 100)."""

    name: ClassVar[str] = "write.rejected"
    type: ClassVar[int] = 26
    config: ClassVar[Config] = "preference"
    prompts: ClassVar[tuple[str, ...]] = ("rejected",)
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = RejectedParams
    params: RejectedParams

    def fits(self, record: Record) -> bool:
        words = len(record.turns[1].text.split())
        return (
            super().fits(record)
            and not record.places
            and words >= self.params.min_words
            and "[" not in record.turns[1].text
        )

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        return {"facts": lines(brief), "question": brief.slot("question"), "answer": brief.slot("said")}

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        chosen, said = brief.slot("said"), fields["answer"]
        found = faults(said, Wanted(ground=proved(brief), words=(2, 120), unlike=chosen))
        yield from (fault for fault in found if fault.kind not in FALSE)
        if not why_false(found):
            yield Fault("answer", "nothing in it is false")
        ratio = len(said.split()) / max(1, len(chosen.split()))
        if not RATIO[0] <= ratio <= RATIO[1]:
            yield Fault("format", f"{ratio:.1f} times as long as the true answer")
        if _form(said) != _form(chosen):
            yield Fault("format", "told apart by its form: sentences, capital or final mark")

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        said = done["rejected"]["answer"]
        found = faults(said, Wanted(ground=proved(brief), words=(2, 120)))
        why = why_false(found) or "false"
        turns = [(brief.slot("question"), brief.slot("said"))]
        yield record_of(self, brief, turns, worded, rejected=Rejected(text=said, reason=why))


def why_false(found: tuple[Fault, ...]) -> str | None:
    """The kind of the first fault that makes a text false, in the order of `FALSE`; None where it is true."""
    kinds = {fault.kind for fault in found}
    return next((kind for kind in FALSE if kind in kinds), None)


def _form(text: str) -> tuple[bool, str, int]:
    bare = text.strip()
    return bare[:1].isupper(), bare[-1:] if bare[-1:] in ".!?" else "", min(3, bare.count(". ") + 1)
