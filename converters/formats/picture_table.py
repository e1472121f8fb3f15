"""A table with a row, or several, for each picture: what label tables and box tables share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field

from medloom.converters import base
from medloom.converters.formats.name_template import fields_of, fill
from medloom.converters.formats.picture_finder import PictureFinder
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.formats.row_facts import RowFacts
from medloom.converters.formats.table import Table
from medloom.converters.refused import refused
from medloom.schemas.card import PatientRule, SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Refusal

_TOLD = 8
"""Values of a column that an error names."""


class TableParams(base.Params):
    """`tables` are read in turn. `picture`, over the columns, is the path below the root: ``{folder}/{filename}``.

    `suffixes`, `search`: see PictureFinder. `key` is a template for the Sample's key (the path otherwise). `only`
    keeps the rows of which a column has one of the values; the others are no part of this source. `header` names the
    columns where the tables don't.
    """

    tables: tuple[str, ...] = Field(min_length=1)
    picture: str
    suffixes: tuple[str, ...] = ()
    search: str | None = None
    key: str | None = None
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    delimiter: str | None = None
    header: tuple[str, ...] = ()
    encoding: str | None = None
    fallback_encoding: str | None = None
    facts: RowFacts = RowFacts()


class PictureRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row whose picture is there; `pointer` is ``table.csv#row=12``, counted from 0 below the header."""

    key: str
    path: str
    values: dict[str, str]
    pointer: str
    table: str


class PictureTable:
    """The rows of all tables, with their pictures; with `folders`, a picture may be a folder.

    Raises BadInput where the split's files or the folder to search can't be read.
    """

    def __init__(
        self, root: Path, card: SourceCard, params: TableParams, columns: tuple[str, ...], folders: bool = False
    ) -> None:
        self._root = root
        self._card = card
        self._params = params
        self._finder = PictureFinder(root, params.picture, params.suffixes, params.search, folders)
        self.split = PublishedSplit(root, card, params.tables)
        patient = card.patient.column if isinstance(card.patient, PatientRule) else None
        named = [patient, card.split.column if card.split else None, *params.only]
        self._columns = (*columns, *params.facts.columns, *(column for column in named if column is not None))
        self._first_day: dict[str | None, float] = {}

    def rows(self) -> Iterator[PictureRow | Refusal]:
        """Rows in order; a Refusal for each that can't be used, and for each table that can't."""
        tables: list[Table] = []
        for file in self._params.tables:
            try:
                params = self._params
                table = Table(
                    self._root, file, params.delimiter, params.encoding, params.fallback_encoding, params.header
                )
                table.require(*self._columns, *fields_of(params.picture), *fields_of(params.key or ""))
                tables.append(table)
            except BadInput as bad:
                yield refused(file, bad, file)
        if self._params.facts.visit is not None:
            self._find_first_days(tables)
        left_out, wanted = 0, False
        seen: dict[str, set[str]] = {column: set() for column in self._params.only}
        for table in tables:
            for number, row in table.rows():
                pointer = f"{table.file}#row={number}"
                if isinstance(row, BadInput):
                    yield refused(pointer, row, table.file)
                elif not self._is_wanted(row):
                    left_out += 1
                    for column, values in seen.items() if not wanted else ():
                        values.add(row[column])
                else:
                    wanted = True
                    try:
                        path = self._finder.find(row)
                        key = fill(self._params.key, row) if self._params.key else path
                        yield PictureRow(key=key, path=path, values=row, pointer=pointer, table=table.file)
                    except BadInput as bad:
                        yield refused(pointer, bad, table.file)
        if left_out and not wanted:
            held = "; ".join(_held(column, values, self._params.only[column]) for column, values in seen.items())
            yield refused(tables[0].file, BadInput("none_wanted", f"`only` leaves out all {left_out} rows: {held}"))

    def facts(self, row: PictureRow) -> dict[str, Any]:
        """Fields of the row's Sample but media, labels and regions. Raises BadInput as the card's rules do."""
        patient = self._card.patient_of(row.key, row.path, row.values)
        first = self._first_day.get(patient) if patient is not None else None
        return {
            "key": row.key,
            "patient": patient,
            "split": self.split.of(row.key, row.path, row.values, row.table),
            **self._params.facts.of(row.values, row.pointer, self._card, first),
        }

    def _is_wanted(self, row: dict[str, str]) -> bool:
        return all(row[column] in values for column, values in self._params.only.items())

    def _find_first_days(self, tables: list[Table]) -> None:
        """Days count from the patient's own first row, so the tables are read twice."""
        for table in tables:
            for _, row in table.rows():
                if isinstance(row, BadInput) or not self._is_wanted(row):
                    continue
                try:
                    path = fill(self._params.picture, row)
                    key = fill(self._params.key, row) if self._params.key else path
                    patient, day = self._card.patient_of(key, path, row), self._params.facts.day(row)
                except BadInput:
                    continue  # refused when its turn comes
                if day is not None:
                    self._first_day[patient] = min(day, self._first_day.get(patient, day))


def _held(column: str, values: set[str], wanted: tuple[str, ...]) -> str:
    first = sorted(values)[:_TOLD]
    more = f" and {len(values) - _TOLD} more" if len(values) > _TOLD else ""
    return f"{column!r} holds {first}{more}, wanted are {list(wanted)}"
