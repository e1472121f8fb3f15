"""Layout: which shard a row lies in. Rows that an earlier version holds stay in theirs; new ones get new shards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import polars as pl

from medloom.flows.shard_table import Row
from medloom.schemas.catalog import Shards
from medloom.schemas.errors import CatalogError

_NUMBER = re.compile(r"-(\d{5})-of-\d{5}\.parquet$")


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """The version that a build follows: its version, the SHA-256 of its lock, and the shard of each of its rows.

    `shards` maps a config's name, which is its folder's, and a split to a mapping of row ids to paths in the corpus.
    """

    version: str
    lock: str
    shards: dict[tuple[str, str], dict[str, str]]


def read_earlier(corpus: Path) -> Earlier:
    """The layout of a finished corpus. Raises CatalogError where `corpus` is none that tells of its shards."""
    from medloom.flows.store import sha256_of

    lineage, lock = corpus / "lineage.parquet", corpus / "corpus.lock.json"
    if not (lineage.is_file() and lock.is_file()):
        raise CatalogError(f"{corpus} is no corpus to follow: expected corpus.lock.json and lineage.parquet in it")
    if "shard" not in pl.read_parquet_schema(lineage):
        raise CatalogError(f"{lineage} doesn't say which shard a row is in: it was built by an older medloom")
    rows = pl.scan_parquet(lineage).filter(pl.col("shard").is_not_null()).select("shard", "row", "split").unique()
    shards: dict[tuple[str, str], dict[str, str]] = {}
    for shard, row, split in rows.collect().iter_rows():
        shards.setdefault((shard.split("/")[1], split), {})[row] = shard
    catalog = msgspec.json.decode(lock.read_bytes())
    version = catalog.get("release", {}).get("version") or catalog["catalog"]["version"]
    return Earlier(version=version, lock=sha256_of(lock), shards=shards)


def lay_out(
    rows: pl.DataFrame, settings: Shards, folder: str, split: str, before: Mapping[str, str]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """(path within the corpus, rows in order of id) of each shard; `before` says where an earlier version has a row.

    A row that was there stays where it was. The others are cut into shards that come after those. A shard that
    stays keeps its name, so that ``of`` counts the shards that there were when it was written.
    """
    there = pl.DataFrame([*before.items()], {"id": pl.String, "path": pl.String}, orient="row")
    start = max((_number(path) for path in there["path"].unique()), default=-1) + 1
    kept = rows.join(there, on="id", how="inner", maintain_order="left")
    for (path,), shard in sorted(kept.partition_by("path", as_dict=True, include_key=False).items()):
        yield path, shard
    fresh = rows.join(there, on="id", how="anti", maintain_order="left")
    bounds = [*cut(fresh["bytes"].fill_null(0).to_list(), settings)]
    for number, (first, behind) in enumerate(bounds, start=start):
        path = f"data/{folder}/{split}-{number:05d}-of-{start + len(bounds):05d}.parquet"
        yield path, fresh[first:behind]


def _number(path: str) -> int:
    found = _NUMBER.search(path)
    if found is None:
        raise CatalogError(f"{path!r} is no name of a shard: expected SPLIT-00000-of-00001.parquet")
    return int(found[1])


def cut(sizes: Iterable[int], settings: Shards) -> Iterator[tuple[int, int]]:
    """First row and the one behind the last of shards of at most `rows` rows and `max_mb` megabytes of pictures."""
    first = weight = behind = 0
    for row, size in enumerate(sizes):
        if row > first and (row - first >= settings.rows or weight + size > settings.max_mb * 10**6):
            yield first, row
            first, weight = row, 0
        weight += size
        behind = row + 1
    if behind > first:
        yield first, behind


def rows_of(shard: pl.DataFrame) -> list[Row]:
    """The rows of `medloom.flows.assemble.plan_rows` as a shard's job names them."""
    columns = shard.select("id", "view_units", "view_rows", "units", "numbers", "axes", "values")
    return [
        Row(
            id=name,
            views=tuple(zip(view_units or (), view_rows or (), strict=True)),
            records=tuple(zip(units, numbers, strict=True)),
            held=_held(axes, values),
        )
        for name, view_units, view_rows, units, numbers, axes, values in columns.iter_rows()
    ]


def _held(axes: list[str | None], values: list[str | None]) -> tuple[tuple[str, str] | None, ...]:
    told = tuple(
        None if axis is None or value is None else (axis, value) for axis, value in zip(axes, values, strict=True)
    )
    return told if any(told) else ()
