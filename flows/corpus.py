"""Corpus: which records stay and which split they go to, decided over narrow columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from medloom.flows.judge import Drop, FilterSpec, load_filters, read_columns, run_filters
from medloom.schemas.catalog import SplitSettings

if TYPE_CHECKING:
    from medloom.quality.split import SplitResult

NARROW = ("id", "config", "task", "type", "source", "sample", "views", "patient", "study", "published_split", "licence")
VIEW_NARROW = ("id", "source", "sample", "sha256", "phash", "width", "height", "bytes", "mean", "std")


@dataclass(frozen=True)
class Decisions:
    """What happens to every record.

    `records` has NARROW plus `unit` and `row` (where the record lies), `split`, `filter` and `reason` (null where it
    stays), sorted by id. `steps` are (filter, drops in order). `split` tells components and clashes.
    """

    records: pl.DataFrame
    views: pl.DataFrame
    steps: tuple[tuple[str, tuple[Drop, ...]], ...]
    split: SplitResult

    @property
    def kept(self) -> pl.DataFrame:
        return self.records.filter(pl.col("filter").is_null())


def gather(folders: Sequence[Path], file: str, columns: Iterable[str]) -> pl.DataFrame:
    """The named columns of every unit's `file`, with `unit` (its number) and `row` (within the unit)."""
    wanted = set(columns)
    frames = [
        read_columns(folder / file, wanted).with_row_index("row").with_columns(unit=pl.lit(number, pl.UInt32))
        for number, folder in enumerate(folders)
    ]
    return pl.concat(frames) if frames else pl.DataFrame()


def decide(
    folders: Sequence[Path],
    unit_drops: Iterable[Drop],
    filters: tuple[FilterSpec, ...],
    settings: SplitSettings,
) -> Decisions:
    """Runs the corpus-scope filters in the catalog's order, then splits what is left.

    Raises BuildError where a sample, patient or picture would be in two splits.
    """
    from medloom.quality.disjoint import assert_disjoint

    loaded = load_filters(filters)
    corpus_wide = [one for one in loaded if one.scope == "corpus"]
    columns = {*NARROW, *(name for one in corpus_wide for name in one.record_columns)}
    view_columns = {*VIEW_NARROW, *(name for one in corpus_wide for name in one.view_columns)}
    records = gather(folders, "records.arrow", columns).sort("id")
    views = gather(folders, "views.arrow", view_columns).sort("id")
    drops: dict[str, list[Drop]] = {one.name: [] for one in loaded}
    for drop in unit_drops:
        drops[drop.filter].append(drop)
    gone = _frame(drop for dropped in drops.values() for drop in dropped)
    alive = records.join(gone, left_on="id", right_on="record", how="anti")
    for drop in run_filters(corpus_wide, alive, views):
        drops[drop.filter].append(drop)
    gone = _frame(drop for dropped in drops.values() for drop in dropped)
    records = records.select(*NARROW, "unit", "row").join(gone, left_on="id", right_on="record", how="left")
    split = _split(records.filter(pl.col("filter").is_null()), views, settings)
    records = records.join(
        split.assignments.select("source", "sample", "split"), on=["source", "sample"], how="left"
    ).sort("id")
    placed = records.filter(pl.col("filter").is_null())
    assert_disjoint(placed, views.select("source", "sample", "sha256"), settings.by)
    steps = tuple((name, tuple(sorted(rows, key=lambda row: row.record))) for name, rows in drops.items())
    return Decisions(records, views, steps, split)


def _frame(drops: Iterable[Drop]) -> pl.DataFrame:
    rows = [(drop.record, drop.filter, drop.reason) for drop in drops]
    return pl.DataFrame(rows, schema={"record": pl.String, "filter": pl.String, "reason": pl.String}, orient="row")


def _split(kept: pl.DataFrame, views: pl.DataFrame, settings: SplitSettings) -> SplitResult:
    from medloom.quality.split import assign_splits, picture_keys

    samples = kept.group_by("source", "sample").agg(
        pl.col("patient").first(), pl.col("study").first(), pl.col("published_split").first()
    )
    shown = views.join(samples.select("source", "sample"), on=["source", "sample"], how="semi")
    return assign_splits(samples.sort("source", "sample"), picture_keys(shown), settings)
