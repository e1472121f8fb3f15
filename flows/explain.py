"""Explains what pydantic found: one Problem for each mistake, at its line, with the nearest known word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from medloom.flows.problem import Problem, dotted, nearest, problem, shown
from medloom.schemas.marked_yaml import MarkedYaml, Path

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "none_required": "nothing",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
    "string_pattern_mismatch": ("text that matches", "pattern"),
}


@dataclass(frozen=True)
class Place:
    """Where the values of a model stand: a YAML file, and the path under which they are found there."""

    file: str
    text: MarkedYaml
    under: Path = ()


def explain(error: ValidationError, model: type[BaseModel], place_of: Callable[[Path], Place]) -> list[Problem]:
    """One Problem for each mistake; `place_of` tells for the path of a value in the model where it was written.

    With BaseModel for `model`, which says that the model isn't known, no key is suggested.
    """
    rows = sorted((_row(detail, place_of) for detail in error.errors(include_url=False)), key=_order)
    found: list[Problem] = []
    for _, group in groupby(rows, key=_order):
        found.extend(_problems(list(group), model))
    return found


@dataclass(frozen=True)
class _Row:
    """One error. `base` is the part of its path that stands in the text.

    What follows is a missing key, or an `arm` of a union; `inside` says that the value was an arm's, but for a part.
    """

    detail: ErrorDetails
    place: Place
    base: Path
    arm: str | int | None = None
    inside: bool = False


def _row(detail: ErrorDetails, place_of: Callable[[Path], Place]) -> _Row:
    loc = detail["loc"]
    place = place_of(loc)
    written = loc[:-1] if detail["type"] == "missing" else loc
    for depth, part in enumerate(written):
        if (*place.under, *written[: depth + 1]) not in place.text.values:
            inside = detail["type"] == "missing" or depth + 1 < len(written)
            return _Row(detail, place, written[:depth], part, inside)
    return _Row(detail, place, written)


def _order(row: _Row) -> tuple[str, list[str]]:
    return (row.place.file, [f"{part:09d}" if isinstance(part, int) else part for part in row.base])


def _problems(rows: list[_Row], model: type[BaseModel]) -> list[Problem]:
    """Of a union, only the arm that was meant is spoken of; where that can't be told, all arms in one line."""
    meant = [row for row in rows if row.inside or row.arm is None]
    if meant:
        return [_problem(row, model) for row in meant]
    first = rows[0]
    expected = " or ".join(dict.fromkeys(_expected(row.detail) for row in rows))
    return [_at(first, first.base, _found(first, expected), _advice([row.detail for row in rows]))]


def _problem(row: _Row, model: type[BaseModel]) -> Problem:
    detail = row.detail
    loc = detail["loc"]
    holder = dotted(row.place.under + tuple(part for part in loc[:-1] if part != row.arm))
    if detail["type"] == "extra_forbidden":
        key = str(loc[-1])
        what = f"unknown key {key!r}" + (f" in {holder}" if holder else "")
        return _at(row, loc, what, _known_keys(model, loc[:-1], key), key=True)
    if detail["type"] == "missing":
        what = f"the key {str(loc[-1])!r} is missing" + (f" in {holder}" if holder else "")
        return _at(row, loc, what, _meaning(model, loc), key=True)
    if detail["type"] in ("value_error", "assertion_error"):
        where = dotted((*row.place.under, *row.base))
        what = detail["msg"].partition(", ")[2] or detail["msg"]
        return _at(row, row.base, f"{where}: {what}" if where else what)
    return _at(row, loc, _found(row, _expected(detail)), _advice([detail]))


def _at(row: _Row, loc: Iterable[str | int], what: str, suggestion: str = "", key: bool = False) -> Problem:
    full = (*row.place.under, *loc)
    return problem(row.place.file, row.place.text.locate(full, key), row.place.text.path(full), what, suggestion)


def _found(row: _Row, expected: str) -> str:
    path = row.place.text.path((*row.place.under, *row.detail["loc"]))
    if row.arm == "[key]":
        return f"{dotted(path[:-1])} has the key {shown(row.detail['input'])}, expected {expected}"
    return f"{dotted(path) or 'the file'} is {shown(row.detail['input'], path)}, expected {expected}"


def _expected(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        return f"one of {str(context['expected']).replace(' or ', ', ')}"
    if kind == "too_short":
        return f"at least {context['min_length']}"
    if kind in _LIMITS:
        words, name = _LIMITS[kind]
        return f"{words} {context[name]}"
    return _EXPECTED.get(kind) or detail["msg"].removeprefix("Input should be ")


def _advice(details: list[ErrorDetails]) -> str:
    given = details[0]["input"]
    for detail in details:
        if detail["type"] == "literal_error" and isinstance(given, str):
            return nearest(given, str(detail["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", "))
        if detail["type"] == "string_type" and isinstance(given, int | float):
            return "put it in quotes"
        if detail["type"] == "string_pattern_mismatch" and detail["ctx"]["pattern"] == r"^\d+\.\d+\.\d+$":
            return "MAJOR.MINOR.PATCH, 1.0.0 say"
    return ""


def _known_keys(model: type[BaseModel], loc: Path, key: str) -> str:
    if model is BaseModel:
        return ""
    known = sorted({name for one in _models_at(model, loc) for name in one.model_fields})
    if near := nearest(key, known):
        return near
    for name, field in model.model_fields.items():
        if any(key in one.model_fields for one in _models_in(field.annotation)):
            return f"did you mean {name}.{key}?"
    return f"known: {', '.join(known)}" if known else "it has no keys"


def _meaning(model: type[BaseModel], loc: Path) -> str:
    for one in _models_at(model, loc[:-1]):
        if (field := one.model_fields.get(str(loc[-1]))) is not None and field.description:
            return f"add `{loc[-1]}:` ({field.description.rstrip('.')})"
    return f"add `{loc[-1]}:`"


def _models_at(model: type[BaseModel], loc: Path) -> list[type[BaseModel]]:
    """The models that a value at `loc` may be; numbers, keys of mappings and names of arms lead nowhere new."""
    models = [model]
    for part in loc:
        below = [
            found
            for one in models
            if part in one.model_fields
            for found in _models_in(one.model_fields[str(part)].annotation)
        ]
        models = below or [one for one in models if one.__name__ == part] or models
    return models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for arg in get_args(annotation) for found in _models_in(arg)]
