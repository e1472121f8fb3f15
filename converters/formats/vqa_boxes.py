"""Boxes that go with a question, as sources write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from medloom.converters.base import Params
from medloom.converters.formats.checked_box import BoxForm, checked_box, to_xyxy
from medloom.converters.formats.vqa_pointer import Fields, plain, resolve
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import NamedBox


class BoxFields(Params):
    """`at` points to the boxes: four numbers, a list of fours, a list of objects, or fours by name, or JSON of these.

    The names stand at `names` (in as many entries), in each object at `name`, or are `all_named`. `unit` is what the
    numbers count: pixels of the file, the picture's side (``side``, 0 to 1) or a thousandth of it. `form` and
    `inclusive` as in box tables.
    """

    at: str
    names: str | None = None
    name: str = "name"
    box: str = "bbox"
    all_named: str | None = None
    form: BoxForm = "xyxy"
    unit: Literal["pixels", "side", "thousandth"] = "pixels"
    inclusive: bool = False


def boxes_of(fields: Fields, params: BoxFields, size: tuple[int, int]) -> tuple[NamedBox, ...]:
    """The row's boxes in pixels of a picture of `size` (width, height).

    Raises BadInput: ``bad_annotation``, ``box_degenerate``, ``box_outside``.
    """
    scale = {"pixels": (1.0, 1.0), "side": (float(size[0]), float(size[1]))}.get(
        params.unit, (size[0] / 1000, size[1] / 1000)
    )
    found = []
    for name, four in _entries(fields, params):
        box = checked_box(to_xyxy(four, params.form, scale, params.inclusive), size)
        found.append(NamedBox(name=name, box=box))
    return tuple(found)


def _entries(fields: Fields, params: BoxFields) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    value = _read(fields.value(params.at))
    if value in (None, "", [], {}):
        return
    if isinstance(value, dict) and _four(resolve(value, params.box)) is None:
        for name, inner in value.items():
            yield from ((_named(name), four) for four in _fours(inner))
        return
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise BadInput("bad_annotation", f"no boxes: {value!r:.80}")
    if all(isinstance(entry, dict) for entry in value):
        for entry in value:
            yield from _of_object(entry, params)
        return
    fours = _fours(value)
    told = _read(fields.value(params.names)) if params.names is not None else params.all_named
    names = told if isinstance(told, list) else [told] * len(fours)
    if len(names) != len(fours):
        raise BadInput("bad_annotation", f"{len(fours)} boxes, {len(names)} names")
    yield from ((_named(name), four) for name, four in zip(names, fours, strict=True))


def _of_object(entry: dict[str, Any], params: BoxFields) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    inner = resolve(entry, params.box)
    if inner is not None:
        name = _named(resolve(entry, params.name) or params.all_named)
        yield from ((name, four) for four in _fours(inner))
        return
    for name, value in entry.items():  # {"Liver": [x, y, w, h]}
        yield from ((_named(name), four) for four in _fours(value))


def _named(name: Any) -> str:
    text = plain(name)
    if not text:
        raise BadInput("bad_annotation", "a box has no name")
    return text


def _read(value: Any) -> Any:
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadInput("bad_annotation", f"boxes that are no JSON: {error}") from None
    return value


def _fours(value: Any) -> list[tuple[float, float, float, float]]:
    one = _four(value)
    if one is not None:
        return [one]
    found = [_four(entry) for entry in value] if isinstance(value, list) else []
    if not found or None in found:
        raise BadInput("bad_annotation", f"no four numbers: {value!r:.80}")
    return [four for four in found if four is not None]


def _four(value: Any) -> tuple[float, float, float, float] | None:
    if not isinstance(value, list) or len(value) != 4 or not all(type(edge) in (int, float) for edge in value):
        return None
    a, b, c, d = (float(edge) for edge in value)
    return a, b, c, d
