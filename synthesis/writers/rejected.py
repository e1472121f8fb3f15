"""Rejected: for a true answer a false one that reads as well, so that a pair differs in what is true alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from medloom.schemas.record import Config, Record, Rejected
from medloom.synthesis.brief import Brief
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.claims import Claim, claims_of
from medloom.synthesis.evidence.copies import words_of
from medloom.synthesis.evidence.ground import Ground, joined, of_text, taken
from medloom.synthesis.evidence.held import Fault, held
from medloom.synthesis.evidence.terms import term_book
from medloom.synthesis.prompt import Slot
from medloom.synthesis.writers.briefed import lines
from medloom.synthesis.writers.prompted import Fields, record_of
from medloom.synthesis.writers.reworded import Bases, RewordedParams, RewordedWriter, proved

BAD = ("reveals", "language", "copied", "format", "schema")
"""Faults that make an answer a bad one, whether it is true or not."""
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
        found = faults(said, Wanted(ground=known(brief), words=(2, 120), unlike=chosen))
        yield from (fault for fault in found if fault.kind in BAD)
        if why_false(said, brief) is None:
            yield Fault("answer", "nothing in it contradicts what is known")
        ratio = len(said.split()) / max(1, len(chosen.split()))
        if not RATIO[0] <= ratio <= RATIO[1]:
            yield Fault("format", f"{ratio:.1f} times as long as the true answer")
        if _form(said) != _form(chosen):
            yield Fault("format", "told apart by its form: sentences, capital or final mark")

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        said = done["rejected"]["answer"]
        why = why_false(said, brief)
        assert why is not None
        turns = [(brief.slot("question"), brief.slot("said"))]
        yield record_of(self, brief, turns, worded, rejected=Rejected(text=said, reason=why))


def known(brief: Brief) -> Ground:
    """What the annotation proves and what the true answer states: a diagnosis, say, that no fact of the picture has."""
    return joined(proved(brief), of_text(brief.slot("said"), whole=False))


def why_false(said: str, brief: Brief) -> str | None:
    """What of the text contradicts what is known; None where nothing does. What is only unknown may well be true."""
    ground, told = known(brief), claims_of(said)
    if any(_denied(one, claim) for claim in told.claims for one in ground.claims):
        return "polarity"
    word = re.match(r"(?:yes|no)\b", said.strip().lower())
    turned = brief.form == "closed" and brief.answer is not None and word is not None and word[0] != brief.answer.text
    about = any(claim.term in brief.concepts for claim in told.claims)
    if turned and not about and _reworded(said, brief.slot("said")):
        return "polarity"
    for claim in told.claims:
        mine = [one for one in ground.claims if one.term == claim.term and one.stance == claim.stance]
        if claim.sides and all(one.sides for one in mine) and not any(claim.sides & one.sides for one in mine) and mine:
            return "side"
        counts = {one.many for one in mine if one.many is not None}
        if claim.many is not None and counts and claim.many not in counts:
            return "count"
    kinds = {fault.kind for fault in held(told, ground)}
    if "number" in kinds and {number.unit for number in told.numbers if number.unit} & {
        u for _, u in ground.quantities
    }:
        return "number"
    if "place" in kinds and any(spot.of is not None and _placed(spot.of.term, ground) for spot in told.spots):
        return "place"
    how = dict(taken(told.plain))
    if any((kind, name) not in ground.taken and kind in dict(ground.taken) for kind, name in how.items()):
        return "modality"
    return None


def _denied(one: Claim, claim: Claim) -> bool:
    """Whether one claim denies the other: of the same thing, or the whole kind of what the other has."""
    if {one.stance, claim.stance} != {"present", "absent"}:
        return False
    absent, present = (one, claim) if one.stance == "absent" else (claim, one)
    return absent.term in term_book().above(present.term)


def _reworded(said: str, chosen: str) -> bool:
    """Whether what follows yes or no is the true answer's own: "it can be seen here", and no talk of something else."""
    words = words_of(said)[1:]
    return 2 * len(set(words) & {*words_of(chosen)}) >= len(set(words))


def _placed(term: str, ground: Ground) -> bool:
    return any(where == term for where, _ in ground.spots)


def _form(text: str) -> tuple[bool, str, int]:
    bare = text.strip()
    return bare[:1].isupper(), bare[-1:] if bare[-1:] in ".!?" else "", min(3, bare.count(". ") + 1)
