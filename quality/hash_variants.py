"""Hash variants: perceptual hashes of a picture as it is, of its ranks, without its margins, and of what a crop leaves.

A copy that was cropped, padded or shown with another window has another pHash. It has one of these in common with its
original: a crop has that of the part that it shows, a padded one that of what lies within the margins, another window
that of the order of the grey levels. All are taken of the thumb, which every picture has from its conversion.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
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
HASHES = 3 + len(CROPS)
PACKED = 8 * (HASHES + 4)
"""Bytes of a picture's hashes and margins."""


class Variants(NamedTuple):
    """Hashes of N pictures: N of each, but `crops` has 9 × N; `margins` is N × 4, as of `borders`."""

    whole: Hashes
    ranked: Hashes
    inner: Hashes
    crops: Hashes
    margins: NDArray[np.float64]


def variants(thumbs: Thumbs) -> Variants:
    """All of them, of N × side × side thumbs; quickest of so few that they stay near the processor."""
    grey = thumbs.astype(np.float64)
    margins = borders(thumbs)
    whole, *crops = _hashed(grey, (WHOLE, *CROPS))
    inner = whole.copy()
    kept = np.clip(1 - margins[:, 0] - margins[:, 1], 0.1, 1), np.clip(1 - margins[:, 2] - margins[:, 3], 0.1, 1)
    windows = np.stack([margins[:, 0], margins[:, 0] + kept[0], margins[:, 2], margins[:, 2] + kept[1]], axis=1)
    for row in np.flatnonzero(margins.any(axis=1)):
        top, bottom, left, right = (float(edge) for edge in np.rint(windows[row] * 1024) / 1024)
        inner[row] = _hashed(grey[row : row + 1], ((top, bottom, left, right),))[0][0]
    return Variants(
        whole=whole, ranked=_hashed(ranks(thumbs), (WHOLE,))[0], inner=inner, crops=np.stack(crops), margins=margins
    )


def packed(of: Variants) -> list[bytes]:
    """One string of bytes for each picture: all that is known of it, in a column."""
    hashes = np.stack([of.whole, of.ranked, of.inner, *of.crops], axis=1).astype("<u8")
    both = np.concatenate([hashes.view(np.uint8), of.margins.astype("<f8").view(np.uint8)], axis=1)
    return [row.tobytes() for row in both]


def unpacked(column: Sequence[bytes]) -> Variants:
    """What `packed` made strings of."""
    rows = np.frombuffer(b"".join(column), np.uint8).reshape(len(column), PACKED)
    hashes = np.ascontiguousarray(rows[:, : 8 * HASHES]).view("<u8").T.astype(np.uint64)
    margins = np.ascontiguousarray(rows[:, 8 * HASHES :]).view("<f8").astype(np.float64)
    return Variants(whole=hashes[0], ranked=hashes[1], inner=hashes[2], crops=hashes[3:], margins=margins)


def ranks(thumbs: Thumbs) -> NDArray[np.float64]:
    """Each thumb with its grey levels in place of their mean rank, 0 to 255: the same for any monotone change."""
    flat = thumbs.reshape(len(thumbs), thumbs.shape[1] * thumbs.shape[2])
    places = np.arange(0, 256 * len(thumbs), 256)[:, None] + flat  # of each pixel in the table of its thumb
    counts = np.bincount(places.ravel(), minlength=256 * len(thumbs)).reshape(len(thumbs), 256)
    middle = (counts.cumsum(axis=1) - counts / 2) * (255 / max(1, flat.shape[1]))
    return np.asarray(middle.ravel()[places].reshape(thumbs.shape), np.float64)


def _hashed(grey: NDArray[np.float64], windows: Sequence[Window]) -> list[Hashes]:
    """`medloom.converters.pixels.phash` of parts of each picture: of each window one for each picture.

    Cutting and scaling are linear, so each is two small matrices, and all of them are two that are not much larger.
    """
    downs, acrosses = ({window[at : at + 2]: None for window in windows} for at in (0, 2))  # each once, in order
    down = np.concatenate([_basis(grey.shape[1], *part) for part in downs])
    across = np.concatenate([_basis(grey.shape[2], *part) for part in acrosses])
    low = (down @ (grey @ across.T)).reshape(len(grey), len(downs), COEFFICIENTS, len(acrosses), COEFFICIENTS)
    row, column = ({part: at for at, part in enumerate(parts)} for parts in (downs, acrosses))
    return list(_bits(np.stack([low[:, row[window[:2]], :, column[window[2:]]] for window in windows])))


def _bits(low: NDArray[np.float64]) -> Hashes:
    """A hash of each square of coefficients: a bit says which are above the median."""
    whole = np.rint(low).reshape(*low.shape[:-2], COEFFICIENTS**2)
    half = whole.shape[-1] // 2
    ordered = np.partition(whole, (half - 1, half), axis=-1)
    bits = whole > (ordered[..., half - 1] + ordered[..., half])[..., None] / 2
    return np.packbits(bits, axis=-1).view(">u8")[..., 0].astype(np.uint64)


@lru_cache(4096)
def _basis(side: int, start: float, end: float) -> NDArray[np.float64]:
    """COEFFICIENTS × side: the first rows of a 32-point DCT-II of what lies between two shares of a line, by area."""
    edges = np.linspace(start * side, end * side, 33)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(side)
    cover = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)
    cover /= np.maximum(cover.sum(axis=1, keepdims=True), 1e-12)
    wave = np.cos(np.pi * np.arange(COEFFICIENTS)[:, None] * (2 * np.arange(32) + 1) / 64)
    return np.asarray(np.rint(2**15 * wave) @ cover)
