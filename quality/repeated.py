"""Repeated pictures: which records show only pictures that an earlier sample shows, and which contradict each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import polars as pl

from medloom.quality.duplicates import repeats
from medloom.quality.near_search import Pairs
from medloom.quality.verdicts import drop_where, first_of, none_dropped

Across = Literal["sources", "all"]
RECORD_COLUMNS = ("id", "source", "sample", "views", "task", "form", "concepts", "polarity", "options")

PairsOf = Callable[[pl.DataFrame], Pairs]
"""From distinct pictures to pairs of rows (i < j) that count as one picture."""


def drop_repeated(
    records: pl.DataFrame,
    views: pl.DataFrame,
    reason: str,
    *,
    across: Across,
    contradictions: bool,
    pairs_of: PairsOf | None = None,
) -> pl.DataFrame:
    """Verdicts `reason` and ``contradiction``.

    A picture belongs to its (source, sample), with `across` "sources" to its source. Of pictures with the same bytes,
    or paired by `pairs_of`, that belong to several owners, the first by (source, sample, view) stays; pictures of one
    owner never count against each other, so that slices of a volume stay together. A record goes when all of its
    pictures are repeats: a pair of visits of which one was seen before is something new.

    Two owners contradict each other on one picture where one states a concept present and the other absent, or where
    a concept is the right option of one and a wrong option of the other in the same task. Nobody knows who is right,
    so every one-picture record there that speaks of that concept goes, on both sides; what is left is then looked
    at for repeats. Records of several pictures make no claim.
    """
    contradicted = none_dropped()
    if contradictions:
        contradicted = _contradicting(records, _standing(records, views, across, pairs_of))
        records = records.join(contradicted.select(id="record"), on="id", how="anti")
    shown = _standing(records, views, across, pairs_of)
    each = records.select("id", view="views").explode("view", empty_as_null=False)
    each = each.join(shown, on="view", how="left", maintain_order="left")
    whole = each.group_by("id", maintain_order=True).agg(
        pl.col("repeated").fill_null(False).all(), detail=pl.format("{} as {}", "view", "original").first()
    )
    return first_of([contradicted, drop_where(whole, pl.col("repeated"), reason, pl.col("detail"))])


def _standing(records: pl.DataFrame, views: pl.DataFrame, across: Across, pairs_of: PairsOf | None) -> pl.DataFrame:
    """One row for each view that a record shows: view, owner, picture (the row that stands for it), original (that
    row's view), repeated (whether it belongs to somebody else)."""
    owner = pl.col("source") if across == "sources" else pl.concat_str("source", "sample", separator="\0")
    shown = (
        views.join(records.select(id=pl.col("views").explode(empty_as_null=False)).unique(), on="id", how="semi")
        .with_columns(owner=owner)
        .sort("source", "sample", "id")
    )
    distinct = shown.unique("sha256", keep="first", maintain_order=True)
    count, owners = len(distinct), distinct["owner"].to_numpy()
    if pairs_of is None:
        stands = pl.Series(range(count), dtype=pl.Int64)
    else:
        first, second = pairs_of(distinct)
        apart = owners[first] != owners[second]
        stands = pl.Series(repeats(count, first[apart], second[apart]))
    known = distinct.select("sha256", picture=stands, of="owner", original=distinct["id"].gather(stands))
    known = known.with_columns(again=pl.col("picture") != pl.int_range(pl.len()))
    return shown.join(known, on="sha256", maintain_order="left").select(
        "owner", "picture", "original", view="id", repeated=pl.col("again") | (pl.col("owner") != pl.col("of"))
    )


def _contradicting(records: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    alone = records.filter(pl.col("views").list.len() == 1).with_columns(view=pl.col("views").list.first())
    several = shown.filter(pl.col("owner").n_unique().over("picture") > 1)
    alone = alone.join(several.select("view", "owner", "picture"), on="view", maintain_order="left")
    if alone.is_empty():
        return none_dropped()
    stated = alone.filter(pl.col("polarity").is_in(["present", "absent"])).select(
        "id", "owner", "picture", about=pl.lit(""), concept="concepts", holds=pl.col("polarity") == "present"
    )
    offered = (
        alone.filter(pl.col("form") == "single")
        .select("id", "owner", "picture", about="task", option="options")
        .explode("option", empty_as_null=False)
        .unnest("option")
        .select("id", "owner", "picture", "about", "concept", holds="correct")
    )
    claims = pl.concat([stated.explode("concept", empty_as_null=False), offered])
    topic = ["picture", "about", "concept"]
    disputed = (
        claims.filter(pl.col("concept") != "")
        .group_by(topic)
        .agg(pl.col("holds").any().alias("some"), pl.col("holds").all().alias("all"), pl.col("owner").n_unique())
        .filter(pl.col("some"), ~pl.col("all"), pl.col("owner") > 1)
        .select("picture", "concept")
        .unique()
    )
    spoken = pl.concat(
        [
            alone.select("id", "picture", concept="concepts").explode("concept", empty_as_null=False),
            offered.select("id", "picture", "concept"),
        ]
    ).join(disputed, on=["picture", "concept"], how="semi")
    return first_of([drop_where(spoken, pl.lit(True), "contradiction", pl.col("concept"))])
