"""Image: pictures that show nothing, from the statistics that conversion left in each View."""

from __future__ import annotations

from typing import ClassVar

import polars as pl
from pydantic import Field

from medloom.quality.filter import Filter, FilterParams
from medloom.quality.verdicts import drop_where, first_of


class ImageParams(FilterParams):
    """Bounds, in pixels and grey levels 0 to 255.

    `min_std`: a picture of less spread is blank; dim fluorescence has about 2. `max_dark`, `max_bright`: with more than
    this share of black (white) pixels *and* a mean beyond `dark_mean` (`bright_mean`) nothing is left to see; nuclei
    on black reach 0.98 dark, slides on white 0.95 bright. `min_sharpness` 0 lets blur pass: how sharp a modality can be
    differs too much for one number.
    """

    min_side: int = Field(default=32, ge=1)
    max_aspect: float = Field(default=8.0, ge=1)
    min_std: float = Field(default=1.0, ge=0)
    max_dark: float = Field(default=0.995, gt=0, le=1)
    dark_mean: float = Field(default=4.0, ge=0, le=255)
    max_bright: float = Field(default=0.995, gt=0, le=1)
    bright_mean: float = Field(default=251.0, ge=0, le=255)
    min_sharpness: float = Field(default=0.0, ge=0)


class Image(Filter):
    """Drops a record that shows a picture which is ``too_small``, of ``extreme_aspect``, ``blank``,
    ``underexposed``, ``overexposed``, ``blurred``, or whose statistics are ``not_finite``.

    Statistics are those of `medloom.converters.pixels.picture.PictureStats`: of the upright grey picture reduced to
    about 64 pixels. Pictures that can't be decoded never get here: conversion quarantines them.
    """

    name: ClassVar[str] = "image"
    record_columns: ClassVar[tuple[str, ...]] = ("id", "views")
    view_columns: ClassVar[tuple[str, ...]] = (
        "id", "width", "height", "mean", "std", "dark", "bright", "sharpness",
    )  # fmt: skip
    Params: ClassVar[type[FilterParams]] = ImageParams
    params: ImageParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        bad = first_of(self._bad(views)).rename({"record": "view"})
        shown = records.select("id", view="views").explode("view", empty_as_null=False)
        found = shown.join(bad, on="view", how="inner")
        return first_of([found.select(record="id", reason="reason", detail=pl.format("{}: {}", "view", "detail"))])

    def _bad(self, views: pl.DataFrame) -> list[pl.DataFrame]:
        allowed = self.params
        short, long = pl.min_horizontal("width", "height"), pl.max_horizontal("width", "height")
        dark, bright, mean = pl.col("dark"), pl.col("bright"), pl.col("mean")
        statistics = ("mean", "std", "dark", "bright", "sharpness")
        size, grey = (
            pl.format("{} × {}", "width", "height"),
            pl.format("mean {}, std {}", mean.round(2), pl.col("std").round(2)),
        )
        return [
            drop_where(views, ~pl.all_horizontal(pl.col(name).is_finite() for name in statistics), "not_finite", grey),
            drop_where(views, short < allowed.min_side, "too_small", size),
            drop_where(views, long > allowed.max_aspect * short, "extreme_aspect", size),
            drop_where(views, pl.col("std") < allowed.min_std, "blank", grey),
            drop_where(views, (dark > allowed.max_dark) & (mean < allowed.dark_mean), "underexposed", grey),
            drop_where(views, (bright > allowed.max_bright) & (mean > allowed.bright_mean), "overexposed", grey),
            drop_where(
                views,
                pl.col("sharpness") < allowed.min_sharpness,
                "blurred",
                pl.format("sharpness {}", pl.col("sharpness").round(2)),
            ),
        ]
