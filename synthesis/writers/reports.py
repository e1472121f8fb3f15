"""Reports: a report said again in full sentences, or sorted by organ, with the same findings and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from medloom.schemas.identity import pick
from medloom.schemas.record import Answer, Config, Record
from medloom.schemas.sample import Text
from medloom.schemas.view import View
from medloom.synthesis.brief import Brief, Told
from medloom.synthesis.compose import case_key
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.claims import Claim, claims_of
from medloom.synthesis.evidence.ground import of_text
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.evidence.terms import term_book
from medloom.synthesis.prompt import Slot
from medloom.synthesis.scene import Case
from medloom.synthesis.task import Context, TaskParams
from medloom.synthesis.tasks.reports import BLANK, OF_BEFORE
from medloom.synthesis.text_facts import text_fact
from medloom.synthesis.writers.briefed import brief_of
from medloom.synthesis.writers.prompted import Fields, PromptedWriter, record_of

PARTS = ("lungs", "pleura", "heart", "mediastinum", "vessels", "bones", "devices", "other")
"""The headings of a structured report, in this order."""
TOGETHER = (frozenset({"lungs", "pleura"}), frozenset({"heart", "mediastinum", "vessels"}))
"""Headings that radiologists use for each other's findings."""
PART_OF = {
    "lung": "lungs", "lung_abnormality": "lungs", "pleura": "pleura", "pleural_abnormality": "pleura",
    "heart": "heart", "mediastinum": "mediastinum", "mediastinal_abnormality": "mediastinum", "aorta": "vessels",
    "aorta_abnormality": "vessels", "vascular_abnormality": "vessels", "bone": "bones", "rib": "bones",
    "vertebral_column": "bones", "bone_abnormality": "bones",
}  # fmt: skip
"""The heading of an organ, and of what is said where nothing is wrong with it."""
ASKS = {
    "rewrite": (
        "Write these notes as a report in full sentences.", "Put these findings into full sentences.",
        "Rewrite the following as running text.", "Turn these notes into a report that reads well.",
        "Say the same in complete sentences.",
    ),
    "structured": (
        "Sort these findings by organ.", "Give these findings under one heading for each organ.",
        "Make a structured report of these findings.", "Arrange what follows by organ.",
    ),
}  # fmt: skip
SEEN = {
    "rewrite": ("What are the findings?", "Describe the findings in full sentences.", "Report what is seen."),
    "structured": ("Give the findings, organ by organ.", "Report the findings under a heading for each organ."),
}


class ReportParams(TaskParams):
    """`forms` are what is made of a report; `kinds` of text are used, from `min_words` to `max_words` words."""

    forms: tuple[Literal["rewrite", "structured"], ...] = ("rewrite", "structured")
    kinds: tuple[str, ...] = ("findings", "impression", "report")
    min_words: int = Field(default=6, ge=1)
    max_words: int = Field(default=200, ge=10)


class WrittenReport(PromptedWriter):
    """Record type 22. Every finding with polarity, side, degree, number and unit, and every uncertainty, is kept; a
    text with a blank that de-identification left is not used. With pictures of the Sample the record shows those and
    not the notes, and then a text that speaks of an earlier examination is not used either."""

    name: ClassVar[str] = "write.report"
    type: ClassVar[int] = 22
    config: ClassVar[Config] = "text"
    prompts: ClassVar[tuple[str, ...]] = ("report.rewrite", "report.structured")
    needs = (frozenset({"texts"}),)
    Params = ReportParams
    params: ReportParams

    def briefs_of_case(self, case: Case, context: Context) -> Iterator[Brief]:
        views = [scene.view for scene in case.scenes][:4]
        if case.sample.media and not views:
            return
        for text in case.sample.texts:
            if not self._usable(text, views):
                continue
            for form in self.params.forms:
                key = case_key(self, case, views, text.pointer, form)
                asks = SEEN[form] if views else ASKS[form]
                yield brief_of(
                    self, case, views, key, ask=form, form="open", facts=(text_fact(text, "stated"),),
                    texts=(Told(kind=text.kind, body=findings_of(text), language=text.language, fact=0),),
                    given=(("question", asks[pick(len(asks), "prompt", key)]),), language=text.language,
                )  # fmt: skip

    def _usable(self, text: Text, views: Sequence[View]) -> bool:
        if text.kind not in self.params.kinds or text.language != "en":
            return False
        said = findings_of(text)
        if BLANK.search(said) or (views and OF_BEFORE.search(said)):
            return False
        return self.params.min_words <= len(said.split()) <= self.params.max_words

    def step(self, brief: Brief, done: Mapping[str, Fields]) -> str | None:
        prompt = f"report.{brief.ask}"
        return None if prompt in done else prompt

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        return {"report": brief.texts[0].body}

    def most_tokens(self, brief: Brief, prompt: str) -> int | None:
        """A text that runs on is refused by its length: it needs no more tokens than that takes, of which the words of
        medicine are several each."""
        return 2 * _most_words(brief) + (20 if brief.ask == "rewrite" else 80)

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        source = brief.texts[0].body
        said = fields["text"] if brief.ask == "rewrite" else _spoken(fields["sections"])
        if brief.ask == "structured":
            named = [part["organ"] for part in fields["sections"]]
            if len(set(named)) < len(named):
                yield Fault("format", "a heading stands twice")
            yield from _misplaced(fields["sections"])
        again = source if brief.ask == "rewrite" else None
        yield from faults(said, Wanted(ground=of_text(source), words=(3, _most_words(brief)), unlike=again))

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        fields = done[f"report.{brief.ask}"]
        said = fields["text"] if brief.ask == "rewrite" else _shown(fields["sections"])
        question = brief.slot("question")
        if not brief.views:
            question = f"{question}\n\n{brief.texts[0].body}"
        yield record_of(
            self, brief, [(question, said)], worded, answer=Answer(text=said),
            config="image_text" if brief.views else "text", texts=(said,) if brief.views else (),
        )  # fmt: skip


_OTHER_SECTIONS = re.compile(r"^(?:INDICATION|COMPARISON|TECHNIQUE|HISTORY|EXAM(?:INATION)?)\b[^\n]*\n?", re.MULTILINE)


def _misplaced(parts: Sequence[Mapping[str, str]]) -> Iterator[Fault]:
    """What stands under the heading of another organ."""
    for part in parts:
        for claim in claims_of(part["text"]).claims:
            heading = _heading_of(claim)
            beside = {heading, *(one for group in TOGETHER if heading in group for one in group)}
            if heading is not None and part["organ"] not in beside:
                yield Fault("format", f"{claim.words} belongs under {heading}, not {part['organ']}")


def _heading_of(claim: Claim) -> str | None:
    """The heading that a finding belongs under; None where that is open."""
    if claim.sort not in ("finding", "normal"):
        return None
    book = term_book()
    for term in sorted(book.above(claim.term), key=lambda one: (one != claim.term, one)):
        concepts = [book.vocabulary[term]] if term in book.vocabulary else []
        if any(concept.kind == "device" for concept in concepts):
            return "devices"
        organs = [concept.organ for concept in concepts if concept.organ is not None]
        for organ in (term, *organs):
            if organ in PART_OF:
                return PART_OF[organ]
    return None


def _most_words(brief: Brief) -> int:
    """Words of a text that says no more than its source."""
    return max(30, 3 * len(brief.texts[0].body.split()))


def findings_of(text: Text) -> str:
    """What a text says of its pictures: of a whole report the findings and the impression, without headings."""
    from medloom.converters.text.sections import sections

    if text.kind != "report":
        return text.body
    parts = [part.body for part in sections(text.body) if part.kind in ("findings", "impression")]
    return " ".join(parts) or _OTHER_SECTIONS.sub("", text.body)


def _spoken(parts: Sequence[Mapping[str, str]]) -> str:
    return " ".join(part["text"] if part["text"].endswith((".", "!", "?")) else f"{part['text']}." for part in parts)


def _shown(parts: Sequence[Mapping[str, str]]) -> str:
    ordered = sorted(parts, key=lambda part: PARTS.index(part["organ"]))
    return "\n".join(f"{part['organ'].capitalize()}: {part['text']}" for part in ordered)
