"""Judge: a second model rates what the first has written, in FineVision's four ratings; the record keeps them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from medloom.schemas.record import MEDIA_TAGS, Rating, Record
from medloom.synthesis.brief import Brief
from medloom.synthesis.engines.request import Message, Request, Sampling
from medloom.synthesis.evidence.form import BadForm, parsed
from medloom.synthesis.writer import Exchange, Refused, Writer, Written

if TYPE_CHECKING:
    from medloom.synthesis.prompt import PromptBook

PROMPT = "judge"
RATINGS = ("relevance", "visual_dependence", "image_correspondence", "formatting")
"""What is rated, 1 to 5 (Wiedmann et al., FineVision, 2025)."""


class JudgedWriter(Writer):
    """A writer whose records are rated after they have passed the evidence check: one request for each.

    A rating that can't be read is left out and counted as ``unrated``, and the record stays: whoever wants only what
    was rated well says so by the filter ``ratings``. The judge is asked once; it is a score, not a proof.
    """

    def __init__(self, inner: Writer) -> None:
        self.inner, self.params = inner, inner.params
        self.name, self.type, self.config = inner.name, inner.type, inner.config  # type: ignore[misc]
        self.version, self.stamp = inner.version, inner.stamp  # type: ignore[misc]
        self.prompts = (*inner.prompts, PROMPT)  # type: ignore[misc]
        self.briefs = inner.briefs  # type: ignore[method-assign]
        self.briefs_of_case = inner.briefs_of_case  # type: ignore[method-assign]

    def requests(self, brief: Brief, prompts: PromptBook, past: Sequence[Exchange] = ()) -> tuple[Request, ...]:
        own, rated = _parted(past)
        if rated:
            return ()
        more = self.inner.requests(brief, prompts, own)
        if more or not own:
            return more
        records = self.inner.written(brief, own).records
        return tuple(judging(record, brief, prompts) for record in records)

    def written(self, brief: Brief, past: Sequence[Exchange]) -> Written:
        own, rated = _parted(past)
        written = self.inner.written(brief, own)
        if not rated:
            return written
        records = tuple(
            msgspec.structs.replace(record, ratings=ratings(exchange))
            for record, exchange in zip(written.records, rated, strict=True)
        )
        unread = tuple(
            Refused("unrated", exchange.answer.reason or exchange.answer.text[:200])
            for record, exchange in zip(records, rated, strict=True)
            if not record.ratings
        )
        return Written(records, (*written.refused, *unread))


def judging(record: Record, brief: Brief, prompts: PromptBook) -> Request:
    """The request that rates a record: its picture, if the prompt shows any, all that is asked and all that is said."""
    prompt = prompts[PROMPT]
    asked = "\n".join(turn.text for turn in record.turns if turn.role == "user")
    for tag in MEDIA_TAGS.values():
        asked = asked.replace(f"{tag}\n", "").replace(tag, "")
    said = "\n".join(turn.text for turn in record.turns if turn.role == "assistant")
    pictures = tuple(view.sha256 for view in brief.views if view.kind == "picture") if prompt.page.pictures else ()
    opening = [Message(role=role, text=text) for role, text in prompt.opening()]  # type: ignore[arg-type]
    draw = prompt.page.sampling
    text = prompt.render({"question": asked, "answer": said})
    return Request(
        prompt=PROMPT,
        version=str(prompt.page.version),
        messages=(*opening, Message(role="user", text=text, pictures=pictures)),
        sampling=Sampling(temperature=draw.temperature, top_p=draw.top_p, max_tokens=draw.max_tokens),
        schema=prompt.schema,
        to="judge",
    )


def ratings(exchange: Exchange) -> tuple[Rating, ...]:
    """The ratings of an answer in the order of `RATINGS`; none where it can't be read."""
    if exchange.answer.finish != "stop":
        return ()
    try:
        fields: dict[str, Any] = parsed(exchange.answer.text, exchange.request.schema or json.dumps({"type": "object"}))
    except BadForm:
        return ()
    return tuple(Rating(name=name, value=float(fields[name])) for name in RATINGS if name in fields)


def _parted(past: Sequence[Exchange]) -> tuple[list[Exchange], list[Exchange]]:
    own = [exchange for exchange in past if exchange.request.to != "judge"]
    return own, [exchange for exchange in past if exchange.request.to == "judge"]
