"""Assemble: kept records become rows, rows become shards, shards become the corpus's `data/`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from medloom.flows.corpus import Decisions
from medloom.flows.features import features
from medloom.flows.shards import Ref, Row, Shard, ShardJob, UnitPlace, row_schema, write_shard
from medloom.flows.store import Store
from medloom.flows.workers import Workers
from medloom.schemas.catalog import Shards
from medloom.schemas.identity import digest
from medloom.schemas.record import CONFIGS

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Placed:
    """A finished shard and the name that it has in the corpus."""

    config: str
    split: str
    path: str
    shard: Shard


def plan_rows(decisions: Decisions, located: dict[str, Ref], config: str, split: str) -> list[Row]:
    """The rows of one config and split, in order of id. A row is one set of media with all its records; of records
    without any, one sample is a row.

    The id of a row is that of its view where there is one, else a digest of the views in order, or of the sample.
    `located` says where each view lies.
    """
    kept = decisions.kept.filter((pl.col("config") == config) & (pl.col("split") == split))
    if kept.is_empty():
        return []
    sample = pl.when(pl.col("views").list.len() == 0).then(pl.concat_str("source", "sample", separator="\0"))
    grouped = kept.group_by("views", sample.alias("of"), maintain_order=True).agg("unit", "row")
    rows = [
        Row(
            id=shown[0] if len(shown) == 1 else digest("row", shown or of),
            views=tuple(located[view] for view in shown),
            records=tuple(zip(units, numbers, strict=True)),
        )
        for shown, of, units, numbers in grouped.select("views", "of", "unit", "row").iter_rows()
    ]
    return sorted(rows, key=lambda row: row.id)


def cut(rows: list[Row], sizes: dict[Ref, int], settings: Shards) -> Iterator[list[Row]]:
    """Shards of at most `rows` rows and `max_mb` megabytes of pictures."""
    shard: list[Row] = []
    weight = 0
    for row in rows:
        more = sum(sizes[view] for view in row.views)
        if shard and (len(shard) >= settings.rows or weight + more > settings.max_mb * 10**6):
            yield shard
            shard, weight = [], 0
        shard.append(row)
        weight += more
    if shard:
        yield shard


def assemble(
    store: Store, decisions: Decisions, units: tuple[UnitPlace, ...], settings: Shards, workers: Workers
) -> Iterator[Placed]:
    """Writes every shard that isn't there yet and yields each as it is done."""
    plan = store.work / "plan"
    shutil.rmtree(plan, ignore_errors=True)
    plan.mkdir(parents=True)
    located: dict[str, Ref] = {}
    sizes: dict[Ref, int] = {}
    for view, unit, row, size in decisions.views.select("id", "unit", "row", "bytes").iter_rows():
        located[view] = ref = (unit, row)
        sizes[ref] = size
    jobs: dict[str, tuple[str, str, str]] = {}

    def planned() -> Iterator[ShardJob]:
        for config in CONFIGS:
            described = json.dumps(features(row_schema(config)), sort_keys=True)
            for split in SPLITS:
                shards = list(cut(plan_rows(decisions, located, config, split), sizes, settings))
                for number, rows in enumerate(shards):
                    name = f"data/{config}/{split}-{number:05d}-of-{len(shards):05d}.parquet"
                    file = plan / f"{config}-{split}-{number:05d}.msgpack"
                    file.write_bytes(msgspec.msgpack.encode(rows))
                    jobs[str(file)] = (config, split, name)
                    yield ShardJob(
                        rows=str(file),
                        config=config,
                        split=split,
                        units=units,
                        folder=str(store.shards),
                        features=described,
                    )

    for file, shard in workers.map(_write_named, planned()):
        config, split, name = jobs[file]
        yield Placed(config, split, name, shard)


def _write_named(job: ShardJob) -> tuple[str, Shard]:
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
