"""PHI: names, dates, numbers and places that are still in a text after it was scrubbed, or were never scrubbed."""

from __future__ import annotations

from typing import ClassVar

import polars as pl
from pydantic import Field

from medloom.quality.filter import Filter, FilterParams, Look
from medloom.quality.said import COLUMNS, drop_said, texts_of
from medloom.quality.verdicts import first_of


class PhiParams(FilterParams):
    """`allowed`: kinds that may stay, of NAME, DATE, TIME, ID, PHONE, EMAIL, URL, PLACE, HOSPITAL, AGE."""

    allowed: tuple[str, ...] = Field(default=())


class Phi(Filter):
    """Drops a record of which any text holds what `medloom.converters.identity.scrub` would take out: ``phi_residue``.

    The detail names the kinds and never the words: what tells who a patient is must not stand in a report about it.
    """

    name: ClassVar[str] = "phi"
    record_columns: ClassVar[tuple[str, ...]] = COLUMNS
    Params: ClassVar[type[FilterParams]] = PhiParams
    params: PhiParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return first_of([drop_said(texts_of(records), self._kinds, "phi_residue")])

    def looks(self, record: str, records: pl.DataFrame, views: pl.DataFrame) -> list[Look]:
        said = texts_of(records.filter(pl.col("id") == record))
        found = [(part, self._kinds(text)) for part, text in said.select("part", "text").iter_rows()]
        return [
            Look(what=f"what the {part} says", value=kinds or "nothing found", bound="no identifier",
                 passed=kinds is None, change="" if kinds is None else "scrub the text, or `allowed`")
            for part, kinds in found
        ]  # fmt: skip

    def _kinds(self, text: str) -> str | None:
        from medloom.converters.identity.scrub import scrub

        kinds = sorted({kind for kind in scrub(text).kinds if kind not in self.params.allowed})
        return ", ".join(kinds) or None
