"""Geometry in text: where a turn speaks of boxes and points, and how a convention says the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medloom.schemas.record import Place
from medloom.schemas.view import View

Coordinates = tuple[float, ...]
"""(x, y) of a point or half-open (x0, y0, x1, y1) of a box, in stored pixels, origin top-left."""

KEYS = {"bbox_2d": 4, "point_2d": 2}
_OBJECT = r'\{"(?:bbox_2d|point_2d)": \[[^\]]*\](?:, "label": "(?:[^"\\]|\\.)*")?\}'
_LIST = re.compile(rf"\[{_OBJECT}(?:, {_OBJECT})*\]")
_BARE = re.compile(r"\[-?\d+(?:\.\d+)?(?:, -?\d+(?:\.\d+)?){1,3}\]")
_ASKS_JSON = re.compile(r"(?: |(?<=\n))[^.?!:\n]*\bJSON\b[^.?!\n]*[.?!]|(?:,)? as JSON\b")
_NEAR = 0.06
"""Texts say coordinates to one decimal."""


@dataclass(frozen=True)
class Thing:
    """One object that a text places: its name, its coordinates, and the view that it is in."""

    label: str | None
    at: Coordinates
    view: int = 0


@dataclass(frozen=True)
class Things:
    """A list of objects, as an answer gives it."""

    things: tuple[Thing, ...]


def parts(text: str, places: Sequence[Place]) -> Iterator[str | Things | Thing]:
    """The text in order: words as they are, lists of objects as `Things`, and coordinates inside a sentence as `Thing`.

    Numbers in brackets count as coordinates only where a place of the record has them, so that other lists stay words.
    """
    known = [(place.view, at) for place in places for at in (place.box, place.point) if at is not None]
    at = 0
    for found in _LIST.finditer(text):
        yield from _sentence(text[at : found.start()], known)
        yield Things(tuple(_thing(entry, known) for entry in json.loads(found.group())))
        at = found.end()
    yield from _sentence(text[at:], known)


def _sentence(text: str, known: Sequence[tuple[int, Coordinates]]) -> Iterator[str | Thing]:
    at = 0
    for found in _BARE.finditer(text):
        coordinates = tuple(float(number) for number in json.loads(found.group()))
        view = _view_of(coordinates, known)
        if view is None:
            continue
        if found.start() > at:
            yield text[at : found.start()]
        yield Thing(None, coordinates, view)
        at = found.end()
    if text[at:]:
        yield text[at:]


def _thing(entry: dict[str, object], known: Sequence[tuple[int, Coordinates]]) -> Thing:
    key = next(name for name in KEYS if name in entry)
    numbers = entry[key]
    assert isinstance(numbers, list)
    at = tuple(float(number) for number in numbers)
    label = entry.get("label")
    return Thing(None if label is None else str(label), at, _view_of(at, known) or 0)


def _view_of(at: Coordinates, known: Sequence[tuple[int, Coordinates]]) -> int | None:
    for view, place in known:
        if len(place) == len(at) and all(abs(a - b) < _NEAR for a, b in zip(place, at, strict=True)):
            return view
    return None


def rewrite(text: str, places: Sequence[Place], views: Sequence[View], convention: Convention) -> str:
    """The text with every box and point as the convention says it."""
    said = []
    for part in parts(text, places):
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, Thing):
            said.append(convention.inline(part, views[part.view]))
        else:
            said.append(convention.several([(thing, views[thing.view]) for thing in part.things]))
    whole = "".join(said)
    if not convention.json:
        whole = without_asking_json(whole)
    return convention.nothing(whole) if whole.rstrip().endswith("[]") else whole


def without_asking_json(text: str) -> str:
    """A prompt without the words that ask for JSON, for forms whose answers are none."""
    return _ASKS_JSON.sub("", text)


class Convention:
    """How one family of models writes coordinates. This one: JSON, stored pixels, as medloom has it."""

    name = "pixels"
    json = True
    """Whether answers are JSON: prompts that ask for it lose that sentence where they aren't."""

    def scaled(self, at: Coordinates, view: View) -> list[int] | list[float]:
        """The coordinates in the convention's own numbers."""
        del view
        return [round(number) if float(number).is_integer() else round(number, 1) for number in at]

    def several(self, things: Sequence[tuple[Thing, View]]) -> str:
        """A list of objects."""
        return json.dumps(
            [
                {("bbox_2d" if len(thing.at) == 4 else "point_2d"): self.scaled(thing.at, view)}
                | ({} if thing.label is None else {"label": thing.label})
                for thing, view in things
            ],
            ensure_ascii=False,
        )

    def inline(self, thing: Thing, view: View) -> str:
        """Coordinates in the middle of a sentence."""
        return json.dumps(self.scaled(thing.at, view))

    def nothing(self, text: str) -> str:
        """A text that ends with an empty list: there is nothing to be placed."""
        return text
