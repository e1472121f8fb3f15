"""Layout: which shard a row lies in. Rows that an earlier version holds stay in theirs; new ones get new shards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import polars as pl

from medloom.flows.shard_table import Row
from medloom.flows.unit_rows import Ref
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
    rows: list[Row], sizes: Mapping[Ref, int], settings: Shards, folder: str, split: str, before: Mapping[str, str]
) -> list[tuple[str, list[Row]]]:
    """(path within the corpus, rows in order of id) of each shard; `before` says where an earlier version has a row.

    A row that was there stays where it was. The others are cut into shards that come after those. A shard that
    stays keeps its name, so that ``of`` counts the shards that there were when it was written.
    """
    kept: dict[str, list[Row]] = {}
    fresh: list[Row] = []
    for row in rows:
        path = before.get(row.id)
        if path is None:
            fresh.append(row)
        else:
            kept.setdefault(path, []).append(row)
    start = max((_number(path) for path in before.values()), default=-1) + 1
    added = list(cut(fresh, sizes, settings))
    names = (
        f"data/{folder}/{split}-{start + index:05d}-of-{start + len(added):05d}.parquet" for index in range(len(added))
    )
    return [*sorted(kept.items()), *zip(names, added, strict=True)]


def _number(path: str) -> int:
    found = _NUMBER.search(path)
    if found is None:
        raise CatalogError(f"{path!r} is no name of a shard: expected SPLIT-00000-of-00001.parquet")
    return int(found[1])


def cut(rows: Iterable[Row], sizes: Mapping[Ref, int], settings: Shards) -> Iterator[list[Row]]:
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
