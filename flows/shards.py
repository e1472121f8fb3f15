"""Shards: rows of a picture set and its records, written as Parquet that loaders and the Hub's viewer read well."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medloom.converters.identity.alias import is_alias
from medloom.flows.store import fsync, read_json, sha256_of, write_whole
from medloom.schemas import SCHEMA_VERSION
from medloom.schemas.arrow import VERSION_KEY, arrow_schema
from medloom.schemas.errors import BuildError
from medloom.schemas.identity import digest
from medloom.schemas.record import Config, Record
from medloom.schemas.view import View

WRITER_VERSION = "2"
GROUP_BYTES = 64 * 2**20
"""A row group ends here: well below the 100–300 MB that the Hub's viewer takes, and the writer's memory."""
PAGE_BYTES = 2**20

Ref = tuple[int, int]
"""(unit number, row in the unit's file)."""


class Row(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One published row: a set of media, the views that it shows in order (none of text), and its records by id.

    `held` has, of each record that is held out of training, its axis and value; it is empty where none is.
    """

    id: str
    views: tuple[Ref, ...]
    records: tuple[Ref, ...]
    held: tuple[tuple[str, str] | None, ...] = ()


class UnitPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a unit lies, the root of its source's files, and the digest of what it holds."""

    folder: str
    root: str
    key: str


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


MEDIUM = {"volume": "volume", "video": "video"}
"""The configs that show a medium kept whole, and the column that it stands in; `features` names the Hub's type."""


@cache
def row_schema(config: Config) -> pa.Schema:
    """The published columns. `images` follows the Image feature of `datasets`: a list of (bytes, path).

    Rows of ``volume`` and ``video`` hold their medium in a column of that name; rows of ``text`` hold no media.
    """
    stored = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    media = [] if config == "text" else [pa.field("images", pa.list_(stored))]
    if config in MEDIUM:
        media.insert(0, pa.field(MEDIUM[config], stored))
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            *media,
            pa.field("source", pa.string()),
            pa.field("sample", pa.string()),
            pa.field("patient", pa.string()),
            pa.field("split", pa.string()),
            pa.field("modality", pa.string()),
            pa.field("licence", pa.string()),
            pa.field("access", pa.string()),
            pa.field("views", pa.list_(pa.struct(list(arrow_schema(View))))),
            pa.field("records", pa.list_(pa.struct(list(arrow_schema(Record))))),
        ]
    )


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
        for group in _groups(rows, stores):
            table = _table(group, stores, job, schema)
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


class Unit:
    """A unit's files, mapped into memory: a row costs its pages and no more."""

    def __init__(self, place: UnitPlace) -> None:
        self.folder = Path(place.folder)
        self.root = Path(place.root)
        self.records = _mapped(self.folder / "records.arrow", arrow_schema(Record))
        self.views = _mapped(self.folder / "views.arrow", arrow_schema(View))

    @cached_property
    def stored(self) -> tuple[dict[str, int], pa.ChunkedArray]:
        """Rows by SHA-256, and the bytes, of the pictures that are not their source files' own."""
        pictures = pa.ipc.open_file(pa.memory_map(str(self.folder / "pictures.arrow"))).read_all()
        return {name: row for row, name in enumerate(pictures.column("sha256").to_pylist())}, pictures.column("bytes")

    def record(self, row: int) -> dict[str, Any]:
        """The record in that row."""
        return dict(self.records.slice(row, 1).to_pylist()[0])

    def view(self, view: str) -> dict[str, Any]:
        """The view of that id."""
        return dict(self.views.slice(self.views["id"].index(view).as_py(), 1).to_pylist()[0])

    def picture(self, view: dict[str, Any]) -> bytes:
        """The stored bytes of a view: from the unit, or from the source's own file."""
        data = bytearray(view["bytes"])
        self.read_picture(view, memoryview(data))
        return bytes(data)

    def read_picture(self, view: dict[str, Any], into: memoryview) -> None:
        """Fills `into`, which is as long as the stored picture. Raises BuildError where the source has changed."""
        if not view["passthrough"] or is_alias(view["source_file"]):
            rows, pictures = self.stored
            into[:] = memoryview(pictures[rows[view["sha256"]]].as_buffer()).cast("B")
            return
        with open(f"{self.root}/{view['source_file']}", "rb", buffering=0) as file:  # noqa: PTH123 (a Path costs more)
            if os.fstat(file.fileno()).st_size != len(into) or file.readinto(into) != len(into):
                raise BuildError(
                    f"{view['source']}: {view['source_file']} changed while it was being built; build again"
                )


def open_unit(place: UnitPlace) -> Unit:
    """The unit that lies there."""
    return Unit(place)


def _mapped(path: Path, schema: pa.Schema) -> pa.RecordBatch:
    """The batch of an Arrow file that `write_ipc` wrote. Parsing its schema again would cost more than its rows."""
    source = pa.memory_map(str(path))
    source.seek(8)  # behind its magic, an Arrow file is a stream
    messages = pa.ipc.MessageReader.open_stream(source)
    messages.read_next_message()  # the schema
    return pa.ipc.read_record_batch(messages.read_next_message(), schema)


def _groups(rows: Sequence[Row], stores: dict[int, Unit]) -> Iterator[list[Row]]:
    """Rows in row groups of at most about GROUP_BYTES of pictures."""
    group: list[Row] = []
    size = 0
    for row in rows:
        weight = sum(stores[number].views["bytes"][index].as_py() for number, index in row.views)
        if group and size + weight > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(row)
        size += weight
    if group:
        yield group


def _table(rows: list[Row], stores: dict[int, Unit], job: ShardJob, schema: pa.Schema) -> pa.Table:
    views, view_offsets = _taken([row.views for row in rows], stores, "views")
    records, record_offsets = _taken([row.records for row in rows], stores, "records")
    records = records.set_column(
        records.schema.get_field_index("split"), "split", pa.array([job.split] * len(records), pa.string())
    )
    held = [one for row in rows for one in (row.held or (None,) * len(row.records))]
    if any(held):
        at = records.schema.get_field_index("held_out")
        told = [None if one is None else {"axis": one[0], "value": one[1]} for one in held]
        records = records.set_column(at, records.schema.field(at), pa.array(told, records.schema.field(at).type))
    first_record = records.take(record_offsets[:-1])
    columns = {
        "id": pa.array([row.id for row in rows], pa.string()),
        "split": pa.array([job.split] * len(rows), pa.string()),
        "modality": views["acquisition"].field("modality").take(_first(view_offsets)),
        "views": pa.ListArray.from_arrays(view_offsets, views.to_struct_array()),
        "records": pa.ListArray.from_arrays(record_offsets, records.to_struct_array()),
        **_media(job.config, views, view_offsets, [stores[number] for row in rows for number, _ in row.views]),
    }
    for name in ("source", "sample", "patient", "licence", "access"):
        columns[name] = first_record[name]
    return pa.Table.from_arrays([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema)


def _first(offsets: pa.Array) -> pa.Array:
    """Of each list its first element's index, or null where the list is empty."""
    starts, ends = offsets[:-1], offsets[1:]
    return pc.if_else(pc.less(starts, ends), starts, pa.scalar(None, pa.int32()))


def _media(config: Config, views: pa.RecordBatch, offsets: pa.Array, stores: Sequence[Unit]) -> dict[str, pa.Array]:
    """The columns of media: the whole medium of a row is its first view that is no picture."""
    if config == "text":
        return {}
    stored = _stored(views, stores)
    if config not in MEDIUM:
        return {"images": pa.ListArray.from_arrays(offsets, stored)}
    whole = pc.not_equal(views["kind"], "picture").to_pylist()
    bounds = list(itertools.pairwise(offsets.to_pylist()))
    medium = [next(at for at in range(start, end) if whole[at]) for start, end in bounds]
    pictures = [[at for at in range(start, end) if not whole[at]] for start, end in bounds]
    ends = [0, *itertools.accumulate(map(len, pictures))]
    images = stored.take(pa.array([at for several in pictures for at in several], pa.int32()))
    return {
        MEDIUM[config]: stored.take(pa.array(medium, pa.int32())),
        "images": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), images),
    }


SUFFIX = {"jpeg": "jpg", "nifti": "nii.gz"}
"""What a stored file is called where its format's name is not the suffix."""


def _stored(views: pa.RecordBatch, stores: Sequence[Unit]) -> pa.StructArray:
    """The media of `views`, each in its store, read into one buffer: they are copied once on their way to disk."""
    shown = views.select(["source", "source_file", "sha256", "bytes", "format", "id", "passthrough"]).to_pylist()
    ends = list(itertools.accumulate((view["bytes"] for view in shown), initial=0))
    buffer = pa.allocate_buffer(ends[-1])
    whole = memoryview(buffer).cast("B") if ends[-1] else memoryview(bytearray())
    for view, store, (start, end) in zip(shown, stores, itertools.pairwise(ends), strict=True):
        store.read_picture(view, whole[start:end])
    offsets = pa.array(ends, pa.int32()).buffers()[1]
    pictures = pa.Array.from_buffers(pa.binary(), len(shown), [None, offsets, buffer])
    paths = pa.array([f"{view['id']}.{SUFFIX.get(view['format'], view['format'])}" for view in shown], pa.string())
    return pa.StructArray.from_arrays([pictures, paths], ["bytes", "path"])


SPARSE = 32
"""So many unwanted rows are copied with each that is wanted before picking them one by one is cheaper."""


def _taken(refs: list[tuple[Ref, ...]], stores: dict[int, Unit], what: str) -> tuple[pa.RecordBatch, pa.Array]:
    """The referred rows of all units in the order of `refs`, and list offsets.

    Of each unit the stretch that holds all wanted rows, then one take from all: a take has its price for every
    column, and there may be as many units as rows.
    """
    flat = [ref for several in refs for ref in several]
    wanted: dict[int, set[int]] = {}
    for number, row in flat:
        wanted.setdefault(number, set()).add(row)
    parts: list[pa.RecordBatch] = []
    place: dict[Ref, int] = {}
    at = 0
    for number in sorted(wanted):
        batch, rows = getattr(stores[number], what), sorted(wanted[number])
        first, behind = rows[0], rows[-1] + 1
        if behind - first <= SPARSE * len(rows):
            parts.append(batch.slice(first, behind - first))
            place.update(((number, row), at + row - first) for row in rows)
        else:
            parts.append(batch.take(pa.array(rows)))
            place.update(((number, row), at + index) for index, row in enumerate(rows))
        at += len(parts[-1])
    offsets = [0, *itertools.accumulate(len(several) for several in refs)]
    if not parts:
        return getattr(next(iter(stores.values())), what).slice(0, 0), pa.array(offsets, pa.int32())
    return pa.concat_batches(parts).take(pa.array([place[ref] for ref in flat])), pa.array(offsets, pa.int32())
