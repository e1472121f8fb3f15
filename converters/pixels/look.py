"""Look: hash, statistics, likeness and colour of stored pictures, many at a time.

One picture would cost some forty calls of which most is not work; a block of one size costs as many. What is summed are
whole numbers that doubles hold exactly, so that nothing depends on which pictures share a block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.phash import phashes
from medloom.converters.pixels.thumbnail import thumbnail

DARK, BRIGHT = 10, 245  # grey levels up to and from which a pixel counts as black or as white
BLOCK = 16 * 64 * 64  # pixels of a block: what is made of them stays in the processor's cache

Pixels = NDArray[np.uint8]
Sums = NDArray[np.float64]


class PictureStats(msgspec.Struct, frozen=True):
    """Grey levels 0 to 255 of the upright picture, reduced.

    `dark_fraction` and `bright_fraction` are the shares at or below `DARK` and at or above `BRIGHT`. `sharpness` is
    the variance of the Laplacian of that reduced picture: 0 where it is constant.
    """

    mean: float
    std: float
    dark_fraction: float
    bright_fraction: float
    sharpness: float


class Look(msgspec.Struct, frozen=True):
    """Of one picture: `phash` is unsigned, `thumb` and `chroma` are those of `schemas.appearance.Appearance`."""

    phash: int
    stats: PictureStats
    thumb: bytes
    chroma: float


def look(pictures: Sequence[Pixels]) -> list[Look]:
    """Of each of several reduced pictures, H×W or H×W×3 RGB uint8, in order."""
    found: dict[int, Look] = {}
    for rows in _blocks(pictures):
        stack = np.stack([pictures[row] for row in rows])
        found.update(zip(rows, _looks(stack), strict=True))
    return [found[row] for row in range(len(pictures))]


def _blocks(pictures: Sequence[Pixels]) -> Iterator[list[int]]:
    """Rows of pictures of one shape."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for row, picture in enumerate(pictures):
        by_shape.setdefault(picture.shape, []).append(row)
    for shape, rows in by_shape.items():
        size = max(1, BLOCK // (shape[0] * shape[1]))
        yield from (rows[first : first + size] for first in range(0, len(rows), size))


def _looks(stack: Pixels) -> list[Look]:
    count, height, width = stack.shape[:3]
    grey, chroma = stack, [0.0] * count
    if stack.ndim == 4:
        tall = stack.reshape(count * height, width, 3)
        grey = np.asarray(cv2.cvtColor(tall, cv2.COLOR_RGB2GRAY), np.uint8).reshape(count, height, width)
        red, green, blue = cv2.split(tall)
        spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
        chroma = (_flat(spread, count).sum(axis=1, dtype=np.int64) / (height * width)).tolist()
    return [
        Look(hashed, PictureStats(*row), thumbnail(one), colour)
        for hashed, row, one, colour in zip(phashes(grey), _statistics(grey), grey, chroma, strict=True)
    ]


def _statistics(grey: Pixels) -> list[tuple[float, float, float, float, float]]:
    """Rows of `PictureStats`."""
    flat = _flat(grey, len(grey))
    mean, variance = _moments(flat)
    _, edges = _moments(_flat(_laplacian(grey), len(grey)))
    dark, bright = (np.count_nonzero(found, axis=1) / flat.shape[1] for found in (flat <= DARK, flat >= BRIGHT))
    return list(zip(*(each.tolist() for each in (mean, np.sqrt(variance), dark, bright, edges)), strict=True))


def _moments(rows: NDArray[Any]) -> tuple[Sums, Sums]:
    """Mean and variance of each row of whole numbers."""
    exact = rows.astype(np.float64)
    total, squares = exact.sum(axis=1), np.einsum("ij,ij->i", exact, exact)
    mean = total / rows.shape[1]
    return mean, np.maximum(squares - total * mean, 0) / rows.shape[1]


def _laplacian(grey: Pixels) -> NDArray[np.int16]:
    """Of each picture, mirrored at its edges (OpenCV's BORDER_REFLECT_101); by one call, with such rows in between."""
    count, height, width = grey.shape
    apart = np.empty((count, height + 2, width), np.uint8)
    apart[:, 1:-1], apart[:, 0], apart[:, -1] = grey, grey[:, min(1, height - 1)], grey[:, max(0, height - 2)]
    edges = cv2.Laplacian(apart.reshape(count * (height + 2), width), cv2.CV_16S)
    return np.asarray(edges, np.int16).reshape(count, height + 2, width)[:, 1:-1]


def _flat(stack: NDArray[Any], count: int) -> NDArray[Any]:
    return stack.reshape(count, stack.size // count)
