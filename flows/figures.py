"""Figures of one build: what the report, the dataset card, NOTICE and the Croissant file are written from."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from medloom.flows.accounts import EngineRun, SynthesisFigures
from medloom.flows.terms import config_name
from medloom.quality.filter import CellFigure
from medloom.schemas.card import Access, Redistribute
from medloom.schemas.record import Config, Record
from medloom.schemas.sample import Modality, Split
from medloom.schemas.view import View

Counted = Literal["samples", "views", "briefs", "drafts", "records"]
Counts = dict[str, int]


class DropExample(msgspec.Struct, frozen=True, kw_only=True):
    """One dropped thing: the id of the record, view or sample, and why."""

    id: str
    reason: str
    detail: str = ""


class FunnelStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the funnel, in the order of the data. What went in is `kept` plus all of `dropped`.

    `note` says what the step left out, and why.
    """

    stage: str
    name: str
    unit: Counted
    kept: int
    dropped: Counts = {}
    examples: tuple[DropExample, ...] = ()
    note: str = ""

    @property
    def entered(self) -> int:
        return self.kept + sum(self.dropped.values())


class SourceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One source and its books: `listed` = `samples` + `refused`; `records_made` = `records` + `dropped`.

    `pictures` are stored views (distinct bytes), `bytes` their size; `patients` is None where the source names none.
    """

    source: str
    title: str
    description: str = ""
    modalities: tuple[Modality, ...] = ()
    anatomy: str | None = None
    verified: Literal["real", "subset", "layout"] = "real"
    phantom: bool = False
    listed: int
    samples: int
    refused: Counts = {}
    records_made: int
    records: int
    dropped: Counts = {}
    pictures: int = 0
    bytes: int = 0
    patients: int | None = None


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """How many records share these five things. Every count by one of them is a sum over cells."""

    source: str
    task: str
    type: int
    config: Config
    split: Split | None
    modality: Modality | None
    records: int


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Counts in bins: bin i is [edges[i], edges[i + 1]), the last one closed. `medloom.flows.histogram` makes it."""

    name: str
    title: str
    unit: str = ""
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    minimum: float
    median: float
    mean: float
    maximum: float


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Closed questions about one concept that are answered with yes and with no."""

    concept: str
    yes: int
    no: int


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """How often a letter is the right one in single choice; `expected` is the sum of 1/n over questions offering it."""

    letter: str
    correct: int
    expected: float


class LicenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One licence of one source. A source whose pictures are licensed one by one has several rows.

    `notice` is the text that the licence asks to carry along, where there is one.
    """

    source: str
    title: str
    licence: str
    access: Access = "open"
    redistribute: Redistribute = "bytes"
    citation: str
    homepage: str = ""
    notice: str = ""
    phantom: bool = False
    samples: int
    records: int


class QuarantineRow(msgspec.Struct, frozen=True, kw_only=True):
    """One refused input, as in ``quarantine.parquet``."""

    source: str
    unit: str
    file: str | None = None
    stage: str
    reason: str
    detail: str


class QuarantineCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many inputs of a source were refused at a stage for a reason: complete, where the rows may be cut short."""

    source: str
    stage: str
    reason: str
    count: int


class IdentityCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often something that could tell who a patient is was found in one place of a source, and hidden.

    `place` is text, question, note, header, visit or pixels; `kind` what it was (NAME, DATE, ...), never the thing.
    """

    source: str
    place: str
    kind: str
    count: int


class SplitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One split. `patients` counts the groups that are kept whole, of which a sample without patient is its own."""

    split: Split
    patients: int
    samples: int
    pictures: int
    records: int


class SplitClash(msgspec.Struct, frozen=True, kw_only=True):
    """A group (patient, near-duplicates) that the sources publish in several splits, and what became of it."""

    group: str
    reason: str
    splits: tuple[Split, ...]
    resolved: Split | None
    detail: str = ""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A real record for the contact sheet, its views in the order of `record.views`, and their stored bytes.

    Of media that are kept whole there are no bytes.
    """

    record: Record
    views: tuple[View, ...]
    pictures: tuple[bytes, ...]


class ScoreFigure(msgspec.Struct, frozen=True, kw_only=True):
    """The scores that one filter gave to the kept records: what they mean, and how they are spread."""

    filter: str
    means: str
    spread: Histogram


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was asserted of the corpus, and whether it holds."""

    name: str
    passed: bool
    detail: str = ""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The version of something that changes bytes."""

    kind: Literal["medloom", "converter", "task", "template", "filter", "model", "prompt", "library"]
    name: str
    version: str


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file. `path` is relative to the corpus; `arrow_bytes` is the size of its rows in memory."""

    path: str
    split: Split
    sha256: str
    rows: int
    bytes: int
    arrow_bytes: int


class ConfigFiles(msgspec.Struct, frozen=True, kw_only=True):
    """One config's shards, in order. `features` is what `datasets.Features._to_yaml_list()` gives.

    Rows of sources that let only text, or only an index, be passed on are a config of their own, by the `name` that it
    is published under.
    """

    config: Config
    redistribute: Redistribute = "bytes"
    features: list[dict[str, Any]]
    shards: tuple[Shard, ...]

    @property
    def name(self) -> str:
        return config_name(self.config, self.redistribute)


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two builds of one catalog: only the report may show it. `expectations` is the page of the
    Data Docs, relative to the report."""

    seconds: float | None = None
    workers: int | None = None
    peak_memory_bytes: int | None = None
    partitions: int | None = None
    resumed: int | None = None
    expectations: str | None = None
    stage_seconds: dict[str, float] = {}
    engines: tuple[EngineRun, ...] = ()


class CorpusFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said of one build.

    `concepts` maps concept ids to the names that people read. `engine` is what phrased the texts (none: templates
    alone). `deidentification` says, one sentence each, what was done; empty means that nothing was. `checks` are what
    the build asserts of the corpus. `run` is for the report alone, so that card, NOTICE and Croissant are the same
    bytes for the same catalog.
    """

    corpus: str
    version: str
    title: str
    description: str = ""
    release_licence: str
    release_to: Literal["public", "gated", "private"] = "public"
    languages: tuple[str, ...] = ("en",)
    engine: str = "none"
    synthesis: SynthesisFigures | None = None
    pictures: int
    records: int
    patients: int
    funnel: tuple[FunnelStep, ...]
    sources: tuple[SourceFigures, ...]
    cells: tuple[Cell, ...]
    histograms: tuple[Histogram, ...] = ()
    balance: tuple[Balance, ...] = ()
    letters: tuple[Letter, ...] = ()
    licences: tuple[LicenceRow, ...]
    quarantine: tuple[QuarantineRow, ...] = ()
    quarantine_counts: tuple[QuarantineCount, ...] = ()
    splits: tuple[SplitRow, ...]
    clashes: tuple[SplitClash, ...] = ()
    examples: tuple[Example, ...] = ()
    checks: tuple[Check, ...] = ()
    scores: tuple[ScoreFigure, ...] = ()
    shortcuts: tuple[CellFigure, ...] = ()
    configs: tuple[ConfigFiles, ...] = ()
    concepts: dict[str, str] = {}
    deidentification: tuple[str, ...] = ()
    identity: tuple[IdentityCount, ...] = ()
    notes: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()
    run: RunFacts | None = None

    @property
    def quarantined(self) -> int:
        return sum(row.count for row in self.quarantine_counts)

    @property
    def dropped(self) -> int:
        """Records that some step of the funnel dropped."""
        return sum(sum(step.dropped.values()) for step in self.funnel if step.unit == "records")


def open_books(figures: CorpusFigures) -> list[str]:
    """What does not add up, one sentence each; empty where every source and every step closes to zero."""
    wrong = []
    for row in figures.sources:
        refused, dropped = sum(row.refused.values()), sum(row.dropped.values())
        if row.listed != row.samples + refused:
            wrong.append(f"{row.source}: {row.listed} listed, but {row.samples} samples and {refused} refused")
        if row.records_made != row.records + dropped:
            wrong.append(f"{row.source}: {row.records_made} records made, but {row.records} kept and {dropped} dropped")
    last: dict[Counted, FunnelStep] = {}
    for step in figures.funnel:
        before = last.get(step.unit)
        if before is not None and before.kept != step.entered:
            wrong.append(f"{step.name}: {step.entered} {step.unit} went in, but {before.name} left {before.kept}")
        last[step.unit] = step
    totals = {
        "the sources": sum(row.records for row in figures.sources),
        "the cells": sum(cell.records for cell in figures.cells),
        "the splits": sum(row.records for row in figures.splits),
    }
    wrong += [
        f"{name} sum to {total} records, not {figures.records}"
        for name, total in totals.items()
        if total != figures.records
    ]
    return wrong
