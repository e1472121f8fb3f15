"""Ratings: what a judging model gave, against the least that the catalog wants."""

from __future__ import annotations

from typing import ClassVar

import polars as pl
from pydantic import Field

from medloom.quality.filter import Filter, FilterParams, Judgement, Look
from medloom.quality.verdicts import drop_where, first_of

NAMES = ("relevance", "visual_dependence", "image_correspondence", "formatting")


class RatingsParams(FilterParams):
    """Least rating of each name, 1 to 5; 0 asks for nothing. `unrated`: what becomes of a record that was written by an
    engine and that no judge has rated; records of templates are never rated, and stay."""

    relevance: float = Field(default=3.0, ge=0, le=5)
    visual_dependence: float = Field(default=0.0, ge=0, le=5)
    image_correspondence: float = Field(default=3.0, ge=0, le=5)
    formatting: float = Field(default=0.0, ge=0, le=5)
    unrated: str = Field(default="keep", pattern="^(?:keep|drop)$")


class Ratings(Filter):
    """Drops a record whose judge rated it below a bound: ``low_relevance``, ``low_visual_dependence``,
    ``low_image_correspondence``, ``low_formatting``; and one without ratings as ``unrated`` where that is asked for.

    The ratings are FineVision's four (Wiedmann et al., 2025), given where the catalog has a `judge` under `synthesis`.
    The score is the mean of a record's ratings.
    """

    name: ClassVar[str] = "ratings"
    score_of: ClassVar[str] = "mean of a judge's ratings, 1 to 5"
    record_columns: ClassVar[tuple[str, ...]] = ("id", "task", "ratings")
    Params: ClassVar[type[FilterParams]] = RatingsParams
    params: RatingsParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return self.judge(records, views).drops

    def judge(self, records: pl.DataFrame, views: pl.DataFrame) -> Judgement:
        each = records.select("id", rating="ratings").explode("rating", empty_as_null=False).unnest("rating")
        rows = [
            drop_where(
                each.filter(pl.col("name") == name),
                pl.col("value") < getattr(self.params, name),
                f"low_{name}",
                pl.format("{}, at least {} wanted", "value", pl.lit(getattr(self.params, name))),
            )
            for name in NAMES
        ]
        if self.params.unrated == "drop":
            written = pl.col("task").str.starts_with("write.")
            rows.append(drop_where(records, written & (pl.col("ratings").list.len() == 0), "unrated"))
        rated = records.filter(pl.col("ratings").list.len() > 0)
        mean = pl.col("ratings").list.eval(pl.element().struct.field("value")).list.mean()
        scores = rated.select(record=pl.col("id").cast(pl.String), score=mean.cast(pl.Float64))
        return Judgement(first_of(rows), scores)

    def looks(self, record: str, records: pl.DataFrame, views: pl.DataFrame) -> list[Look]:
        found = records.filter(pl.col("id") == record)["ratings"].to_list()
        given = {one["name"]: one["value"] for one in (found[0] or [])} if found else {}
        return [
            Look(
                what=name.replace("_", " "),
                value=f"{given[name]:g}",
                bound=f"at least {getattr(self.params, name):g}",
                passed=given[name] >= getattr(self.params, name),
            )
            for name in NAMES
            if name in given
        ]
