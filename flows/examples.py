"""Examples: real records for the report's contact sheets, the same ones for the same corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import polars as pl

from medloom.flows.figures import Example
from medloom.flows.shards import open_unit
from medloom.schemas.record import Record
from medloom.schemas.view import View

if TYPE_CHECKING:
    from medloom.flows.build import Build

MOST = 60
PER_TASK_AND_SOURCE = 2


def examples_of(build: Build) -> tuple[Example, ...]:
    """At most MOST kept records: the first by id of each task and source, tasks in the catalog's order."""
    assert build.decisions is not None
    order = {name: position for position, (name, _, _) in enumerate(build.tasks)}
    chosen = (
        build.decisions.kept.group_by("task", "source")
        .agg(pl.all().sort_by("id").head(PER_TASK_AND_SOURCE))
        .explode(pl.exclude("task", "source"), empty_as_null=False)
        .with_columns(rank=pl.col("id").rank("ordinal").over("task", "source"))
        .with_columns(place=pl.col("task").replace_strict(order, default=len(order)))
        .sort("rank", "place", "source")
        .head(MOST)
        .sort("place", "source", "id")
    )
    return tuple(_example(build, row["unit"], row["row"]) for row in chosen.iter_rows(named=True))


def _example(build: Build, number: int, row: int) -> Example:
    unit = open_unit(build.places[number])
    record = msgspec.convert(unit.records[row].as_py(), Record)
    rows = {view: place for place, view in enumerate(unit.views.field("id").to_pylist())}
    shown = [unit.views[rows[view]].as_py() for view in record.views]
    views = tuple(msgspec.convert(view, View) for view in shown)
    pictures = tuple(unit.picture(view) for view in shown)
    return Example(record=record, views=views, pictures=pictures)
