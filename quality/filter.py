"""Filter: gives each Record a verdict, in batches of columns."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

VERDICT_SCHEMA = {"record": pl.String, "reason": pl.String, "detail": pl.String}


class FilterParams(BaseModel):
    """Base of a filter's parameters: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Filter:
    """One named check. What it doesn't name is kept.

    `scope` "unit": judges each record for itself, in batches of one unit, with all columns that it names.
    `scope` "corpus": sees the named columns of all records that are still kept; name few, narrow ones.
    `version` changes whenever the same rows would get another verdict.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    scope: ClassVar[Literal["unit", "corpus"]] = "unit"
    record_columns: ClassVar[tuple[str, ...]]
    view_columns: ClassVar[tuple[str, ...]] = ()
    Params: ClassVar[type[FilterParams]] = FilterParams

    def __init__(self, params: FilterParams) -> None:
        self.params = params

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        """Rows of VERDICT_SCHEMA (record id, reason as a snake_case code, detail), one for each record to drop.

        `records` has `record_columns` (always with `id`), `views` has `view_columns` (always with `id`).
        """
        raise NotImplementedError
