"""Examples: real records for the report's contact sheets, the same ones for the same corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import polars as pl

from medloom.flows.figures import Example
from medloom.flows.unit_rows import open_unit
from medloom.schemas.record import Record
from medloom.schemas.view import View

if TYPE_CHECKING:
    from medloom.flows.build import Build

MOST = 60


def examples_of(build: Build) -> tuple[Example, ...]:
    """At most MOST kept records, equally many of each task and its sources in turn; tasks in the catalog's order."""
    assert build.decisions is not None
    order = {name: position for position, (name, _, _) in enumerate(build.tasks)}
    in_turn = (
        build.decisions.kept.sort("id")
        .with_columns(turn=pl.col("id").rank("ordinal").over("task", "source"))
        .sort("turn", "id")
        .with_columns(rank=pl.int_range(pl.len()).over("task"))  # every source of a task before any comes again
    )
    tasks = in_turn["task"].n_unique()
    chosen = (
        in_turn.filter(pl.col("rank") < max(1, MOST // tasks))
        .with_columns(place=pl.col("task").replace_strict(order, default=len(order)))
        .sort("place", "rank")
        .head(MOST)
    )
    return tuple(_example(build, row["unit"], row["row"], row["split"]) for row in chosen.iter_rows(named=True))


def _example(build: Build, number: int, row: int, split: str) -> Example:
    unit = open_unit(build.places[number])
    record = msgspec.convert({**unit.record(row), "split": split}, Record)
    shown = [unit.view(view) for view in record.views]
    views = tuple(msgspec.convert(view, View) for view in shown)
    pictures = tuple(unit.picture(view) if view["kind"] == "picture" else b"" for view in shown)
    return Example(record=record, views=views, pictures=pictures)
