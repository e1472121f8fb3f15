"""Verdicts: rows of VERDICT_SCHEMA made out of conditions on columns."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from medloom.quality.filter import VERDICT_SCHEMA


def none_dropped() -> pl.DataFrame:
    """No verdict."""
    return pl.DataFrame(schema=VERDICT_SCHEMA)


def drop_where(frame: pl.DataFrame, condition: pl.Expr, reason: str, detail: pl.Expr | str = "") -> pl.DataFrame:
    """One row for each row of `frame` in which `condition` holds (null counts as false).

    `frame` has the record's id in `id`; `detail` is a text or an expression on the frame.
    """
    text = pl.lit(detail) if isinstance(detail, str) else detail
    return frame.filter(condition).select(
        pl.col("id").cast(pl.String).alias("record"),
        pl.lit(reason).alias("reason"),
        text.cast(pl.String).fill_null("").alias("detail"),
    )


def first_of(verdicts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One row for each record: that of the earliest frame, within a frame the smallest detail; sorted by record."""
    found = [frame.with_columns(order=pl.lit(order, pl.UInt32)) for order, frame in enumerate(verdicts)]
    if not found:
        return none_dropped()
    return (
        pl.concat(found)
        .sort("record", "order", "detail")
        .unique("record", keep="first", maintain_order=True)
        .select(*VERDICT_SCHEMA)
    )
