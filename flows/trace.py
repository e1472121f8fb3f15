"""Trace: the whole story of one record, from the source file that proves it to what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medloom.schemas.errors import MedloomError


def tell(record: str, out: Path) -> str:
    """The story, as text. `record` is an id or the beginning of one. Raises MedloomError where none or several fit."""
    import polars as pl

    path = out / "lineage.parquet"
    if not path.is_file():
        raise MedloomError(f"{out} holds no lineage.parquet: build the corpus first, or give --out")
    found = pl.scan_parquet(path).filter(pl.col("id").str.starts_with(record)).head(6).collect()
    if found.is_empty():
        raise MedloomError(f"no record {record!r} in {path}")
    if len(found) > 1 and record not in found["id"]:
        raise MedloomError(f"several records begin with {record!r}: {', '.join(found['id'][:5])}")
    row = found.filter(pl.col("id") == record).row(0, named=True) if record in found["id"] else found.row(0, named=True)
    return "\n".join(
        [*_origin(row), *_way_back(row, out), *_evidence(row), *_making(row), *_fate(row), *_text(row, out)]
    )


def _origin(row: dict[str, Any]) -> list[str]:
    return [
        f"record    {row['id']}",
        f"task      {row['task']} (record type {row['type']}), config {row['config']}",
        f"source    {row['source']}, sample {row['sample']}, patient {row['patient'] or 'not known'}",
        f"licence   {row['licence']}",
        *(
            [f"file      {row['source_file']}", f"          sha256 {row['source_sha256']}"]
            if row["source_file"]
            else []
        ),
    ]


def _way_back(row: dict[str, Any], out: Path) -> list[str]:
    """What an alias stands for: the work store knows, as long as it is kept; it is never published."""
    from medloom.converters.identity.alias import is_alias
    from medloom.flows.store import Store, read_json
    from medloom.flows.unit import UnitReport

    if not is_alias(row["source_file"] or row["sample"]):
        return []
    told = "          names with ~ are aliases: this source's own names tell who its patients are"
    for unit in sorted((Store.beside(out).work / "units" / row["source"]).glob("*/unit.json")):
        report = read_json(unit, UnitReport)
        for mark in report.marks if isinstance(report, UnitReport) else ():
            if mark.alias == row["source_file"] and mark.alias is not None:
                return [told, f"          in the work store it is {mark.file}"]
    return [told]


def _evidence(row: dict[str, Any]) -> list[str]:
    lines = []
    for number, fact in enumerate(row["evidence"]):
        value = next((str(fact[name]) for name in ("value", "number") if fact[name] is not None), "")
        said = f"{fact['concept']} {fact['predicate']} {fact['polarity']} {value} {fact['unit'] or ''}".split()
        lines.append(f"{'evidence' if not number else '':9} [{number}] {' '.join(said)}")
        lines.append(f"{'':13} {fact['pointer']}" + (f"  ({fact['source_name']!r})" if fact["source_name"] else ""))
    return lines


def _making(row: dict[str, Any]) -> list[str]:
    steps = row["derivation"] or {}
    done = [f"{name}={value}" for name, value in steps.items() if value not in (None, False, [])]
    how = "none" if not row["views"] else "the file's own bytes" if row["passthrough"] else ", ".join(done)
    return [f"picture   {how}", f"template  {row['template']}", f"model     {row['model'] or 'none: a template'}"]


def _fate(row: dict[str, Any]) -> list[str]:
    if row["filter"] is None:
        of = f", held out of training: {row['axis']} {row['value']}" if row["axis"] else ""
        return [f"verdict   kept, in {row['split']}{of}", *_scores(row)]
    told = f": {row['detail']}" if row["detail"] else ""
    return [f"verdict   dropped by {row['filter']}: {row['reason']}{told}", *_scores(row)]


def _scores(row: dict[str, Any]) -> list[str]:
    given = ", ".join(f"{one['filter']} {one['score']:.3f}" for one in row["scores"] or ())
    return [f"scores    {given}"] if given else []


def _text(row: dict[str, Any], out: Path) -> list[str]:
    """The turns, from the shard that holds them."""
    if row["filter"] is not None:
        return []
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for shard in [out / row["shard"]]:
        table = pq.read_table(shard, columns=["records"])
        records = pc.list_flatten(table.column("records"))
        at = pc.index(pc.struct_field(records, "id"), row["id"]).as_py()
        if at >= 0:
            turns = records[at].as_py()["turns"]
            return [f"shard     {shard.relative_to(out)}", *(f"{turn['role']:9} {turn['text']}" for turn in turns)]
    return []
