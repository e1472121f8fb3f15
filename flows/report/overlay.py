"""What is drawn over a view: boxes, points, their labels, the patient's directions and a scale bar.

All coordinates are pixels of the stored view, which is the SVG's viewBox: a rectangle's attributes are the record's
own numbers, whatever size the page shows it at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from medloom.flows.plain_text import plain_text
from medloom.flows.report.mask_layer import Colour, mask_layer
from medloom.flows.wording import coordinate, decimal
from medloom.schemas.errors import BadInput
from medloom.schemas.record import Place, Record
from medloom.schemas.view import View

ALONE, ABREAST = 380.0, 210.0
"""About how many CSS pixels the longer side of a picture takes on its card: sizes of text are derived from it."""
DRAWN, LABELLED = 120, 6
# Bright on grey and on stained tissue alike, told apart by the colour-blind (after Okabe and Ito, lightened).
PALETTE: tuple[Colour, ...] = (
    (86, 200, 255), (255, 176, 32), (61, 232, 160), (255, 106, 138),
    (246, 232, 78), (186, 152, 255), (255, 140, 66), (120, 240, 235),
)  # fmt: skip
_BARS_MM = (1000, 500, 200, 100, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle; `role` is that of the place."""

    x: str
    y: str
    width: str
    height: str
    colour: str
    role: str
    title: str


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    x: str
    y: str
    colour: str
    role: str
    title: str


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """Text at a baseline; `anchor` is SVG's text-anchor."""

    x: str
    y: str
    text: str
    colour: str
    anchor: Literal["start", "middle", "end"] = "start"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the legend: how many places of one concept and role."""

    colour: str
    name: str
    role: str
    count: int


class ScaleBar(msgspec.Struct, frozen=True, kw_only=True):
    x1: str
    x2: str
    y: str
    text: str
    text_y: str


class Overlay(msgspec.Struct, frozen=True, kw_only=True):
    """Everything drawn over one view. `unit` is about one CSS pixel in pixels of the view; `left_out` counts places
    beyond those drawn; `mask` is a data URI; `problem` says why a mask could not be drawn."""

    unit: str
    dot_radius: str
    word_size: str
    casing: str
    boxes: tuple[Box, ...]
    dots: tuple[Dot, ...]
    words: tuple[Word, ...]
    directions: tuple[Word, ...]
    scale_bar: ScaleBar | None
    mask: str | None
    keys: tuple[Key, ...]
    left_out: int
    problem: str | None


def overlay(record: Record, index: int, view: View, names: Mapping[str, str]) -> Overlay:
    """What `record` says of its view number `index`, which is `view`; `names` are concepts as people read them."""
    colours = _colours(record.places)
    places = [place for place in record.places if place.view == index]
    drawn = places[:DRAWN]
    unit = max(view.width, view.height) / (ABREAST if len(record.views) > 1 else ALONE)
    mask, problem = _mask(drawn, colours, view)
    boxes = tuple(_box(place, colours, names) for place in drawn if place.box is not None)
    return Overlay(
        unit=coordinate(unit),
        dot_radius=coordinate(4.5 * unit),
        word_size=coordinate(12 * unit),
        casing="".join(f"M{box.x} {box.y}h{box.width}v{box.height}h-{box.width}z" for box in boxes),
        boxes=boxes,
        dots=tuple(_dot(place, colours, names) for place in drawn if place.point is not None),
        words=tuple(_word(place, colours, names, view, unit) for place in drawn) if len(drawn) <= LABELLED else (),
        directions=_directions(view, unit),
        scale_bar=_scale_bar(view, unit),
        mask=mask,
        keys=_keys(places, colours, names),
        left_out=len(places) - len(drawn),
        problem=problem,
    )


def _colours(places: Sequence[Place]) -> dict[str, Colour]:
    """A colour for each concept, in the order of first mention: the same on all views of a record."""
    concepts = dict.fromkeys(place.concept for place in places)
    return {concept: PALETTE[number % len(PALETTE)] for number, concept in enumerate(concepts)}


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _name(place: Place, names: Mapping[str, str]) -> str:
    return plain_text(names.get(place.concept, place.concept), 60)


def _mask(places: Sequence[Place], colours: Mapping[str, Colour], view: View) -> tuple[str | None, str | None]:
    masks = [(place.rle, colours[place.concept]) for place in places if place.rle is not None]
    if not masks:
        return None, None
    try:
        return mask_layer(masks, view), None
    except BadInput as error:
        return None, str(error)


def _box(place: Place, colours: Mapping[str, Colour], names: Mapping[str, str]) -> Box:
    assert place.box is not None
    x1, y1, x2, y2 = place.box
    corners = ", ".join(decimal(edge, 1) for edge in place.box)
    return Box(
        x=coordinate(x1), y=coordinate(y1), width=coordinate(x2 - x1), height=coordinate(y2 - y1),
        colour=_hex(colours[place.concept]), role=place.role, title=f"{_name(place, names)} [{corners}]",
    )  # fmt: skip


def _dot(place: Place, colours: Mapping[str, Colour], names: Mapping[str, str]) -> Dot:
    assert place.point is not None
    x, y = place.point
    title = f"{_name(place, names)} ({decimal(x, 1)}, {decimal(y, 1)})"
    return Dot(x=coordinate(x), y=coordinate(y), colour=_hex(colours[place.concept]), role=place.role, title=title)


def _word(place: Place, colours: Mapping[str, Colour], names: Mapping[str, str], view: View, unit: float) -> Word:
    """The label above the box where there is room, else below its upper edge; it grows away from the nearer side."""
    x1, y1, x2, _ = place.box or _around(place, view, unit)
    size = 12 * unit
    above = y1 - 4 * unit
    baseline = above if above - size >= 0 else y1 + size + 2 * unit
    to_the_left = x1 > 0.6 * view.width
    return Word(
        x=coordinate(min(max(x2 if to_the_left else x1, 2 * unit), view.width - 2 * unit)),
        y=coordinate(min(max(baseline, size), view.height - 3 * unit)),
        text=plain_text(_name(place, names), 28), colour=_hex(colours[place.concept]),
        anchor="end" if to_the_left else "start",
    )  # fmt: skip


def _around(place: Place, view: View, unit: float) -> tuple[float, float, float, float]:
    if place.point is not None:
        x, y = place.point
        return x + 7 * unit, y - 2 * unit, x - 7 * unit, y
    if place.rle is not None and place.rle.size == (view.height, view.width):
        from pycocotools import mask as coco

        x, y, width, height = coco.toBbox({"size": list(place.rle.size), "counts": place.rle.counts.encode()})
        return float(x), float(y), float(x + width), float(y + height)
    return 0.0, 0.0, float(view.width), float(view.height)


def _keys(places: Sequence[Place], colours: Mapping[str, Colour], names: Mapping[str, str]) -> tuple[Key, ...]:
    counts: dict[tuple[str, str], int] = {}
    shown: dict[tuple[str, str], Place] = {}
    for place in places:
        counts[place.concept, place.role] = counts.get((place.concept, place.role), 0) + 1
        shown[place.concept, place.role] = place
    return tuple(
        Key(colour=_hex(colours[place.concept]), name=_name(place, names), role=place.role, count=counts[key])
        for key, place in shown.items()
    )


def _directions(view: View, unit: float) -> tuple[Word, ...]:
    """The patient's directions at the right and lower border, as viewers show them."""
    if view.orientation is None:
        return ()
    right, down = view.orientation
    width, height = float(view.width), float(view.height)
    return (
        Word(x=coordinate(width - 6 * unit), y=coordinate(height / 2 + 4 * unit), text=plain_text(right, 3),
             colour="#fff", anchor="end"),
        Word(x=coordinate(width / 2), y=coordinate(height - 6 * unit), text=plain_text(down, 3),
             colour="#fff", anchor="middle"),
    )  # fmt: skip


def _scale_bar(view: View, unit: float) -> ScaleBar | None:
    """A round length of at most a third of the picture's width, from the spacing along x."""
    if view.spacing_mm is None or view.spacing_mm[1] <= 0:
        return None
    spacing = view.spacing_mm[1]
    length = next((bar for bar in _BARS_MM if bar / spacing <= view.width / 3), None)
    if length is None:
        return None
    left, y = 9 * unit, view.height - 10 * unit
    text = f"{decimal(length)} mm" if length >= 1 else f"{decimal(length * 1000)} µm"
    return ScaleBar(
        x1=coordinate(left), x2=coordinate(left + length / spacing), y=coordinate(y), text=text,
        text_y=coordinate(y - 5 * unit),
    )  # fmt: skip
