"""Histograms with edges that people read, the same for the same values in any order."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from medloom.flows.figures import Histogram


def histogram(
    values: Iterable[float], *, name: str, title: str, unit: str = "", bins: int = 24, log: bool = False
) -> Histogram | None:
    """Counts of finite `values` in at most about `bins` bins, or None where there are none.

    Edges are multiples of 1, 2, 2.5 or 5 times a power of ten; whole numbers over a short range get a bin each.
    `log` spaces the edges by a constant factor, for positive values that spread over decades.
    """
    data = np.sort(np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64))
    data = data[np.isfinite(data)]
    if not data.size:
        return None
    low, high = float(data[0]), float(data[-1])
    edges = _log_edges(low, high, bins) if log and low > 1e-12 and high / low > 10 else _edges(data, low, high, bins)
    counts, _ = np.histogram(np.clip(data, edges[0], edges[-1]), edges)  # rounding of edges loses no value
    return Histogram(
        name=name, title=title, unit=unit,
        edges=tuple(float(f"{edge:.12g}") for edge in edges),
        counts=tuple(int(count) for count in counts),
        minimum=low, median=float(np.median(data)), mean=math.fsum(data) / data.size, maximum=high,
    )  # fmt: skip


def _edges(data: np.ndarray, low: float, high: float, bins: int) -> np.ndarray:
    whole = bool(np.all(data == np.floor(data)))
    if whole and high - low < bins:
        return np.arange(low, high + 2)
    step = _round_up(max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-9) / bins)
    step = max(step, 1.0) if whole else step
    first = math.floor(low / step)
    last = max(math.floor(high / step) + 1, first + 1)
    return np.arange(first, last + 1) * step


def _log_edges(low: float, high: float, bins: int) -> np.ndarray:
    decades = math.log10(high / low)
    per_decade = min(10, round(bins / decades)) or 1 / math.ceil(decades / bins)
    first = math.floor(math.log10(low) * per_decade)
    last = math.floor(math.log10(high) * per_decade) + 1
    return np.power(10.0, np.arange(first, last + 1) / per_decade)


def _round_up(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * nice for nice in (1.0, 2.0, 2.5, 5.0, 10.0) if power * nice >= step * (1 - 1e-9))
