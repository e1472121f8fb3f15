"""Disjoint: the last check before anything is written."""

from __future__ import annotations

from typing import Literal

import polars as pl

from medloom.schemas.errors import BuildError

TOLD = 3


def assert_disjoint(
    placed: pl.DataFrame, pictures: pl.DataFrame, by: Literal["patient", "study", "sample"] = "patient"
) -> None:
    """Raises BuildError, naming some, where a sample, a patient (study) or a picture is in more than one split.

    `placed` has source, sample, patient, study and split, in one row or more for each sample; `pictures` has source,
    sample and sha256, of which those of samples in `placed` count. A sample without a split is an error as well.
    """
    lost = placed.filter(pl.col("split").is_null())
    if not lost.is_empty():
        raise BuildError(f"{_samples(lost)} without a split")
    shown = placed.select("source", "sample", "split").unique().join(pictures, on=["source", "sample"])
    checks = {
        "sample": (placed, ["source", "sample"]),
        "patient": (placed.filter(pl.col("patient").is_not_null()), ["source", "patient"]),
        "study": (placed.filter(pl.col("study").is_not_null()), ["source", "study"]),
        "picture": (shown, ["sha256"]),
    }
    due = {"patient": ("sample", "patient", "study", "picture"), "study": ("sample", "study", "picture")}
    for what in due.get(by, ("sample", "picture")):
        rows, key = checks[what]
        held = rows.group_by(key).agg(pl.col("split").unique().sort()).filter(pl.col("split").list.len() > 1).sort(key)
        if not held.is_empty():
            named = [f"{'/'.join(row[:-1])} in {' and '.join(row[-1])}" for row in held.head(TOLD).rows()]
            more = f" and {len(held) - TOLD} more" if len(held) > TOLD else ""
            raise BuildError(f"splits overlap: {what} {'; '.join(named)}{more}")


def _samples(rows: pl.DataFrame) -> str:
    some = rows.select("source", "sample").unique().sort("source", "sample")
    return ", ".join("/".join(row) for row in some.head(TOLD).rows()) + (", …" if len(some) > TOLD else "")
