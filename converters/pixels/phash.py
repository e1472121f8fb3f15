"""Perceptual hashes of pictures, and their distance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# 2·cos(π·k·(2n+1)/64): the first 8 rows of the unnormalised 32-point DCT-II, as integers held in floats, so that the
# sums are exact and every processor gives the same bits in whatever order it adds.
_BASIS = np.rint(2**15 * np.cos(np.pi * np.arange(8)[:, None] * (2 * np.arange(32) + 1) / 64))
_BASIS_T = np.ascontiguousarray(_BASIS.T)


def phash(grey: NDArray[np.uint8]) -> int:
    """64-bit DCT hash of an H×W grey picture, as an unsigned integer.

    The picture is area-averaged to 32×32, its two-dimensional DCT-II taken, and each of the 8×8 lowest coefficients
    (the constant one among them) gives a 1 where it exceeds their median; row-major, first bit highest. This is the
    `phash` of the imagehash package but for the resampling (there: Lanczos), which changes few bits.
    """
    return phashes([grey])[0]


def phashes(greys: Iterable[NDArray[np.uint8]]) -> list[int]:
    """`phash` of each of them, at the cost of few."""
    small = np.array([cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA) for grey in greys], np.float64)
    low = (_BASIS @ small @ _BASIS_T).reshape(len(small), 64)
    ordered = np.sort(low, axis=1)
    bits = np.packbits(low > (ordered[:, 31:32] + ordered[:, 32:33]) / 2, axis=1)
    return [int(value) for value in bits.view(">u8").ravel().tolist()]


def dhash(grey: NDArray[np.uint8]) -> int:
    """64-bit gradient hash of an H×W grey picture: of 9×8 area averages, a 1 where the right neighbour is brighter."""
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "big")


def hamming(a: Any, b: Any) -> Any:
    """Number of differing bits of 64-bit hashes: integers or uint64 arrays that broadcast; int or uint8 array."""
    different = np.bitwise_count(np.bitwise_xor(np.asarray(a, np.uint64), np.asarray(b, np.uint64)))
    return int(different) if different.ndim == 0 else different
