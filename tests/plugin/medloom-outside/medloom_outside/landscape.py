"""A stranger's filter: drops records whose picture is higher than wide."""

from typing import ClassVar

import polars as pl

from medloom.quality.filter import VERDICT_SCHEMA, Filter


class Landscape(Filter):
    name: ClassVar[str] = "outside_landscape"
    record_columns: ClassVar[tuple[str, ...]] = ("id", "views")
    view_columns: ClassVar[tuple[str, ...]] = ("id", "width", "height")

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        high = views.filter(pl.col("height") > pl.col("width")).select(view="id")
        shown = records.explode("views", empty_as_null=False).join(high, left_on="views", right_on="view", how="semi")
        return shown.select(
            record="id", reason=pl.lit("portrait"), detail=pl.lit("the picture is higher than wide")
        ).cast(VERDICT_SCHEMA)
