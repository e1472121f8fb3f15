"""Exact duplicates: the same stored bytes under several samples."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from medloom.quality.filter import Filter, FilterParams
from medloom.quality.repeated import RECORD_COLUMNS, Across, drop_repeated


class ExactDuplicatesParams(FilterParams):
    """`across` "all": of several samples with one picture the first stays. "sources": copies within a source stay.

    `contradictions`: drop both sides where copies claim opposite things.
    """

    across: Across = "all"
    contradictions: bool = True


class ExactDuplicates(Filter):
    """Drops the records of which every picture is, byte for byte, one of an earlier sample.

    Samples are in order of (source, sample). Reasons: ``exact_duplicate``, and ``contradiction`` on both sides; see
    `medloom.quality.repeated.drop_repeated` for who counts as earlier and what contradicts what.
    """

    name: ClassVar[str] = "exact_duplicates"
    scope: ClassVar[Literal["unit", "corpus"]] = "corpus"
    record_columns: ClassVar[tuple[str, ...]] = RECORD_COLUMNS
    view_columns: ClassVar[tuple[str, ...]] = ("id", "source", "sample", "sha256")
    Params: ClassVar[type[FilterParams]] = ExactDuplicatesParams
    params: ExactDuplicatesParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return drop_repeated(
            records,
            views,
            "exact_duplicate",
            across=self.params.across,
            contradictions=self.params.contradictions,
        )
