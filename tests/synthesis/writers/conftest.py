"""What tests of writers share: a talk with an engine whose answers are given, and a Case with texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from medloom.flows.judge import judged
from medloom.quality.registry import load_filter
from medloom.schemas.arrow import to_batch
from medloom.schemas.card import SourceCard
from medloom.schemas.record import Record
from medloom.schemas.sample import Sample, Text
from medloom.synthesis.brief import Brief
from medloom.synthesis.engines.request import Answer
from medloom.synthesis.facts import Naming
from medloom.synthesis.prompt import load_prompts
from medloom.synthesis.scene import Case, Scene, Terms
from medloom.synthesis.writer import ROUNDS, Exchange, Writer, Written

Reply = dict[str, Any] | str | Answer


def _talk(writer: Writer, brief: Brief, replies: Sequence[Reply]) -> tuple[Written, list[Exchange]]:
    """What is written of a brief where the engine answers so, in turn; a stage goes through it in this very way, and no
    filter that every catalog has may drop what is written."""
    past: list[Exchange] = []
    waiting = list(replies)
    while asked := writer.requests(brief, load_prompts(), past):
        for request in asked:
            assert waiting, request.messages[-1].text
            reply = waiting.pop(0)
            text = reply if isinstance(reply, str) else json.dumps(reply) if isinstance(reply, dict) else ""
            past.append(Exchange(request, reply if isinstance(reply, Answer) else Answer(key="k", text=text)))
        assert len(past) <= ROUNDS
    assert not waiting, f"more answers than were asked for: {writer.written(brief, past)}"
    written = writer.written(brief, past)
    assert not _dropped(written.records)
    return written, past


def _dropped(records: Sequence[Record]) -> list[tuple[str, ...]]:
    told = pl.DataFrame(pl.from_arrow(to_batch(Record, records)))
    views = pl.DataFrame({"id": sorted({view for record in records for view in record.views})}, {"id": pl.String})
    filters = [load_filter(name, {}) for name in ("structure", "text", "prompt_answer")]
    return [row for one in filters for row in judged(one, told, views).drops.iter_rows()]


@pytest.fixture(scope="session")
def talk() -> Callable[..., tuple[Written, list[Exchange]]]:
    """talk(writer, brief, [reply, ...]) -> (written, exchanges)."""
    return _talk


@pytest.fixture
def make_case() -> Callable[..., Case]:
    """case(kind=body, ..., scenes=()): a Sample with these texts."""

    def make(scenes: tuple[Scene, ...] = (), **texts: str) -> Case:
        said = tuple(Text(kind=kind, body=body, pointer=f"r.csv#row=1,column={kind}") for kind, body in texts.items())
        sample = Sample(key="s1", patient="p1", split="train", media=(), texts=said)
        card = SourceCard.model_validate(
            {"source": "src", "title": "t", "licence": "CC-BY-4.0", "citation": "c", "converter": "csv_labels",
             "modality": "xray", "patient": "one per case", "verified": "real"}
        )  # fmt: skip
        terms = Terms("src", "CC-BY-4.0", "open", "bytes", "p1", None)
        return Case(sample=sample, terms=terms, naming=Naming(card, "s1"), scenes=scenes)

    return make
