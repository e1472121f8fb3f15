"""Modality: pictures that can't be what their card says they are, by their colours."""

from __future__ import annotations

from typing import ClassVar

import polars as pl
from pydantic import Field

from medloom.quality.filter import Filter, FilterParams, Look
from medloom.quality.verdicts import drop_where, first_of

GREY = ("ct", "mr", "xray", "mammography")
COLOURED = ("dermoscopy", "histopathology", "endoscopy", "photograph")


class ModalityParams(FilterParams):
    """Grey levels (0 to 255) of chroma: more than `most` is colour, less than `least` is none. JPEG noise of a grey
    picture that was stored as RGB stays below 3; dermoscopy has 40 and more."""

    most: float = Field(default=12.0, ge=0)
    least: float = Field(default=3.0, ge=0)


class Modality(Filter):
    """Drops a record that shows a coloured picture of a modality without colour (CT, MR, radiographs, mammography):
    ``colour_in_grey_modality``; or a grey one of a modality that is colour (dermoscopy, histopathology, endoscopy,
    photographs): ``no_colour``. Chroma is `Appearance.chroma`; nothing is asked where it or the modality is null.
    """

    name: ClassVar[str] = "modality"
    record_columns: ClassVar[tuple[str, ...]] = ("id", "views")
    view_columns: ClassVar[tuple[str, ...]] = ("id", "acquisition", "chroma")
    Params: ClassVar[type[FilterParams]] = ModalityParams
    params: ModalityParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        shown = records.select("id", view="views").explode("view", empty_as_null=False)
        rows = shown.join(self._judged(views), on="view", how="inner")
        told = pl.format("{}: {} with a chroma of {}", "view", "modality", pl.col("chroma").round(1))
        return first_of(
            [
                drop_where(rows, pl.col("coloured"), "colour_in_grey_modality", told),
                drop_where(rows, pl.col("bare"), "no_colour", told),
            ]
        )

    def looks(self, record: str, records: pl.DataFrame, views: pl.DataFrame) -> list[Look]:
        shown = records.filter(pl.col("id") == record)["views"].explode().drop_nulls()
        found = []
        for row in self._judged(views).filter(pl.col("view").is_in(shown.implode())).iter_rows(named=True):
            wrong = row["coloured"] or row["bare"]
            value = "not known" if row["chroma"] is None else f"{row['chroma']:.1f}"
            bound = {True: f"≤ {self.params.most:g}", False: f"≥ {self.params.least:g}"}.get(
                row["modality"] in GREY, ""
            )
            asked = row["modality"] in (*GREY, *COLOURED) and row["chroma"] is not None
            found.append(
                Look(what=f"chroma of {row['view']} ({row['modality']})", value=value, bound=bound if asked else "",
                     passed=not wrong if asked else None, change="the card's modality" if wrong else "")
            )  # fmt: skip
        return found

    def _judged(self, views: pl.DataFrame) -> pl.DataFrame:
        modality = pl.col("acquisition").struct.field("modality")
        return views.select(
            "chroma",
            view="id",
            modality=modality,
            coloured=(modality.is_in(GREY) & (pl.col("chroma") > self.params.most)).fill_null(False),
            bare=(modality.is_in(COLOURED) & (pl.col("chroma") < self.params.least)).fill_null(False),
        )
