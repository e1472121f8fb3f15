"""Corpus: which records stay and which split they go to, decided over narrow columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from medloom.flows.judge import (
    Drop,
    FilterSpec,
    Thumbs,
    Trial,
    drops_of,
    judged,
    load_filters,
    read_columns,
    read_views,
)
from medloom.quality.filter import SCORE_SCHEMA, CellFigure
from medloom.schemas.catalog import SplitSettings

if TYPE_CHECKING:
    from medloom.quality.blind import Answerer
    from medloom.quality.split import SplitResult

NARROW = ("id", "config", "task", "type", "source", "sample", "views", "patient", "study", "published_split", "licence",
          "redistribute")  # fmt: skip
VIEW_NARROW = ("id", "source", "sample", "sha256", "phash", "width", "height", "bytes", "mean", "std", "variants")


@dataclass(frozen=True)
class Step:
    """One filter's turn: its drops in order of the records, what its scores mean ("" without any), and its figures."""

    name: str
    drops: tuple[Drop, ...]
    score_of: str = ""
    cells: tuple[CellFigure, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Decisions:
    """What happens to every record.

    `records` has NARROW plus `unit` and `row` (where the record lies), `split`, `filter`, `reason` and `detail` (null
    where it stays), `axis` and `value` (of what is held out of training, null of the rest), and a column ``score.NAME``
    for each filter that gives scores, sorted by id. `split` tells components and clashes; `notes` tell of hold-outs.
    """

    records: pl.DataFrame
    views: pl.DataFrame
    steps: tuple[Step, ...]
    split: SplitResult
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> pl.DataFrame:
        return self.records.filter(pl.col("filter").is_null())

    @property
    def scored(self) -> tuple[str, ...]:
        """The filters that gave scores, in order."""
        return tuple(step.name for step in self.steps if step.score_of)


def gather(
    folders: Sequence[Path],
    file: str,
    columns: Iterable[str],
    narrow: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """The named columns of every unit's `file`, with `unit` (its number) and `row` (within the unit).

    `narrow` leaves of each unit only what is needed, so that the rest is never in memory for all of them at once.
    """
    wanted = set(columns)
    frames = []
    for number, folder in enumerate(folders):
        frame = _read(folder, file, wanted).with_row_index("row").with_columns(unit=pl.lit(number, pl.UInt32))
        frames.append(frame if narrow is None else narrow(frame))
    return pl.concat(frames) if frames else pl.DataFrame()


def _read(folder: Path, file: str, columns: set[str]) -> pl.DataFrame:
    return read_views(folder, columns) if file == "views.arrow" else read_columns(folder / file, columns)


def decide(
    folders: Sequence[Path],
    unit_drops: Iterable[Drop],
    filters: tuple[FilterSpec, ...],
    settings: SplitSettings,
    answerer: Answerer | None = None,
) -> Decisions:
    """Lets every filter have its say in the catalog's order, then splits what is left.

    `answerer` answers what the filter `blind` asks.

    `unit_drops` are the verdicts of the unit-scope filters, which look at each record for itself, so that they could be
    found unit by unit before: here they take their turn among the corpus-scope ones.

    Raises BuildError where a sample, patient or picture would be in two splits.
    """
    from medloom.quality.disjoint import assert_disjoint

    records, views, steps = sift(folders, unit_drops, filters, answerer)
    split = _split(records.filter(pl.col("filter").is_null()), views, settings, Thumbs(folders).lie(views))
    views = views.drop("variants", "phash", "mean", "std")  # nobody after this asks for them
    held = none_held()
    notes: tuple[str, ...] = ()
    if settings.hold_out:
        records, split, step, held, notes = _held_out(folders, records, split, settings)
        steps = (*steps, step)
    records = records.join(
        split.assignments.select("source", "sample", "split"), on=["source", "sample"], how="left"
    ).sort("id")
    records = records.join(held, on="id", how="left", maintain_order="left")
    placed = records.filter(pl.col("filter").is_null())
    assert_disjoint(placed, views.select("source", "sample", "sha256"), settings.by)
    return Decisions(records, views, steps, split, notes)


def none_held() -> pl.DataFrame:
    """id, axis, value of no record."""
    return pl.DataFrame(schema=dict.fromkeys(("id", "axis", "value"), pl.String))


def _held_out(
    folders: Sequence[Path], records: pl.DataFrame, split: SplitResult, settings: SplitSettings
) -> tuple[pl.DataFrame, SplitResult, Step, pl.DataFrame, tuple[str, ...]]:
    """Puts the catalog's hold-outs into test, and drops those of their records that can't go there."""
    from medloom.quality.hold_out import RECORD_COLUMNS, VIEW_COLUMNS, check_composed, hold_out, matched, tell

    kept = records.filter(pl.col("filter").is_null())
    told = gather(folders, "records.arrow", RECORD_COLUMNS).join(kept.select("id"), on="id", how="semi").sort("id")
    shown = gather(folders, "views.arrow", VIEW_COLUMNS)
    held = matched(told, shown, settings.hold_out)
    assignments, gone = hold_out(kept, split.assignments, held)
    drops = tuple(
        Drop(record=name, filter="hold_out", reason="held_out", detail=f"{axis} {value}")
        for name, axis, value in gone.sort("id").iter_rows()
    )
    trained = assignments.filter(pl.col("split") == "train").select("source", "sample")
    check_composed(
        told,
        shown,
        told.join(gone, on="id", how="anti").join(trained, on=["source", "sample"], how="semi")["id"],
        settings.hold_out,
    )
    lost = _frame(drops).rename({"record": "id"})
    fresh = records.join(lost, on="id", how="left", suffix="_lost", maintain_order="left").with_columns(
        pl.coalesce(name, f"{name}_lost").alias(name) for name in ("filter", "reason", "detail")
    )
    counts = dict(assignments["split"].value_counts().iter_rows())
    shares = {name: counts.get(name, 0) / max(1, len(assignments)) for name in split.shares}
    split = replace(split, assignments=assignments, shares=shares)
    notes = tuple(tell(held, gone, settings.hold_out))
    return fresh.select(records.columns), split, Step("hold_out", drops), held, notes


def sift(
    folders: Sequence[Path],
    unit_drops: Iterable[Drop],
    filters: tuple[FilterSpec, ...],
    answerer: Answerer | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[Step, ...]]:
    """Records (as in `Decisions`, without `split`), views, and each filter's turn."""
    from medloom.quality.filters.blind import Blind
    from medloom.quality.filters.near_duplicates import NearDuplicates, NearDuplicatesByName

    thumbs = Thumbs(folders)
    loaded = [
        NearDuplicatesByName(one.params, thumbs) if isinstance(one, NearDuplicates) else one
        for one in load_filters(filters)
    ]
    for one in loaded:
        if isinstance(one, Blind):
            one.answerer = answerer
    corpus_wide = [one for one in loaded if one.scope == "corpus"]
    columns = {*NARROW, *(name for one in corpus_wide for name in one.record_columns)}
    view_columns = {*VIEW_NARROW, *(name for one in corpus_wide for name in one.view_columns)}
    records = gather(folders, "records.arrow", columns).sort("id")
    views = gather(folders, "views.arrow", view_columns).sort("id")
    thumbs.lie(views)
    found: dict[str, list[Drop]] = {}
    for drop in unit_drops:
        found.setdefault(drop.filter, []).append(drop)
    scored = _scored(folders, filters)
    steps: list[Step] = []
    gone = _frame(())
    scores: dict[str, pl.DataFrame] = {}
    for one in loaded:
        alive = records.join(gone, left_on="id", right_on="record", how="anti", maintain_order="left")
        if one.scope == "corpus":
            said = judged(one, alive, views)
            step = Step(one.name, tuple(drops_of(one, said)), one.score_of, said.cells, said.note)
            scores[one.name] = said.scores
        else:
            drops = sorted(_still(found, one.name, alive), key=lambda drop: drop.record)
            step = Step(one.name, tuple(drops), one.score_of)
            scores[one.name] = scored.filter(pl.col("filter") == one.name).select("record", "score")
        steps.append(step)
        gone = pl.concat([gone, _frame(step.drops)])
    records = records.select(*NARROW, "unit", "row").join(gone, left_on="id", right_on="record", how="left")
    for step in steps:
        if step.score_of:
            named = scores[step.name].rename({"score": f"score.{step.name}"})
            records = records.join(named, left_on="id", right_on="record", how="left")
    return records.sort("id"), views, tuple(steps)


def _scored(folders: Sequence[Path], filters: tuple[FilterSpec, ...]) -> pl.DataFrame:
    """record, score, filter: what the unit-scope filters scored, unit by unit."""
    files = [Trial(folder=str(folder), filters=filters).scores for folder in folders]
    frames = [read_columns(file, {"record", "score", "filter"}) for file in files if file.is_file()]
    return pl.concat([pl.DataFrame(schema={**SCORE_SCHEMA, "filter": pl.String}), *frames])


def _still(found: dict[str, list[Drop]], name: str, alive: pl.DataFrame) -> list[Drop]:
    """What the filter `name` dropped of the records that are still there."""
    left = set(alive["id"]) if name in found else set()
    return [drop for drop in found.get(name, []) if drop.record in left]


def _frame(drops: Iterable[Drop]) -> pl.DataFrame:
    rows = [(drop.record, drop.filter, drop.reason, drop.detail) for drop in drops]
    return pl.DataFrame(rows, schema=dict.fromkeys(("record", "filter", "reason", "detail"), pl.String), orient="row")


def _split(kept: pl.DataFrame, views: pl.DataFrame, settings: SplitSettings, thumbs: Thumbs) -> SplitResult:
    from medloom.quality.split import assign_splits, picture_keys

    samples = kept.group_by("source", "sample").agg(
        pl.col("patient").first(), pl.col("study").first(), pl.col("published_split").first()
    )
    shown = views.join(samples.select("source", "sample"), on=["source", "sample"], how="semi")
    return assign_splits(samples.sort("source", "sample"), picture_keys(shown, thumbs_of=thumbs), settings)
