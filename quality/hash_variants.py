"""Hash variants: perceptual hashes of a picture as it is, of its ranks, without its margins, and of what a crop leaves.

A copy that was cropped, padded or shown with another window has another pHash. It has one of these in common with its
original: a crop has that of the part that it shows, a padded one that of what lies within the margins, another window
that of the order of the grey levels. All are taken of the thumb, which every picture has from its conversion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medloom.quality.thumbs import Thumbs, borders

CROP = 0.05
"""Share of each side that a crop takes away, somewhere."""
COEFFICIENTS = 8

Hashes = NDArray[np.uint64]
Window = tuple[float, float, float, float]
"""Part of a picture: top, bottom, left, right as shares of its sides."""

WHOLE: Window = (0.0, 1.0, 0.0, 1.0)
CROPS: tuple[Window, ...] = tuple(
    (down * CROP / 2, 1 - (2 - down) * CROP / 2, right * CROP / 2, 1 - (2 - right) * CROP / 2)
    for down in range(3)
    for right in range(3)
)
"""What crops leave: taken from one side, from the other, or from both; half a step off costs few bits."""


class Variants(NamedTuple):
    """Hashes of N pictures: N of each, but `crops` has 9 × N; `margins` is N × 4, as of `borders`."""

    whole: Hashes
    ranked: Hashes
    inner: Hashes
    crops: Hashes
    margins: NDArray[np.float64]


def variants(thumbs: Thumbs) -> Variants:
    """All of them, of N × side × side thumbs; by two small matrices each, since cutting and scaling are linear."""
    grey = thumbs.astype(np.float64)
    margins = borders(thumbs)
    inner = np.empty(len(thumbs), np.uint64)
    kept = np.clip(1 - margins[:, 0] - margins[:, 1], 0.1, 1), np.clip(1 - margins[:, 2] - margins[:, 3], 0.1, 1)
    windows = np.stack([margins[:, 0], margins[:, 0] + kept[0], margins[:, 2], margins[:, 2] + kept[1]], axis=1)
    rounded = np.rint(windows * 1024).astype(np.int64)
    unique, of = np.unique(rounded, axis=0, return_inverse=True)
    for number, window in enumerate(unique / 1024):
        rows = np.flatnonzero(of.ravel() == number)
        inner[rows] = _hashed(grey[rows], (window[0], window[1], window[2], window[3]))
    return Variants(
        whole=_hashed(grey, WHOLE),
        ranked=_hashed(ranks(thumbs), WHOLE),
        inner=inner,
        crops=np.stack([_hashed(grey, window) for window in CROPS]),
        margins=margins,
    )


def ranks(thumbs: Thumbs) -> NDArray[np.float64]:
    """Each thumb with its grey levels in place of their mean rank, 0 to 255: the same for any monotone change."""
    flat = thumbs.reshape(len(thumbs), thumbs.shape[1] * thumbs.shape[2])
    places = np.arange(0, 256 * len(thumbs), 256)[:, None] + flat  # of each pixel in the table of its thumb
    counts = np.bincount(places.ravel(), minlength=256 * len(thumbs)).reshape(len(thumbs), 256)
    middle = (counts.cumsum(axis=1) - counts / 2) * (255 / max(1, flat.shape[1]))
    return np.asarray(middle.ravel()[places].reshape(thumbs.shape), np.float64)


def _hashed(grey: NDArray[np.float64], window: Window) -> Hashes:
    """`medloom.converters.pixels.phash` of a part of each picture."""
    down, right = _basis(grey.shape[1], window[0], window[1]), _basis(grey.shape[2], window[2], window[3])
    low = (down @ grey @ right.T).reshape(len(grey), COEFFICIENTS**2)
    ordered = np.sort(np.rint(low), axis=1)
    half = ordered.shape[1] // 2
    bits = np.rint(low) > ((ordered[:, half - 1] + ordered[:, half]) / 2)[:, None]
    return np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)


def _basis(side: int, start: float, end: float) -> NDArray[np.float64]:
    """COEFFICIENTS × side: the first rows of a 32-point DCT-II of what lies between two shares of a line, by area."""
    edges = np.linspace(start * side, end * side, 33)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(side)
    cover = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)
    cover /= np.maximum(cover.sum(axis=1, keepdims=True), 1e-12)
    wave = np.cos(np.pi * np.arange(COEFFICIENTS)[:, None] * (2 * np.arange(32) + 1) / 64)
    return np.asarray(np.rint(2**15 * wave) @ cover)
