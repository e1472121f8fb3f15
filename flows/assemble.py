"""Assemble: kept records become rows, rows become shards, shards become the corpus's `data/`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args

import msgspec
import polars as pl

from medloom.flows.corpus import Decisions
from medloom.flows.features import features
from medloom.flows.layout import Earlier, lay_out
from medloom.flows.light_import import arrow_alone
from medloom.flows.shard_table import Row, row_schema
from medloom.flows.shards import Shard, ShardJob, write_shard
from medloom.flows.store import Store
from medloom.flows.terms import config_name, terms_of
from medloom.flows.unit_rows import Ref, UnitPlace
from medloom.flows.workers import Workers
from medloom.schemas.card import Redistribute
from medloom.schemas.catalog import Shards
from medloom.schemas.identity import digest
from medloom.schemas.record import CONFIGS, Config

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Placed:
    """A finished shard and its name in the corpus; `members` are unit, number, row_id and shard of its records.

    `redistribute` is what the sources of its rows let pass on: rows that differ in it are in different configs.
    """

    config: Config
    redistribute: Redistribute
    split: str
    path: str
    shard: Shard
    members: pl.DataFrame


def plan_rows(kept: pl.DataFrame, located: dict[str, Ref]) -> list[Row]:
    """The rows of one config and split, in order of id, from the records that are kept there.

    A row is one set of media with all its records; of records without any, one sample is a row.

    The id of a row is that of its view where there is one, else a digest of the views in order, or of the sample.
    `located` says where each view lies.
    """
    if kept.is_empty():
        return []
    sample = pl.when(pl.col("views").list.len() == 0).then(pl.concat_str("source", "sample", separator="\0"))
    grouped = kept.group_by("views", sample.alias("of"), maintain_order=True).agg("unit", "row", "axis", "value")
    rows = [
        Row(
            id=shown[0] if len(shown) == 1 else digest("row", shown or of),
            views=tuple(located[view] for view in shown),
            records=tuple(zip(units, numbers, strict=True)),
            held=_held(axes, values),
        )
        for shown, of, units, numbers, axes, values in grouped.select(
            "views", "of", "unit", "row", "axis", "value"
        ).iter_rows()
    ]
    return sorted(rows, key=lambda row: row.id)


def _held(axes: list[str | None], values: list[str | None]) -> tuple[tuple[str, str] | None, ...]:
    told = tuple(
        None if axis is None or value is None else (axis, value) for axis, value in zip(axes, values, strict=True)
    )
    return told if any(told) else ()


def assemble(
    store: Store,
    decisions: Decisions,
    units: tuple[UnitPlace, ...],
    settings: Shards,
    workers: Workers,
    earlier: Earlier | None = None,
) -> Iterator[Placed]:
    """Writes every shard that isn't there yet and yields each as it is done; rows of `earlier` stay where they were."""
    plan = store.work / "plan"
    shutil.rmtree(plan, ignore_errors=True)
    plan.mkdir(parents=True)
    located: dict[str, Ref] = {}
    sizes: dict[Ref, int] = {}
    for view, unit, row, size in decisions.views.select("id", "unit", "row", "bytes").iter_rows():
        located[view] = ref = (unit, row)
        sizes[ref] = size
    jobs: dict[str, tuple[Config, Redistribute, str, str, pl.DataFrame]] = {}

    def planned() -> Iterator[ShardJob]:
        for config, passed_on, split in product(CONFIGS, get_args(Redistribute), SPLITS):
            folder = config_name(config, passed_on)
            before = earlier.shards.get((folder, split), {}) if earlier is not None else {}
            rows = plan_rows(_kept_so(decisions.kept, config, passed_on, split), located)
            for number, (name, shard) in enumerate(lay_out(rows, sizes, settings, folder, split, before)):
                file = plan / f"{folder}-{split}-{number:05d}.msgpack"
                file.write_bytes(msgspec.msgpack.encode(shard))
                jobs[str(file)] = (config, passed_on, split, name, _members(shard, name))
                yield ShardJob(
                    rows=str(file),
                    config=config,
                    split=split,
                    units=units,
                    folder=str(store.shards),
                    features=json.dumps(features(row_schema(config)), sort_keys=True),
                )

    for file, shard in workers.map(_write_named, planned()):
        config, passed_on, split, name, members = jobs.pop(file)
        yield Placed(config, passed_on, split, name, shard, members)


def _kept_so(kept: pl.DataFrame, config: Config, passed_on: Redistribute, split: str) -> pl.DataFrame:
    terms = [one for one in get_args(Redistribute) if terms_of(config, one) == passed_on]
    return kept.filter((pl.col("config") == config) & (pl.col("split") == split) & pl.col("redistribute").is_in(terms))


def _members(rows: list[Row], path: str) -> pl.DataFrame:
    """Of each record of a shard: its unit, its number there, its row, and the shard."""
    found = [(unit, number, row.id) for row in rows for unit, number in row.records]
    schema = {"unit": pl.UInt32, "number": pl.UInt32, "row_id": pl.String}
    return pl.DataFrame(found, schema=schema, orient="row").with_columns(shard=pl.lit(path))


def _write_named(job: ShardJob) -> tuple[str, Shard]:
    arrow_alone()
    return job.rows, write_shard(job)


def place(store: Store, shards: Iterable[Placed]) -> None:
    """Puts the shards under their names into the next corpus: links where the disk can, copies elsewhere."""
    for placed in shards:
        target = store.next / placed.path
        target.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(store.shards / placed.shard.file, target)


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link, or a copy where links can't be had."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def forget_shards(store: Store, shards: Iterable[Placed]) -> None:
    """Removes finished shards of earlier builds that this one doesn't use."""
    used = {placed.shard.file for placed in shards}
    for path in store.shards.glob("*.parquet"):
        if path.name not in used:
            path.unlink()
            path.with_suffix(".json").unlink(missing_ok=True)
