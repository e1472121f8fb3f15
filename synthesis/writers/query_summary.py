"""Query summary: what a patient asks, in a sentence or two, with every symptom and without any advice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from medloom.converters.text.sentences import sentences
from medloom.schemas.identity import pick
from medloom.schemas.record import Answer, Config, Record
from medloom.synthesis.brief import Brief, Told
from medloom.synthesis.compose import case_key
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.claims import Claims, claims_of
from medloom.synthesis.evidence.ground import of_text
from medloom.synthesis.evidence.held import Fault, held
from medloom.synthesis.prompt import Slot
from medloom.synthesis.scene import Case
from medloom.synthesis.task import Context, TaskParams
from medloom.synthesis.text_facts import text_fact
from medloom.synthesis.writers.briefed import brief_of
from medloom.synthesis.writers.prompted import Fields, PromptedWriter, record_of

ASKS = (
    "Summarise what the patient asks.", "Say in short what this patient wants to know.",
    "Give a summary of the query.", "What does the patient ask, in a sentence or two?",
)  # fmt: skip
_ASKS = re.compile(
    r"\b(?:ask(?:s|ed|ing)?|wonder(?:s|ing)?|whether|(?:wants?|wishes|would like|needs?|hopes?) to (?:know|learn|hear)|"
    r"worr(?:y|ied|ies)|concerned|afraid|fears|could (?:it|this|that) be)\b", re.I
)  # fmt: skip
_ADVICE = re.compile(
    r"\b(?:you should|should (?:see|take|consult|try)|i (?:recommend|suggest|advise)|please (?:see|consult))\b", re.I
)


class QueryParams(TaskParams):
    """Queries of `min_words` words or more; a summary has at most `share` of their words."""

    min_words: int = Field(default=12, ge=1)
    share: float = Field(default=0.8, gt=0, le=1)


class QuerySummary(PromptedWriter):
    """Record type 33 (MMQS, Ghosh et al. 2024). Present findings of the query are kept; nothing is added, no advice."""

    name: ClassVar[str] = "write.query_summary"
    type: ClassVar[int] = 33
    config: ClassVar[Config] = "text"
    prompts: ClassVar[tuple[str, ...]] = ("query_summary",)
    needs = (frozenset({"texts"}),)
    Params = QueryParams
    params: QueryParams

    def briefs_of_case(self, case: Case, context: Context) -> Iterator[Brief]:
        views = [scene.view for scene in case.scenes][:4]
        for text in case.sample.texts:
            if text.kind != "query" or len(text.body.split()) < self.params.min_words or text.language != "en":
                continue
            key = case_key(self, case, views, text.pointer)
            yield brief_of(
                self, case, views, key, form="open", facts=(text_fact(text, "asked"),),
                texts=(Told(kind="query", body=text.body, fact=0),),
                given=(("question", ASKS[pick(len(ASKS), "prompt", key)]),),
            )  # fmt: skip

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        return {"query": brief.texts[0].body}

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        query = brief.texts[0].body
        said = fields["summary"]
        most = max(8, int(self.params.share * len(query.split())))
        ground = of_text(query, whole=False)
        yield from faults(said, Wanted(ground=ground, words=(4, most), unlike=query))
        asked = asked_apart(claims_of(query))
        known = frozenset(claim.term for claim in asked.claims if claim.stance == "present")
        told = asked_apart(claims_of(said), known)
        yield from held(told, ground._replace(claims=asked.claims))
        named = {claim.term for claim in told.claims if claim.stance == "present"}
        for claim in asked.claims:
            if claim.sort == "finding" and claim.stance == "present" and claim.term not in named:
                yield Fault("omitted", claim.words)
        for age in sorted(_ages(said) - _ages(query)):
            yield Fault("number", f"{age} old")
        advice = _ADVICE.search(said)
        if advice is not None:
            yield Fault("added", f"advice: {advice[0]}")

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        said = done["query_summary"]["summary"]
        question = f"{brief.slot('question')}\n\n{brief.texts[0].body}"
        yield record_of(
            self, brief, [(question, said)], worded, answer=Answer(text=said), config="vqa" if brief.views else "text"
        )


def _ages(text: str) -> set[str]:
    """How old a text says that somebody is: as in "since 8 days", but not the same."""
    return {
        " ".join(one.lower().split())
        for one in re.findall(r"\b\d+[\s-](?:day|week|month|year)(?=s?[\s-]old\b)", text, re.I)
    }


def asked_apart(said: Claims, known: frozenset[str] = frozenset()) -> Claims:
    """The claims with what is only asked for held as uncertain: "is it a fracture?", "asks whether it is broken".
    Terms that are `known` to be there may be asked about and stay so: "is worried about the swelling".
    """
    spoken = [said.plain[start:end] for start, end in sentences(said.plain)]

    def only_asked(sentence: str, words: str) -> bool:
        begin = _ASKS.search(sentence)
        return sentence.rstrip().endswith("?") or (begin is not None and words in sentence[begin.end() :])

    return said._replace(
        claims=tuple(
            claim._replace(stance="uncertain")
            if claim.stance == "present" and claim.term not in known and only_asked(spoken[claim.sentence], claim.words)
            else claim
            for claim in said.claims
        )
    )
