"""Geometry of the charts: numbers in, coordinates out; the templates turn them into SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import msgspec

from medloom.flows.figures import Histogram
from medloom.flows.wording import coordinate, decimal, share, short, size, whole

BAR_WIDTH = 1000.0
"""A bar's viewBox is 1000 wide and stretched to its cell."""
LEAST = 4.0
"""What is there at all is at least this wide."""
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 340, 170, 36, 22, 10


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a bar: `kind` names its colour."""

    kind: str
    x: str
    width: str
    title: str


def segments(parts: Mapping[str, int], scale: int) -> tuple[Segment, ...]:
    """`parts` one after another, in the order given, on a bar that stands for `scale`."""
    found = []
    x = 0.0
    total = sum(parts.values())
    for kind, count in parts.items():
        if not count:
            continue
        width = min(max(BAR_WIDTH * count / max(scale, 1), LEAST), BAR_WIDTH)
        x = min(x, BAR_WIDTH - width)
        title = f"{kind}: {whole(count)} ({share(count, total)})"
        found.append(Segment(kind=kind, x=coordinate(x), width=coordinate(width), title=title))
        x += width
    return tuple(found)


class Column(msgspec.Struct, frozen=True, kw_only=True):
    x: str
    y: str
    width: str
    height: str
    title: str


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    text: str


class HistogramChart(msgspec.Struct, frozen=True, kw_only=True):
    """Columns in a viewBox of WIDTH × HEIGHT; `middle` is the median's x; `summary` is for those who don't see it."""

    name: str
    title: str
    unit: str
    summary: str
    columns: tuple[Column, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    middle: str
    minimum: str
    median: str
    mean: str
    maximum: str


def histogram_chart(histogram: Histogram) -> HistogramChart:
    """Bins of equal width on the page, whether the edges grow by a step or by a factor."""
    bins = len(histogram.counts)
    step = (WIDTH - LEFT - 8) / bins
    top = _round_top(max(histogram.counts, default=0))
    floor = HEIGHT - BOTTOM
    unit_height = (floor - TOP) / top
    gap = min(2.0, step * 0.15)
    columns = tuple(
        Column(
            x=coordinate(LEFT + number * step + gap / 2),
            y=coordinate(floor - count * unit_height),
            width=coordinate(step - gap),
            height=coordinate(count * unit_height),
            title=f"{_bin(histogram, number)}: {whole(count)}",
        )
        for number, count in enumerate(histogram.counts)
    )
    shift = 0.5 if _single(histogram) else 0.0
    x_ticks = tuple(
        Tick(at=coordinate(LEFT + (number + shift) * step), text=_edge(histogram, number))
        for number in _labelled(histogram)
    )
    low, middle, mean, high = (
        _value(histogram, value) for value in (histogram.minimum, histogram.median, histogram.mean, histogram.maximum)
    )
    return HistogramChart(
        name=histogram.name, title=histogram.title, unit="" if histogram.unit == "bytes" else histogram.unit,
        columns=columns, x_ticks=x_ticks,
        y_ticks=tuple(
            Tick(at=coordinate(floor - value * unit_height), text=short(value)) for value in _levels(top)
        ),
        middle=coordinate(_position(histogram, histogram.median, step)),
        summary=f"{histogram.title}: {whole(sum(histogram.counts))} values from {low} to {high}, median {middle}",
        minimum=low, median=middle, mean=mean, maximum=high,
    )  # fmt: skip


def _single(histogram: Histogram) -> bool:
    """True where every bin is one whole number: the tick then stands under the middle of its column."""
    edges = histogram.edges
    return all(right - left == 1 and left == int(left) for left, right in pairwise(edges))


def _labelled(histogram: Histogram) -> list[int]:
    """Edges that get a label: at most seven, at round numbers, or at powers of ten."""
    edges = histogram.edges
    last = len(histogram.counts) - (1 if _single(histogram) else 0)
    tens = [number for number, edge in enumerate(edges) if edge > 0 and abs(math.log10(edge) % 1) < 1e-9]
    if not _even(histogram) and 2 <= len(tens) <= 7:
        return tens
    every = next(step for step in (1, 2, 4, 5, 10, 20, 40, 50, 100, 200, last + 1) if last / step <= 5.5)
    first = -round(edges[0] / (edges[1] - edges[0])) % every if _even(histogram) else 0
    return list(range(first, last + 1, every))


def _even(histogram: Histogram) -> bool:
    """True where the bins are of one width, not of one factor."""
    width = histogram.edges[1] - histogram.edges[0]
    return all(abs(right - left - width) < 1e-3 * width for left, right in pairwise(histogram.edges))


def _bin(histogram: Histogram, number: int) -> str:
    if _single(histogram):
        return _value(histogram, histogram.edges[number])
    return f"{_value(histogram, histogram.edges[number])} to {_value(histogram, histogram.edges[number + 1])}"


def _value(histogram: Histogram, value: float) -> str:
    if histogram.unit == "bytes":
        return size(value)
    return decimal(value, 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 4)


def _edge(histogram: Histogram, number: int) -> str:
    """An edge with as many digits as tell it from its neighbour."""
    edges = histogram.edges
    if histogram.unit == "bytes":
        return size(edges[number])
    step = edges[1] - edges[0]
    largest = max(abs(edges[0]), abs(edges[-1]))
    if not _even(histogram) or (largest >= 10_000 and step * 1000 >= largest):
        return short(edges[number])
    digits = next((digits for digits in range(9) if abs(round(step, digits) - step) <= 1e-3 * step), 9)
    return decimal(edges[number], digits)


def _position(histogram: Histogram, value: float, step: float) -> float:
    """x of a value: linear within its bin."""
    edges = histogram.edges
    number = max((i for i in range(len(histogram.counts)) if edges[i] <= value), default=0)
    width = edges[number + 1] - edges[number]
    inside = 0.5 if _single(histogram) else min(max((value - edges[number]) / width, 0.0), 1.0)
    return LEFT + (number + inside) * step


def _round_top(highest: int) -> int:
    """The least of 1, 2, 4, 5, 10, 20, 40, ... that holds `highest`."""
    power = 1
    while True:
        for nice in (1, 2, 4, 5):
            if nice * power >= highest:
                return nice * power
        power *= 10


def _levels(top: int) -> tuple[int, ...]:
    return (0, top // 2, top) if top % 2 == 0 else (0, top)
