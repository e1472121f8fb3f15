"""What a table's row says of a picture beside its labels: sex, age, view, texts, visit, licence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from math import inf
from typing import Any, Literal

from pydantic import Field

from medloom.converters.base import Params
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Acquisition, Modality, Text, Visit

_SEX: dict[str, Literal["female", "male", "other"]] = {
    "f": "female", "female": "female", "m": "male", "male": "male", "o": "other", "other": "other",
}  # fmt: skip
_SIDE = {"l": "left", "left": "left", "r": "right", "right": "right"}
_PLACEHOLDERS = frozenset((
    "unknown", "other", "others", "none", "n/a", "na", "nan", "null", "unspecified", "not specified", "-", "?",
))  # fmt: skip
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([ymwd]?)", re.IGNORECASE)
_YEARS = {"": 1.0, "y": 1.0, "m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}


class AcquisitionColumns(Params):
    """Columns of a table that say how a picture was taken, and of whom.

    Where the cell of a body part, view or sequence is "unknown", "other", "n/a" or the like, it says nothing.
    """

    modality: str | None = None
    body_part: str | None = None
    view: str | None = None
    laterality: str | None = None
    sequence: str | None = None
    sex: str | None = None
    age_years: str | None = None


class VisitColumn(Params):
    """`kind` says what the column holds: a number of days, a date in `format`, or only an order."""

    column: str
    kind: Literal["day", "date", "order"] = "day"
    format: str = "%Y-%m-%d"


class RowFacts(Params):
    """Columns beside the labels. `texts` are columns by kind of text; `modalities` maps words of the modality column.

    `spacing_mm` is the column of the mm per pixel of the file, or those down and to the right.
    `licence` is the column of the picture's own licence, in words that the card's `licences` maps.
    """

    acquisition: AcquisitionColumns = AcquisitionColumns()
    modalities: dict[str, Modality] = Field(default_factory=dict)
    texts: dict[str, str] = Field(default_factory=dict)
    language: str = "en"
    visit: VisitColumn | None = None
    study: str | None = None
    spacing_mm: tuple[str, ...] = Field(default=(), max_length=2)
    licence: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that must be there."""
        named = [value for value in self.acquisition.model_dump().values() if value is not None]
        rest = [self.visit.column if self.visit else None, self.study, self.licence]
        return (*named, *self.texts.values(), *self.spacing_mm, *(column for column in rest if column is not None))

    def of(self, row: Mapping[str, str], pointer: str, card: SourceCard, first_day: float | None) -> dict[str, Any]:
        """Fields of the Sample. `pointer` leads to the row, `first_day` is that of the patient's first visit.

        Raises BadInput: ``licence_unknown``, ``unknown_modality``, ``bad_visit``, ``bad_spacing``.
        """
        return {
            "study": row[self.study] or None if self.study else None,
            "licence": self._licence(row, card),
            "acquisition": self._acquisition(row),
            "texts": tuple(self._texts(row, pointer)),
            "visit": self._visit(row, first_day),
        }

    def day(self, row: Mapping[str, str]) -> float | None:
        """Days on the table's own axis, or None where the row states none. Raises BadInput ``bad_visit``."""
        if self.visit is None or self.visit.kind == "order" or not row[self.visit.column]:
            return None
        value = row[self.visit.column]
        try:
            if self.visit.kind == "day":
                return float(value)
            return (datetime.strptime(value, self.visit.format) - datetime(1970, 1, 1)).total_seconds() / 86400
        except ValueError as error:
            raise BadInput("bad_visit", f"column {self.visit.column!r}: {error}") from None

    def _visit(self, row: Mapping[str, str], first_day: float | None) -> Visit | None:
        if self.visit is None or not row[self.visit.column]:
            return None
        day = self.day(row)
        if day is None:
            return Visit(key=row[self.visit.column])
        since = day - (first_day if first_day is not None else day)
        return Visit(key=f"{since:g}", day=since)

    def _licence(self, row: Mapping[str, str], card: SourceCard) -> str | None:
        if self.licence is None:
            return None
        words = row[self.licence]
        if words not in card.licences:
            raise BadInput("licence_unknown", f"{words!r} in column {self.licence!r} is not in the card's `licences`")
        return card.licences[words]

    def _texts(self, row: Mapping[str, str], pointer: str) -> Iterator[Text]:
        for kind, column in self.texts.items():
            if row[column]:
                yield Text(kind=kind, body=row[column], pointer=f"{pointer},column={column}", language=self.language)

    def _acquisition(self, row: Mapping[str, str]) -> Acquisition:
        def cell(column: str | None) -> str | None:
            return row[column] or None if column is not None else None

        def said(column: str | None) -> str | None:
            words = cell(column)
            return None if words is None or words.lower() in _PLACEHOLDERS else words

        columns = self.acquisition
        return Acquisition(
            modality=self._modality(cell(columns.modality)),
            body_part=said(columns.body_part),
            view=said(columns.view),
            laterality=_SIDE.get((cell(columns.laterality) or "").lower()),  # type: ignore[arg-type]
            sequence=said(columns.sequence),
            sex=sex_of(cell(columns.sex)),
            age_years=age_in_years(cell(columns.age_years)),
            spacing_mm=self._spacing(row),
        )

    def _spacing(self, row: Mapping[str, str]) -> tuple[float, float] | None:
        cells = [row[column] for column in self.spacing_mm]
        if not cells or not all(cells):
            return None
        try:
            down, right = float(cells[0]), float(cells[-1])
        except ValueError:
            down = right = 0.0
        if not (0 < down < inf and 0 < right < inf):
            raise BadInput("bad_spacing", f"{cells} in columns {self.spacing_mm} are no millimetres per pixel")
        return down, right

    def _modality(self, words: str | None) -> Modality | None:
        if words is not None and words not in self.modalities:
            raise BadInput("unknown_modality", f"{words!r} is not in the card's `modalities`")
        return None if words is None else self.modalities[words]


def sex_of(words: str | None) -> Literal["female", "male", "other"] | None:
    """What a table says of somebody's sex; None where it says nothing that we know."""
    return _SEX.get((words or "").strip().lower())


def age_in_years(words: str | None) -> float | None:
    """``54``, ``54.5``, or a DICOM age string (VR AS: ``054Y``, ``010M``, ``003W``, ``012D``).

    None where it is no age that a person can have: an age of 411 is a slip of the keyboard, not a fact.
    """
    found = _AGE.fullmatch(words.strip()) if words else None
    if found is None:
        return None
    years = float(found[1]) * _YEARS[found[2].lower()]
    return years if years <= 120 else None
