"""Sums over the cells of a corpus, along one axis or two."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from medloom.flows.figures import Cell, CorpusFigures
from medloom.flows.naming import modality_name, record_type
from medloom.flows.report.chart import Segment, segments

SPLITS = ("train", "validation", "test", "unsplit")
LEVELS = 6


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One value of an axis: how many records, of which split, and the bar that shows it."""

    key: str
    note: str
    phantom: bool
    records: int
    splits: dict[str, int]
    bar: tuple[Segment, ...]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one axis, the most records first."""

    name: str
    title: str
    rows: tuple[Row, ...]


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """Records at a crossing, and its shade from 0 (none) to LEVELS."""

    records: int
    level: int


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """Sources against tasks."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, bool, tuple[Heat, ...]], ...]


_AXES: Mapping[str, tuple[str, Callable[[Cell], str]]] = {
    "source": ("By source", lambda cell: cell.source),
    "task": ("By task", lambda cell: cell.task),
    "type": ("By record type", lambda cell: record_type(cell.type)),
    "modality": ("By modality", lambda cell: modality_name(cell.modality)),
    "config": ("By config", lambda cell: cell.config),
    "split": ("By split", lambda cell: cell.split or "unsplit"),
}


def tallies(figures: CorpusFigures) -> tuple[Table, ...]:
    """Records by source, task, type, modality, config and split."""
    return tuple(Table(name=name, title=title, rows=_rows(figures, name, of)) for name, (title, of) in _AXES.items())


def _rows(figures: CorpusFigures, axis: str, of: Callable[[Cell], str]) -> tuple[Row, ...]:
    counts: dict[str, dict[str, int]] = {}
    for cell in figures.cells:
        splits = counts.setdefault(of(cell), dict.fromkeys(SPLITS, 0))
        splits[cell.split or "unsplit"] += cell.records
    notes = {cell.task: record_type(cell.type) for cell in figures.cells} if axis == "task" else {}
    if axis == "source":
        notes = {source.source: source.title for source in figures.sources}
    phantoms = {source.source for source in figures.sources if source.phantom} if axis == "source" else set()
    most = max((sum(splits.values()) for splits in counts.values()), default=1)
    ordered = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    if axis == "split":
        ordered.sort(key=lambda item: SPLITS.index(item[0]))
    return tuple(
        Row(
            key=key,
            note=notes.get(key, ""),
            phantom=key in phantoms,
            records=sum(splits.values()),
            splits=splits,
            bar=segments(splits, most),
        )
        for key, splits in ordered
    )


def crossing(figures: CorpusFigures) -> Crossing:
    """Records by source (rows, in the catalog's order) and task (columns, by name)."""
    counts: dict[tuple[str, str], int] = {}
    for cell in figures.cells:
        counts[cell.source, cell.task] = counts.get((cell.source, cell.task), 0) + cell.records
    tasks = tuple(sorted({task for _, task in counts}))
    most = max(counts.values(), default=1)
    return Crossing(
        columns=tasks,
        rows=tuple(
            (
                source.source,
                source.phantom,
                tuple(_heat(counts.get((source.source, task), 0), most) for task in tasks),
            )
            for source in figures.sources
        ),
    )


def _heat(records: int, most: int) -> Heat:
    return Heat(records=records, level=-(-LEVELS * records // max(most, 1)))
