"""Similar slices: slices of one volume, and frames of one clip, that show nothing new."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from medloom.quality.filter import Filter, FilterParams
from medloom.quality.likeness import as_they_lie
from medloom.quality.thumbs import stack
from medloom.quality.verdicts import drop_where, first_of


class SimilarSlicesParams(FilterParams):
    """`alike`: correlation of details, as they lie, from which on the later of two slices or frames is a repeat."""

    alike: float = Field(default=0.95, gt=0, le=1)


class SimilarSlices(Filter):
    """Drops the records of which every picture repeats an earlier slice or frame of the same medium: ``similar_slice``.

    Slices are in order of plane and index, frames of time; each is held against those that stay, so that a slow change
    is followed. Pictures without a thumb are left alone.
    """

    name: ClassVar[str] = "similar_slices"
    scope: ClassVar[Literal["unit", "corpus"]] = "corpus"
    record_columns: ClassVar[tuple[str, ...]] = ("id", "views")
    view_columns: ClassVar[tuple[str, ...]] = ("id", "source", "sample", "media", "derivation", "thumb")
    Params: ClassVar[type[FilterParams]] = SimilarSlicesParams
    params: SimilarSlicesParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        shown = records.select("id", view="views").explode("view", empty_as_null=False).drop_nulls("view")
        how = pl.col("derivation").struct.field
        rows = (
            views.join(shown.select(id="view").unique(), on="id", how="semi")
            .with_columns(plane=how("plane"), at=pl.coalesce(how("slice_index"), how("frame")), time=how("time_s"))
            .filter(pl.col("thumb").is_not_null(), pl.any_horizontal(pl.col("at", "time").is_not_null()))
            .sort("source", "sample", "media", "plane", "at", "time", "id")
        )
        repeats: list[tuple[str, str]] = []
        for _, group in rows.group_by("source", "sample", "media", "plane", maintain_order=True):
            if len(group) > 1:
                repeats += self._repeats(group)
        told = pl.DataFrame(repeats, schema={"view": pl.String, "original": pl.String}, orient="row")
        each = shown.join(told, on="view", how="left", maintain_order="left")
        whole = each.group_by("id", maintain_order=True).agg(
            pl.col("original").is_not_null().all().alias("again"),
            detail=pl.format("{} as {}", "view", "original").drop_nulls().first(),
        )
        return first_of([drop_where(whole, pl.col("again"), "similar_slice", pl.col("detail"))])

    def _repeats(self, group: pl.DataFrame) -> list[tuple[str, str]]:
        thumbs, at = stack(group["thumb"])
        names = [group["id"][int(row)] for row in at]
        kept: list[int] = []
        found: list[tuple[str, str]] = []
        for number, thumb in enumerate(thumbs):
            again = next((one for one in reversed(kept) if self._same(thumbs[one], thumb)), None)
            if again is None:
                kept.append(number)
            else:
                found.append((names[number], names[again]))
        return found

    def _same(self, first: Any, second: Any) -> bool:
        return bool(np.array_equal(first, second)) or as_they_lie(first, second) >= self.params.alike
