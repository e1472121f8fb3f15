"""Labels in an array beside the pictures: a class for each row, a column for each finding, or words."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from pydantic import Field

from medloom.converters.base import Params
from medloom.converters.formats.complete_names import complete_labels
from medloom.converters.formats.name_template import fill
from medloom.converters.paths import inside
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Label


class ArrayLabels(Params):
    """`array` is a template for the array's name, `file` one for the file, where it is another.

    `classes` are the source's names of the classes 0, 1, 2, ..., which the card's `labels` map; without them the array
    holds the names. `several`: a column for each of `classes`, 1 where it is present and 0 where it is absent.
    `ignore` are values that say that nobody has labelled the row.
    """

    array: str
    file: str | None = None
    classes: tuple[str, ...] = ()
    several: bool = False
    ignore: tuple[int, ...] = Field(default=(-1, 255))


Stated = tuple[tuple[Label, ...], tuple[str, ...]]
"""The labels, and the names of which a missing label means absent."""


class LabelReader:
    """The labels of one array of pictures, which has `rows`.

    Raises BadInput: ``missing_array``, ``labels_mismatch`` (another number of rows, or of columns than classes).
    """

    def __init__(
        self, root: Path, params: ArrayLabels, card: SourceCard, values: dict[str, str], rows: int | None
    ) -> None:
        from medloom.converters.pixels.arrays import open_member

        self._params, self._card = params, card
        self._file = values["file"] if params.file is None else fill(params.file, values)
        self._name = fill(params.array, values)
        found = open_member(inside(root, self._file), self._name).all()
        if rows is None:
            found = found.reshape(1, -1) if found.ndim else found.reshape(1)
        while found.ndim > 1 and found.shape[-1] == 1:
            found = found[..., 0]
        wanted = 2 if params.several else 1
        if params.several and found.ndim == 1:
            found = found[:, None]
        count = 1 if rows is None else rows
        if found.ndim != wanted or len(found) != count:
            raise BadInput("labels_mismatch", f"{self._name!r} is {found.shape} for {count} rows", self._file)
        if params.several and found.shape[1] != len(params.classes):
            told = f"{self._name!r} has {found.shape[1]} columns for {len(params.classes)} classes"
            raise BadInput("labels_mismatch", told, self._file)
        self._values = found

    def read(self, row: int | None) -> Stated:
        """Of one row. Raises BadInput ``unknown_value``."""
        value = self._values[row or 0]
        pointer = f"{self._file}#array={self._name}" + ("" if row is None else f",row={row}")
        if self._params.several:
            return self._several(value, pointer)
        name = self._name_of(value)
        if name is None:
            return (), ()
        if self._card.labels.get(name, "") is None:
            return (), ()
        return (Label(name=name, pointer=pointer),), complete_labels(self._card)

    def _several(self, values: Any, pointer: str) -> Stated:
        labels: list[Label] = []
        unknown: list[str] = []
        for number, (name, value) in enumerate(zip(self._params.classes, values, strict=True)):
            if self._card.labels.get(name, "") is None:
                continue
            state = self._number(value)
            if state is None:
                unknown.append(name)
            elif state not in (0, 1):
                raise BadInput("unknown_value", f"{value!r} of {name!r} is neither 0 nor 1", self._file)
            else:
                where = f"{pointer},column={number}"
                labels.append(Label(name=name, polarity="present" if state else "absent", pointer=where))
        return tuple(labels), complete_labels(self._card, unknown, self._params.classes)

    def _name_of(self, value: Any) -> str | None:
        if isinstance(value, bytes | str):
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            if not self._params.classes or not re.fullmatch(r"\d+", text.strip()):
                return text.strip() or None
            value = int(text)
        number = self._number(value)
        if number is None:
            return None
        if not 0 <= number < len(self._params.classes):
            raise BadInput("unknown_value", f"class {number} of {len(self._params.classes)}", self._file)
        return self._params.classes[number]

    def _number(self, value: Any) -> int | None:
        """A whole number; None where it says that nobody has labelled this."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise BadInput("unknown_value", f"{value!r} is no class", self._file) from None
        if math.isnan(number):
            return None
        if not number.is_integer():
            raise BadInput("unknown_value", f"{value!r} is no class", self._file)
        known = len(self._params.classes) if not self._params.several else 2
        if int(number) in self._params.ignore and not 0 <= number < known:
            return None
        return int(number)
