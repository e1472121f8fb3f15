"""Shard table: the rows of a shard as the columns that are published."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from medloom.flows.unit_rows import Ref, Unit
from medloom.schemas.arrow import arrow_schema
from medloom.schemas.record import Config, Record
from medloom.schemas.view import View

GROUP_BYTES = 64 * 2**20
"""A row group ends here: well below the 100–300 MB that the Hub's viewer takes, and the writer's memory."""


class Row(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One published row: a set of media, the views that it shows in order (none of text), and its records by id.

    `held` has, of each record that is held out of training, its axis and value; it is empty where none is.
    """

    id: str
    views: tuple[Ref, ...]
    records: tuple[Ref, ...]
    held: tuple[tuple[str, str] | None, ...] = ()


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


def groups(rows: Sequence[Row], stores: dict[int, Unit]) -> Iterator[list[Row]]:
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


def table_of(rows: list[Row], stores: dict[int, Unit], config: Config, split: str, schema: pa.Schema) -> pa.Table:
    views, view_offsets = _taken([row.views for row in rows], stores, "views")
    records, record_offsets = _taken([row.records for row in rows], stores, "records")
    records = records.set_column(
        records.schema.get_field_index("split"), "split", pa.array([split] * len(records), pa.string())
    )
    held = [one for row in rows for one in (row.held or (None,) * len(row.records))]
    if any(held):
        at = records.schema.get_field_index("held_out")
        told = [None if one is None else {"axis": one[0], "value": one[1]} for one in held]
        records = records.set_column(at, records.schema.field(at), pa.array(told, records.schema.field(at).type))
    first_record = records.take(record_offsets[:-1])
    columns = {
        "id": pa.array([row.id for row in rows], pa.string()),
        "split": pa.array([split] * len(rows), pa.string()),
        "modality": views["acquisition"].field("modality").take(_first(view_offsets)),
        "views": pa.ListArray.from_arrays(view_offsets, views.to_struct_array()),
        "records": pa.ListArray.from_arrays(record_offsets, records.to_struct_array()),
        **_media(config, views, view_offsets, [stores[number] for row in rows for number, _ in row.views]),
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
