"""Diff: what became of every record from one version to the next, by source and reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import polars as pl

from medloom.flows.publish.edition import Edition

Level = Literal["major", "minor", "patch", "none"]
NARROW = ("id", "source", "sample", "patient", "split", "filter", "reason", "licence", "redistribute", "words", "facts",
          "pictures")  # fmt: skip
PARTS = {"words": ("words",), "annotation": ("facts",), "picture": ("pictures",),
         "terms": ("licence", "redistribute"), "split": ("split",)}  # fmt: skip
"""What of a record can change, and the columns of the lineage that tell."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """So many records of a source were added, removed or changed for that reason."""

    source: str
    reason: str
    records: int


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A patient (a sample, where the source names no patient) that is in other splits than before."""

    source: str
    who: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """`schema` says what a reader's code would notice, `recipe` what of the making has changed, one sentence each."""

    before: str
    after: str
    records: tuple[int, int]
    added: tuple[Change, ...]
    removed: tuple[Change, ...]
    changed: tuple[Change, ...]
    moved: tuple[Moved, ...]
    schema: tuple[str, ...]
    recipe: tuple[str, ...]

    @property
    def level(self) -> Level:
        """Major: another schema or split; minor: records added; patch: repaired; none: the same records."""
        if self.schema or self.moved:
            return "major"
        if self.added:
            return "minor"
        return "patch" if self.removed or self.changed else "none"


def compare(a: Edition, b: Edition) -> Diff:
    """What happened from `a` to `b`. Both lineages are scanned over narrow columns, joined by the records' ids."""
    before, after = (pl.scan_parquet(edition.lineage).select(NARROW).collect() for edition in (a, b))
    old, new = (frame.filter(pl.col("filter").is_null()) for frame in (before, after))
    both = old.join(new, on="id", suffix="_after")
    return Diff(
        before=a.version,
        after=b.version,
        records=(len(old), len(new)),
        added=_counted(_explained(new.join(old, on="id", how="anti"), before, was=True)),
        removed=_counted(_explained(old.join(new, on="id", how="anti"), after, was=False)),
        changed=_counted(_parts(both)),
        moved=_moved(old, new),
        schema=tuple(_schema(a.lock, b.lock)),
        recipe=tuple(_recipe(a.lock, b.lock)),
    )


def _explained(records: pl.DataFrame, other: pl.DataFrame, was: bool) -> pl.DataFrame:
    """The records of one side alone, with what the other side's lineage says of them."""
    fate = other.select("id", at=pl.col("filter"), why=pl.col("reason"))
    sources = other["source"].unique().to_list()
    samples = other.select("source", "sample", known=pl.lit(True)).unique()
    dropped = pl.concat_str(
        pl.lit("was dropped by " if was else "dropped by "), pl.col("at"), pl.lit(": "), pl.col("why")
    )
    return (
        records.join(fate, on="id", how="left")
        .join(samples, on=["source", "sample"], how="left")
        .with_columns(
            because=pl.when(pl.col("at").is_not_null())
            .then(dropped)
            .when(~pl.col("source").is_in(sources))
            .then(pl.lit("new source" if was else "source left out"))
            .when(pl.col("known").is_null())
            .then(pl.lit("new sample" if was else "sample gone"))
            .otherwise(pl.lit("newly made of a known sample" if was else "no longer made"))
        )
    )


def _parts(both: pl.DataFrame) -> pl.DataFrame:
    """The records that are there before and after, and differ; why names the parts that do."""
    differs = {
        part: pl.any_horizontal(*(pl.col(name).ne_missing(pl.col(f"{name}_after")) for name in columns))
        for part, columns in PARTS.items()
    }
    told = [pl.when(changed).then(pl.lit(part)) for part, changed in differs.items()]
    named = both.with_columns(because=pl.concat_str(told, separator=", ", ignore_nulls=True))
    return named.filter(pl.col("because") != "")


def _counted(records: pl.DataFrame) -> tuple[Change, ...]:
    counts = records.group_by("source", "because").len().sort("source", "because")
    return tuple(Change(source=source, reason=why, records=count) for source, why, count in counts.iter_rows())


def _moved(old: pl.DataFrame, new: pl.DataFrame) -> tuple[Moved, ...]:
    who = pl.coalesce(pl.concat_str(pl.lit("patient "), "patient"), pl.concat_str(pl.lit("sample "), "sample")).alias(
        "who"
    )
    splits = pl.col("split").unique().sort()
    sides = [frame.group_by("source", who).agg(splits) for frame in (old, new)]
    both = sides[0].join(sides[1], on=["source", "who"], suffix="_after")
    rows = both.filter(pl.col("split") != pl.col("split_after")).sort("source", "who")
    return tuple(
        Moved(source=source, who=name, before=tuple(before), after=tuple(after))
        for source, name, before, after in rows.select("source", "who", "split", "split_after").iter_rows()
    )


def _schema(a: dict[str, Any], b: dict[str, Any]) -> Iterator[str]:
    """What a reader's code would notice: other columns, a config or a split that is no longer there."""
    if a["schema_version"] != b["schema_version"]:
        yield f"the schema is {b['schema_version']}, it was {a['schema_version']}"
    before, after = (
        {(path.split("/")[1], shard["split"]) for path, shard in lock["shards"].items()} for lock in (a, b)
    )
    for config in sorted({config for config, _ in before} - {config for config, _ in after}):
        yield f"the config {config} is gone"
    for config, split in sorted(before - after):
        if config in {name for name, _ in after}:
            yield f"the split {split} of {config} is gone"


def _recipe(a: dict[str, Any], b: dict[str, Any]) -> Iterator[str]:
    """Versions and settings that differ, for whoever wonders why."""
    for kind in ("sources", "tasks", "filters"):
        before, after = _named(a[kind]), _named(b[kind])
        for name in sorted({*before, *after}):
            if name not in before or name not in after:
                yield f"{kind[:-1]} {name} {'added' if name in after else 'removed'}"
                continue
            parts = sorted(key for key in after[name] if before[name].get(key) != after[name].get(key))
            parts = [part for part in parts if part not in ("samples", "refused", "views", "records", "recipe")]
            if parts:
                told = [
                    f"{part} {before[name].get(part)} -> {after[name][part]}" for part in parts if "version" in part
                ]
                yield f"{kind[:-1]} {name}: {', '.join(told) or 'other ' + ', '.join(parts)}"
    if a["words"] != b["words"]:
        yield "templates or vocabulary have changed"


def _named(entries: Any) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in entries} if isinstance(entries, list) else entries
