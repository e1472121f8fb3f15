"""Shards: rows of a picture set and its records, written as Parquet that loaders and the Hub's viewer read well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from medloom.flows.shard_table import MEDIUM, Row, groups, row_schema, table_of
from medloom.flows.store import fsync, read_json, sha256_of, write_whole
from medloom.flows.unit_rows import UnitPlace, open_unit
from medloom.schemas import SCHEMA_VERSION
from medloom.schemas.arrow import VERSION_KEY
from medloom.schemas.identity import digest
from medloom.schemas.record import Config

WRITER_VERSION = "2"
PAGE_BYTES = 2**20


class ShardJob(msgspec.Struct, frozen=True, kw_only=True):
    """One shard to write: the file with its rows, its config and split, and where the units lie."""

    rows: str
    config: Config
    split: str
    units: tuple[UnitPlace, ...]
    folder: str
    features: str


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """A finished shard: its file in the store, SHA-256 of its bytes, sizes and counts."""

    file: str
    sha256: str
    bytes: int
    rows: int
    records: int
    pictures: int
    decoded_bytes: int


def write_shard(job: ShardJob) -> Shard:
    """Writes the shard, or finds it whole. Raises BuildError where a source file is no longer what it was."""
    rows = msgspec.msgpack.decode(Path(job.rows).read_bytes(), type=list[Row])
    units = _used(rows, job.units)
    key = digest("shard", WRITER_VERSION, SCHEMA_VERSION, job.config, job.split, job.features, *_content(rows, units))
    path = Path(job.folder) / f"{key}.parquet"
    note = path.with_suffix(".json")
    done = _found(path, note)
    if done is not None:
        return done
    pictures = sum(len(row.views) for row in rows)
    temporary = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    decoded = _write(temporary, rows, units, job)
    with ThreadPoolExecutor(1) as disk:  # the disk writes while the processor hashes
        flushed = disk.submit(fsync, temporary)
        sha256 = sha256_of(temporary)
        flushed.result()
    shard = Shard(
        file=path.name,
        sha256=sha256,
        bytes=temporary.stat().st_size,
        rows=len(rows),
        records=sum(len(row.records) for row in rows),
        pictures=pictures,
        decoded_bytes=decoded,
    )
    temporary.replace(path)
    write_whole(note, msgspec.json.encode(shard))
    return shard


def _found(path: Path, note: Path) -> Shard | None:
    done = read_json(note, Shard)
    if isinstance(done, Shard) and path.is_file() and path.stat().st_size == done.bytes:
        return done if sha256_of(path) == done.sha256 else None
    return None


def _content(rows: Sequence[Row], units: dict[int, UnitPlace]) -> tuple[object, ...]:
    """What the shard is made of, by content: numbers of units mean nothing outside this build."""
    place = {number: index for index, number in enumerate(units)}
    refs = [
        (
            row.id,
            [(place[unit], at) for unit, at in row.views],
            [(place[unit], at) for unit, at in row.records],
            row.held,
        )
        for row in rows
    ]
    return [unit.key for unit in units.values()], refs


def _used(rows: Sequence[Row], units: tuple[UnitPlace, ...]) -> dict[int, UnitPlace]:
    numbers = {number for row in rows for number, _ in (*row.views, *row.records)}
    return {number: units[number] for number in sorted(numbers)}


def _write(path: Path, rows: Sequence[Row], units: dict[int, UnitPlace], job: ShardJob) -> int:
    metadata = {
        VERSION_KEY: SCHEMA_VERSION,
        b"huggingface": json.dumps({"info": {"features": json.loads(job.features)}}),
    }
    schema = row_schema(job.config).with_metadata(metadata)
    stores = {number: open_unit(place) for number, place in units.items()}
    decoded = 0
    with pq.ParquetWriter(path, schema, **writer_options(job.config)) as writer:
        for group in groups(rows, stores):
            table = table_of(group, stores, job.config, job.split, schema)
            decoded += table.nbytes
            writer.write_table(table, row_group_size=len(group))
    return decoded


@cache
def writer_options(config: Config) -> dict[str, Any]:
    """Bytes of media plain and uncompressed (they don't compress, and plain bytes dedupe); the rest zstd."""
    leaves = _leaves(row_schema(config))
    raw = {"images.list.element.bytes", *(f"{column}.bytes" for column in MEDIUM.values())}
    return {
        "compression": {leaf: "NONE" if leaf in raw else "ZSTD" for leaf in leaves},
        "compression_level": {leaf: 3 for leaf in leaves if leaf not in raw},
        "use_dictionary": [leaf for leaf in leaves if leaf not in (*raw, "id")],
        "write_page_index": True,
        "write_statistics": ["id", "source", "split", "modality", "licence"],
        "data_page_size": PAGE_BYTES,
        "write_batch_size": 16,
        "store_schema": True,
    }


def _leaves(schema: pa.Schema) -> list[str]:
    import io

    sink = io.BytesIO()
    pq.ParquetWriter(sink, schema).close()
    found = pq.ParquetFile(sink).schema
    return [found.column(index).path for index in range(len(found))]
