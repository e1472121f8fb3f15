"""Lineage: for every record that was ever made, where it came from and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medloom.flows.assemble import Placed
from medloom.flows.corpus import Decisions
from medloom.flows.fingerprints import PARTS
from medloom.schemas import SCHEMA_VERSION
from medloom.schemas.arrow import VERSION_KEY, arrow_schema
from medloom.schemas.record import Record
from medloom.schemas.view import View

RECORD = ("id", "source", "sample", "config", "task", "type", "template", "licence", "redistribute", "patient",
          "evidence", "ratings")  # fmt: skip
FATE = ("filter", "reason", "detail", "axis", "value")
PLACE = ("row", "shard")
SCORES = pa.list_(pa.struct([("filter", pa.string()), ("score", pa.float64())]))
VIEW = ("media", "source_file", "source_sha256", "passthrough", "derivation")


def lineage_schema() -> pa.Schema:
    """Columns of ``lineage.parquet``. `prompt` and `model` are what was asked and of whom, null where templates phrase;
    `filter`, `reason` and `detail` are null where the record is kept, `row` and `shard` where it is dropped; `scores`
    are those that filters gave, in their order, and `ratings` a judge's. PARTS are digests of what the record says,
    proves and shows."""
    record, view = arrow_schema(Record), arrow_schema(View)
    fields = [record.field(name) for name in RECORD]
    fields += [
        pa.field("views", pa.list_(pa.string())),
        *(pa.field(name, _nullable(view.field(name).type)) for name in VIEW),
    ]
    fields += [pa.field(name, pa.string()) for name in ("prompt", "model", "split", *FATE, *PLACE, *PARTS)]
    fields.append(pa.field("scores", SCORES))
    return pa.schema(fields, metadata={VERSION_KEY: SCHEMA_VERSION.encode()})


def _nullable(kind: pa.DataType) -> pa.DataType:
    """The type with members that may be null: a record of text has no view."""
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(member.name, _nullable(member.type)) for member in kind])
    return kind


def write_lineage(path: Path, folders: Sequence[Path], decisions: Decisions, shards: Sequence[Placed]) -> None:
    """Writes one row for each record, unit by unit in the order of the sources, so that memory stays flat."""
    schema = lineage_schema()
    members = pl.concat([placed.members for placed in shards])
    fate = (
        decisions.records.select("unit", "row", "split", *FATE, _scores(decisions.scored))
        .join(members, left_on=["unit", "row"], right_on=["unit", "number"], how="left")
        .sort("unit", "row")
    )
    by_unit = fate.partition_by("unit", as_dict=True, include_key=False)
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_index=True) as writer:
        for number, folder in enumerate(folders):
            happened = by_unit.get((number,))
            if happened is not None:
                writer.write_table(_unit_rows(folder, happened, schema))


def _scores(filters: Sequence[str]) -> pl.Expr:
    """The scores of each record as a list of (filter, score), without those that it didn't get."""
    given = [pl.struct(filter=pl.lit(name), score=pl.col(f"score.{name}")) for name in filters]
    none = pl.lit([], pl.List(pl.Struct({"filter": pl.String, "score": pl.Float64})))
    scores = pl.concat_list(given).list.filter(pl.element().struct.field("score").is_not_null()) if given else none
    return scores.alias("scores")


def _unit_rows(folder: Path, happened: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    with (
        pa.memory_map(str(folder / "records.arrow")) as source,
        pa.memory_map(str(folder / "views.arrow")) as shown,
        pa.memory_map(str(folder / "fingerprints.arrow")) as parts,
    ):
        records = pa.ipc.open_file(source).read_all()
        digests = pa.ipc.open_file(parts).read_all()
        views = pa.ipc.open_file(shown).read_all()
        row_of = {view: row for row, view in enumerate(views.column("id").to_pylist())}
        first = pa.array(
            [row_of[shown[0]] if shown else None for shown in records.column("views").to_pylist()], pa.int64()
        )
        columns = {name: records.column(name) for name in (*RECORD, "views")}
        columns |= {name: views.column(name).take(first) for name in VIEW}
        columns |= _phrased(folder, records.column("id"))
        fate = {"row": "row_id"} | {name: name for name in ("split", *FATE, "shard")}
        columns |= {name: happened[column].to_arrow().cast(pa.string()) for name, column in fate.items()}
        columns["scores"] = happened["scores"].to_arrow().cast(SCORES)
        columns |= {name: digests.column(name) for name in PARTS}
        table = pa.Table.from_arrays([columns[name] for name in schema.names], names=schema.names)
        return table.cast(schema).combine_chunks()


def _phrased(folder: Path, ids: pa.ChunkedArray) -> dict[str, pa.Array]:
    """What was asked for each record, and of whom."""
    path = folder / "phrased.arrow"
    if not path.exists():
        return {name: pa.nulls(len(ids), pa.string()) for name in ("prompt", "model")}
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        rows = pc.index_in(ids, value_set=table.column("id"))
        return {name: table.column(name).take(rows) for name in ("prompt", "model")}
