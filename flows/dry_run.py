"""Dry run: what a catalog's filters say of the records that a build has left in its work store; nothing is written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from medloom.flows.check import read_catalog
from medloom.flows.corpus import Step, gather
from medloom.flows.judge import FilterSpec, drops_of, judged, load_filters, seen_by
from medloom.flows.store import Store
from medloom.quality.filter import Filter, Judgement, Look
from medloom.schemas.errors import BuildError, MedloomError

EXAMPLES = 2
STORY = ("source", "sample", "task", "config", "turns", "views")


def tell_filters(catalog: Path, out: Path, overrides: dict[str, str], work: Path | None = None) -> str:
    """What each filter of the catalog would drop, in order, with examples."""
    records, views, filters = _loaded(catalog, out, overrides, work)
    lines = [f"{len(records):,} records in the work store of {out}"]
    for one in filters:
        found = judged(one, records, views)
        step = Step(one.name, tuple(drops_of(one, found)), one.score_of, found.cells, found.note)
        records = records.join(found.drops, left_on="id", right_on="record", how="anti", maintain_order="left")
        lines += _told(step, found, len(records))
    return "\n".join(lines)


def explain(record: str, catalog: Path, out: Path, overrides: dict[str, str], work: Path | None = None) -> str:
    """One record's story: every filter in order, what it looked at, its verdict, its score, what would change it.

    `record` is an id or the beginning of one. Raises MedloomError where none or several fit.
    """
    records, views, filters = _loaded(catalog, out, overrides, work)
    row = _one(record, records, out)
    name = row["id"]
    lines = [
        f"record    {name}",
        f"task      {row['task']}, config {row['config']}",
        f"source    {row['source']}, sample {row['sample']}",
        *(f"{turn['role']:9} {turn['text']}" for turn in row["turns"]),
    ]
    fate = f"kept by all {len(filters)} filters"
    for number, one in enumerate(filters, start=1):
        found = judged(one, records, views)
        verdict = found.drops.filter(pl.col("record") == name)
        score = found.scores.filter(pl.col("record") == name)["score"].to_list()
        lines += ["", f"{number}. {one.name} (version {one.version}, looks at {_scope(one)})"]
        lines += [f"   {_line(look)}" for look in one.looks(name, *seen_by(one, records, views))]
        if score:
            lines.append(f"   score {score[0]:.3f}: {one.score_of}")
        if found.note:
            lines.append(f"   {found.note}")
        if verdict.is_empty():
            lines.append("   verdict: keep")
            records = records.join(found.drops, left_on="id", right_on="record", how="anti", maintain_order="left")
            continue
        reason, detail = verdict.row(0)[1:]
        lines.append(f"   verdict: drop, {reason}" + (f": {detail}" if detail else ""))
        left = [later.name for later in filters[number:]]
        fate = f"dropped by {one.name}: {reason}" + (f"; never asked: {', '.join(left)}" if left else "")
        break
    return "\n".join([*lines, "", fate])


def _scope(one: Filter) -> str:
    return "this record alone" if one.scope == "unit" else "every record that is left"


def _line(look: Look) -> str:
    mark = {True: "ok  ", False: "FAIL", None: "    "}[look.passed]
    bound = f" (wanted: {look.bound})" if look.bound else ""
    return f"{mark} {look.what}: {look.value}{bound}" + (f"; {look.change}" if look.change else "")


def _told(step: Step, found: Judgement, kept: int) -> list[str]:
    counts = Counter(drop.reason for drop in step.drops)
    lines = [f"{step.name}: drops {len(step.drops):,}, keeps {kept:,}" + (f" ({step.note})" if step.note else "")]
    for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        lines.append(f"  {reason} {count:,}")
        some = [drop for drop in step.drops if drop.reason == reason][:EXAMPLES]
        lines += [f"    {drop.record}  {drop.detail}" for drop in some]
    if step.score_of and not found.scores.is_empty():
        low, middle, high = np.quantile(found.scores["score"].to_numpy(), (0, 0.5, 1)).tolist()
        lines.append(f"  score ({step.score_of}): {low:.3f} to {high:.3f}, median {middle:.3f}")
    return lines


def _loaded(
    catalog: Path, out: Path, overrides: dict[str, str], work: Path | None
) -> tuple[pl.DataFrame, pl.DataFrame, list[Filter]]:
    """Records and views with every column that the story or a filter names, and the catalog's filters."""
    resolved = read_catalog(catalog, overrides)
    store = Store.beside(out, work)
    named = [source.card.source for source in resolved.sources]
    folders = sorted(file.parent for name in named for file in (store.work / "units" / name).glob("*/unit.json"))
    if not folders:
        raise BuildError(f"{store.work} holds no units of {', '.join(named)}: build first, or give --out or --work")
    specs: list[FilterSpec] = [(name, "", params) for name, params in resolved.catalog.filter_params.items()]
    filters = load_filters(specs, resolved.folder)
    columns = {"id", *STORY, *(name for one in filters for name in one.record_columns)}
    view_columns = {"id", *(name for one in filters for name in one.view_columns)}
    records = gather(folders, "records.arrow", columns).drop("unit", "row").sort("id")
    return records, gather(folders, "views.arrow", view_columns).drop("unit", "row").sort("id"), filters


def _one(record: str, records: pl.DataFrame, out: Path) -> dict[str, Any]:
    found = records.filter(pl.col("id").str.starts_with(record)).select("id", *STORY).head(6)
    exact = found.filter(pl.col("id") == record)
    if not exact.is_empty():
        return exact.row(0, named=True)
    if found.is_empty():
        raise MedloomError(f"no record {record!r} in the work store of {out}")
    if len(found) > 1:
        several: list[str] = found["id"].head(5).to_list()
        raise MedloomError(f"several records begin with {record!r}: {', '.join(several)}")
    return found.row(0, named=True)
