"""Pointers: where a value stands in one row of a question file, however deep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from medloom.schemas.errors import BadInput

_FIELD = re.compile(r"\{([^{}]+)\}")
_SLICE = re.compile(r"(.+)\[(-?\d*):(-?\d*)\]")
_ROW = re.compile(r"^(\*|\d+)\.")  # which of the rows that a row leads to


def resolve(row: Any, pointer: str) -> Any:
    """The value at `pointer`, or None where there is nothing.

    A key of the row wins over a path through it: ``Choice A``, ``image.path``, ``options.0``. ``*`` takes every entry
    of a list (or every value of an object) and gives a list, flattened: ``images.*.path``.
    """
    if isinstance(row, dict):
        if pointer in row:
            return row[pointer]
        if "." not in pointer:
            return list(row.values()) if pointer == "*" else None
    head, _, rest = pointer.partition(".")
    if head == "*":
        entries = list(row.values()) if isinstance(row, dict) else row if isinstance(row, list) else []
        if not rest:
            return entries
        found = [resolve(entry, rest) for entry in entries]
        return [item for one in found for item in (one if isinstance(one, list) else [one]) if item is not None]
    if isinstance(row, dict):
        inner = row.get(head)
    elif isinstance(row, list) and head.removeprefix("-").isdigit():
        number = int(head)
        inner = row[number] if -len(row) <= number < len(row) else None
    else:
        return None
    return resolve(inner, rest) if rest else inner


def plain(value: Any) -> str:
    """One value as text: JSON's true and false are yes and no; a list or an object is no text, and gives ""."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return ""


def leads(row: dict[str, Any], pointer: str, each: str | None = None) -> bool:
    """Whether there is anything at `pointer` of a row, be it null, or in an entry of its list at `each`."""
    cut = _SLICE.fullmatch(pointer)
    pointer = pointer if cut is None else cut[1]
    if pointer in row or pointer == "*" or ("." in pointer and resolve(row, pointer) not in (None, [])):
        return True
    return each is not None and resolve(row, f"{each}.*.{pointer}") not in (None, [])


def columns_of(pointers: Iterable[str], name: str | None = None) -> tuple[str, ...]:
    """The columns of a table that pointers want, without their slices; with `name`, of the table below that name."""
    found = [pointer if (cut := _SLICE.fullmatch(pointer)) is None else cut[1] for pointer in pointers]
    if name is None:
        return tuple(found)
    return tuple(_ROW.sub("", one.removeprefix(f"{name}.")) for one in found if one.startswith(f"{name}."))


class Fields(Mapping[str, str]):
    """A row as text by pointer, for rules that were made for tables: what is not there is "".

    ``name[:-5]`` cuts the text as Python does. `own` is looked into before `row` (an entry of a list in the row).
    """

    def __init__(self, row: Any, own: Any = None) -> None:
        self.row = row
        self.own = own

    def value(self, pointer: str) -> Any:
        """The value as it is, of any type."""
        found = None if self.own is None else resolve(self.own, pointer)
        return resolve(self.row, pointer) if found is None else found

    def __getitem__(self, pointer: str) -> str:
        cut = _SLICE.fullmatch(pointer)
        if cut is None:
            return plain(self.value(pointer))
        start, stop = (int(edge) if edge not in ("", "-") else None for edge in cut.group(2, 3))
        return plain(self.value(cut[1]))[start:stop]

    def get(self, pointer: str, default: Any = "") -> Any:
        """As a mapping's, for which every pointer is there."""
        return self[pointer]

    def __contains__(self, pointer: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.row if isinstance(self.row, dict) else ())

    def __len__(self) -> int:
        return len(self.row) if isinstance(self.row, dict) else 0


def paths_of(template: str, fields: Fields) -> list[str]:
    """The paths that a template names: one, or one for each entry where a field of it holds a list.

    Empty where a field is blank: the row names no such picture. Raises BadInput ``bad_annotation`` where two fields
    hold lists of different lengths.
    """
    names = _FIELD.findall(template)
    values: dict[str, list[str]] = {}
    for name in names:
        cut = _SLICE.fullmatch(name)
        found = fields.value(name if cut is None else cut[1])
        entries = found if isinstance(found, list) else [found]
        values[name] = [Fields({"@": one})["@" + (name[len(cut[1]) :] if cut else "")] for one in entries]
    longest = max((len(value) for value in values.values()), default=1)
    if any(len(value) not in (1, longest) for value in values.values()):
        raise BadInput("bad_annotation", f"{template!r} takes lists of different lengths")
    made = []
    for number in range(longest):
        parts = {name: value[number if len(value) > 1 else 0] for name, value in values.items() if value}
        if len(parts) == len(values) and all(parts.values()):
            made.append(_FIELD.sub(lambda found, parts=parts: parts[found[1]], template))  # type: ignore[misc]
    return made
