"""Filter: gives each Record a verdict (keep, drop with a reason, or a score), in batches of columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import msgspec
import polars as pl
from pydantic import BaseModel, ConfigDict

VERDICT_SCHEMA = {"record": pl.String, "reason": pl.String, "detail": pl.String}
SCORE_SCHEMA = {"record": pl.String, "score": pl.Float64}


class FilterParams(BaseModel):
    """Base of a filter's parameters: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a filter looked at in one record: what it was, the value found and the bound that it is held to.

    `passed` is None where nothing is asked of it. `change` says what would turn a failure into a pass.
    """

    what: str
    value: str
    bound: str = ""
    passed: bool | None = None
    change: str = ""


class CellFigure(msgspec.Struct, frozen=True, kw_only=True):
    """How well something answers the questions of one cell (source and task) that should not: before and after.

    `chance` is what guessing gets, `before` and `after` the share of right answers over `asked` and `left` questions;
    `after` is None where nothing is left to be asked. `what` names who answered.
    """

    source: str
    task: str
    what: str
    chance: float
    before: float
    asked: int
    after: float | None
    left: int


@dataclass(frozen=True)
class Judgement:
    """What a filter says of a batch: `drops` has VERDICT_SCHEMA, `scores` SCORE_SCHEMA, at most a row for a record.

    `cells` are figures for the report; `note` says why something was left out.
    """

    drops: pl.DataFrame
    scores: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SCORE_SCHEMA))
    cells: tuple[CellFigure, ...] = ()
    note: str = ""


class Filter:
    """One named check. What it doesn't name is kept.

    `scope` "unit": judges each record for itself, in batches of one unit, with all columns that it names.
    `scope` "corpus": sees the named columns of all records that are still kept; name few, narrow ones.
    `version` changes whenever the same rows would get another verdict. `score_of` says in a few words what its scores
    mean; "" where it gives none.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    scope: ClassVar[Literal["unit", "corpus"]] = "unit"
    score_of: ClassVar[str] = ""
    record_columns: ClassVar[tuple[str, ...]]
    view_columns: ClassVar[tuple[str, ...]] = ()
    Params: ClassVar[type[FilterParams]] = FilterParams

    def __init__(self, params: FilterParams) -> None:
        self.params = params

    def attach(self, folder: Path) -> None:
        """Told where the catalog lies, before anything is judged: files that parameters name are relative to it.

        Raises CatalogError where such a file is not there or not what it should be.
        """

    def fingerprint(self) -> str:
        """What the lock notes as the filter's version, and by which verdicts are kept: files that it reads count."""
        return self.version

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        """Rows of VERDICT_SCHEMA (record id, reason as a snake_case code, detail), one for each record to drop.

        `records` has `record_columns` (always with `id`), `views` has `view_columns` (always with `id`).
        """
        raise NotImplementedError

    def judge(self, records: pl.DataFrame, views: pl.DataFrame) -> Judgement:
        """Drops and scores together; `drops` alone where a filter gives no score."""
        return Judgement(self.drops(records, views))

    def looks(self, record: str, records: pl.DataFrame, views: pl.DataFrame) -> list[Look]:
        """What it looks at in that record: values against bounds. Frames as in `drops`; the record is among them."""
        return []
