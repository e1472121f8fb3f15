"""Rationale: the steps that lead from facts to an answer that is known, each citing the fact that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import msgspec

from medloom.schemas.record import Config, Record
from medloom.synthesis.brief import Brief
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.claims import claims_of
from medloom.synthesis.evidence.ground import Ground, joined, of_brief
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.evidence.terms import term_book
from medloom.synthesis.prompt import Slot
from medloom.synthesis.writers.briefed import lines
from medloom.synthesis.writers.prompted import Fields, Schema, record_of
from medloom.synthesis.writers.reworded import Bases, RewordedParams, RewordedWriter, proved


class RationaleParams(RewordedParams):
    """`order`: the steps stand ``before`` the answer or ``after`` it (MedThink, Gai et al. 2024, has both)."""

    of: Bases = ("vqa.closed", "vqa.open", "counting", "measurement.size")
    order: Literal["before", "after"] = "before"


class Rationale(RewordedWriter):
    """Record type 24. The answer is given, so that only the way to it is written; a step may say no more than its
    fact does."""

    name: ClassVar[str] = "write.rationale"
    type: ClassVar[int] = 24
    config: ClassVar[Config] = "reasoning"
    prompts: ClassVar[tuple[str, ...]] = ("rationale",)
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = RationaleParams
    params: RationaleParams

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        return {"facts": lines(brief), "question": brief.slot("question"), "answer": brief.slot("said")}

    def narrowed(self, brief: Brief, prompt: str, answer: Schema) -> Schema:
        answer["properties"]["steps"]["items"]["properties"]["fact"] |= {"minimum": 1, "maximum": len(lines(brief))}
        return answer

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        cited: set[str] = set()
        numbers = [step["fact"] for step in fields["steps"]]
        if len(set(numbers)) < len(numbers):
            yield Fault("format", "two steps cite one fact")
        for step in fields["steps"]:
            ground = cited_ground(brief, step["fact"] - 1)
            yield from faults(step["text"], Wanted(ground=ground, words=(3, 50)))
            said = {claim.term for claim in claims_of(step["text"]).claims}
            at = _finding_at(brief, step["fact"] - 1)
            meant = term_book().above(brief.findings[at].concept) if 0 <= at < len(brief.findings) else said
            if said.isdisjoint(meant) and meant:
                yield Fault("answer", f"a step doesn't say the fact that it cites ({step['fact']})")
            cited |= said
        for concept in brief.concepts:
            if brief.form in ("closed", "numeric") and concept not in cited:
                yield Fault("omitted", concept)

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        steps = done["rationale"]["steps"]
        reason = " ".join(step["text"] for step in steps)
        answer = brief.slot("said")
        said = f"{reason}\n{answer}" if self.params.order == "before" else f"{answer}\n{reason}"
        facts = [
            brief.findings[at]
            for step in steps
            if 0 <= (at := _finding_at(brief, step["fact"] - 1)) < len(brief.findings)
        ]
        cited = [msgspec.structs.replace(brief.facts[one.fact], predicate="cited") for one in facts]
        yield record_of(
            self, brief, [(brief.slot("question"), said)], worded, reason=reason,
            evidence=(*brief.facts, *cited), fills=("answer", "reason"),
        )  # fmt: skip


def cited_ground(brief: Brief, line: int) -> Ground:
    """What the fact on one line of the prompt proves, with how the picture was taken and what was asked."""
    at = _finding_at(brief, line)
    whole, base = of_brief(brief), proved(brief)
    if not 0 <= at < len(brief.findings):
        return joined(whole._replace(claims=(), spots=()), base._replace(claims=(), spots=()))
    concept = brief.findings[at].concept
    claims = tuple(claim for claim in whole.claims if claim.term == concept)
    spots = tuple(spot for spot in whole.spots if spot[0] == concept)
    return whole._replace(claims=claims, spots=spots, quantities=base.quantities, numbers=whole.numbers | base.numbers)


def _finding_at(brief: Brief, line: int) -> int:
    """The index of the finding on a line of the prompt; the picture's own line comes before them."""
    return line - (1 if "picture" in dict(brief.known) else 0)
