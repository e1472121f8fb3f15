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
from medloom.flows.layout import Earlier, lay_out, rows_of
from medloom.flows.light_import import arrow_alone
from medloom.flows.shard_table import row_schema
from medloom.flows.shards import Shard, ShardJob, write_shard
from medloom.flows.store import Store
from medloom.flows.terms import config_name, terms_of
from medloom.flows.unit_rows import UnitPlace
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


def plan_rows(kept: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """The rows of one config and split, in order of id, from the records that are kept there.

    A row is one set of media with all its records; of records without any, one sample is a row. Its id is that of its
    view where there is one, else a digest of the views in order, or of the sample.

    `views` says where each view lies: id, unit, row, bytes. The result has `id`, `view_units` and `view_rows` (in the
    order in which they are shown), `units` and `numbers`, `axes` and `values` (of each record), and `bytes`.
    """
    records = kept.select("views", "unit", "row", "axis", "value", id=_row_ids(kept))
    rows = records.group_by("id", maintain_order=True).agg(
        pl.col("views").first(), units="unit", numbers="row", axes="axis", values="value"
    )
    each = rows.select("id", view="views").explode("view", empty_as_null=False)
    lie = each.join(views, left_on="view", right_on="id", how="left", maintain_order="left", validate="m:1")
    if lie["unit"].null_count():
        raise KeyError(f"no unit has the view {lie.filter(pl.col('unit').is_null())['view'][0]}")
    shown = lie.group_by("id").agg(view_units="unit", view_rows="row", bytes=pl.col("bytes").sum())
    return rows.drop("views").join(shown, on="id", how="left").sort("id")


def _row_ids(kept: pl.DataFrame) -> pl.Series:
    """Of each record the id of the row that it goes to."""
    alone = pl.col("views").list.len() == 1
    ids = kept.select(pl.when(alone).then(pl.col("views").list.first())).to_series()
    others = kept.with_row_index("at").filter(~alone)
    told = [
        digest("row", shown or f"{source}\0{sample}")
        for shown, source, sample in others.select("views", "source", "sample").iter_rows()
    ]
    return ids.scatter(others["at"], told) if told else ids


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
    lie = decisions.views.select("id", "unit", "row", "bytes")
    jobs: dict[str, tuple[Config, Redistribute, str, str, pl.DataFrame]] = {}

    def planned() -> Iterator[ShardJob]:
        for config, passed_on, split in product(CONFIGS, get_args(Redistribute), SPLITS):
            folder = config_name(config, passed_on)
            before = earlier.shards.get((folder, split), {}) if earlier is not None else {}
            kept = _kept_so(decisions.kept, config, passed_on, split)
            if kept.is_empty():
                continue
            laid = lay_out(plan_rows(kept, lie), settings, folder, split, before)
            for number, (name, shard) in enumerate(laid):
                file = plan / f"{folder}-{split}-{number:05d}.msgpack"
                file.write_bytes(msgspec.msgpack.encode(rows_of(shard)))
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


def _members(rows: pl.DataFrame, path: str) -> pl.DataFrame:
    """Of each record of a shard: its unit, its number there, its row, and the shard."""
    each = rows.select(unit="units", number="numbers", row_id="id").explode("unit", "number")
    return each.with_columns(shard=pl.lit(path))


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
