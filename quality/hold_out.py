"""Hold-outs: what the catalog keeps out of training, so that a test is of something never seen (record type 29).

A hold-out names one value of an axis, or several at once: a source, a class, a plane, a view, a sex, ages, the triple
of modality, area and task, or a class together with a trait of the patient (a confounder). Where every record of a
component (patient, and what shares pictures with him) is held out, the component goes to test whole. Where only some
of its records are, it stays where it was drawn: there the held-out ones are tested in test and dropped elsewhere, since
the same picture on both sides would give them away (SURE-VQA's rule).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from medloom.schemas.catalog import HoldOut
from medloom.schemas.errors import BuildError

RECORD_COLUMNS = ("id", "source", "sample", "task", "concepts", "views")
VIEW_COLUMNS = ("id", "acquisition", "derivation")


def matched(records: pl.DataFrame, views: pl.DataFrame, wanted: Sequence[HoldOut]) -> pl.DataFrame:
    """id, axis, value: the first hold-out that each record falls under; records that fall under none aren't there.

    `records` has RECORD_COLUMNS, `views` VIEW_COLUMNS. What nobody knows of a picture is held out by no value of it.
    """
    rows = _facets(records, views)
    found = [
        rows.filter(_falls_under(one)).select(
            "id", axis=pl.lit(one.axis), value=pl.lit(one.value), order=pl.lit(number, pl.UInt32)
        )
        for number, one in enumerate(wanted)
    ]
    if not found:
        return pl.DataFrame(schema=dict.fromkeys(("id", "axis", "value"), pl.String))
    return pl.concat(found).sort("id", "order").unique("id", keep="first", maintain_order=True).drop("order")


def _facets(records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """The records with what is known of their first picture."""
    known = pl.col("acquisition").struct.field
    facets = views.select(
        view="id",
        modality=known("modality"),
        area=known("body_part").str.to_lowercase(),
        sex=known("sex"),
        age=known("age_years"),
        projection=known("view").str.to_lowercase(),
        plane=pl.col("derivation").struct.field("plane"),
    )
    first = records.select(*RECORD_COLUMNS[:-1], view=pl.col("views").list.first())
    return first.join(facets, on="view", how="left", maintain_order="left")


def _falls_under(one: HoldOut) -> pl.Expr:
    tests = []
    if one.source is not None:
        tests.append(pl.col("source") == one.source)
    if one.concept is not None:
        tests.append(pl.col("concepts").list.contains(one.concept))
    if one.age is not None:
        tests.append(pl.col("age").is_between(one.age[0], one.age[1], closed="left"))
    for name, column in (("modality", "modality"), ("task", "task"), ("plane", "plane"), ("sex", "sex")):
        if getattr(one, name) is not None:
            tests.append(pl.col(column) == getattr(one, name))
    for name, column in (("area", "area"), ("view", "projection")):
        if getattr(one, name) is not None:
            tests.append(pl.col(column) == getattr(one, name).lower())
    return pl.all_horizontal(tests).fill_null(False)


def hold_out(kept: pl.DataFrame, assignments: pl.DataFrame, held: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The assignments with whole held-out components in test, and (id, axis, value) of records that have to go.

    `kept` has id, source and sample; `assignments` source, sample, split and component; `held` is that of `matched`.
    """
    rows = kept.select("id", "source", "sample").join(held, on="id", how="left", maintain_order="left")
    rows = rows.join(assignments, on=["source", "sample"], how="left", maintain_order="left")
    whole = rows.group_by("component").agg(pl.col("axis").is_not_null().all().alias("whole")).filter("whole")
    moved = assignments.join(whole, on="component", how="left", maintain_order="left").with_columns(
        split=pl.when("whole").then(pl.lit("test")).otherwise("split")
    )
    moved = moved.select(assignments.columns)
    placed = rows.drop("split").join(
        moved.select("source", "sample", "split"), on=["source", "sample"], how="left", maintain_order="left"
    )
    gone = placed.filter(pl.col("axis").is_not_null(), pl.col("split") != "test").select("id", "axis", "value")
    return moved, gone


def check_composed(records: pl.DataFrame, views: pl.DataFrame, trained: pl.Series, wanted: Sequence[HoldOut]) -> None:
    """Raises BuildError where a part of a held-out triple (modality, area, task) is not trained on elsewhere: then
    nothing is composed of what was learnt. `trained` are the ids of records in train."""
    rows = _facets(records.filter(pl.col("id").is_in(trained.implode())), views)
    for one in wanted:
        if one.axis != "modality × area × task":
            continue
        for name in ("modality", "area", "task"):
            value = str(getattr(one, name))
            if rows.filter(pl.col(name) == (value.lower() if name == "area" else value)).is_empty():
                known = ", ".join(sorted(rows[name].drop_nulls().unique())) or "none"
                raise BuildError(
                    f"split.hold_out: {one.value} is held out, but {name} {value} is trained on nowhere else, so that "
                    f"nothing is composed of what was learnt; {name}s in train: {known}"
                )


def tell(held: pl.DataFrame, gone: pl.DataFrame, wanted: Sequence[HoldOut]) -> Iterator[str]:
    """A sentence for each hold-out: how many of its records are in test, and how many were dropped."""
    for one in wanted:
        of = (pl.col("axis") == one.axis) & (pl.col("value") == one.value)
        lost = len(gone.filter(of))
        tested = len(held.filter(of)) - lost
        yield f"Held out of training: {one.axis} {one.value}; {tested:,} records in test, {lost:,} dropped elsewhere."
