"""Marks: hashes by which a picture is known again after it was resized, recompressed, cropped, padded or windowed.

A mark is seven 64-bit words: the DCT hash, the gradient hash across, the gradient hash down, and 256 bits of gradients
across in a 16 × 16 grid. The first three find candidates, all seven together decide. Gradients outlive another window,
the DCT hash outlives noise. Crops move all of them, so that of what is to be found again several marks are kept: of the
whole picture and of what its flat borders frame, each with the crops of CROPS; of what is asked about, two suffice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.phash import dhash, phash
from medloom.quality.near_search import BITS, portions
from medloom.quality.thumbs import Thumbs, borders
from medloom.schemas.appearance import THUMB_SIDE

WORDS, FINDERS = 7, 3
NEAR = 4  # bits in which one of the finders may differ
DIFFERENCE = 60  # of 448 bits: what still counts as the same picture
SIDE = 192  # pixels to which a thumb is enlarged, so that crops need not end between its pixels
EDGE = 0.05
HALF_PIXEL = 0.5 / THUMB_SIDE  # where a border ends is known about so well
MIN_FRAMED = 0.3  # of a side: what borders leave is no picture of its own below
MIN_SPREAD = 4.0  # grey levels: flatter pictures are all alike
_ALONG = ((0.0, 0.0), (EDGE, 0.0), (0.0, EDGE), (EDGE / 2, EDGE / 2), (EDGE, EDGE))
CROPS = tuple((left, top, right, bottom) for left, right in _ALONG for top, bottom in _ALONG)
"""Shares of the side that are cut off at the left, top, right and bottom."""

Marks = NDArray[np.uint64]


def asked_marks(thumbs: Thumbs) -> tuple[Marks, NDArray[np.int64]]:
    """(M × WORDS marks, the thumb of each) of pictures that are asked about: whole, and within their borders."""
    return _marks(thumbs, CROPS[:1], inward=(0.0, HALF_PIXEL))


def kept_marks(thumbs: Thumbs) -> tuple[Marks, NDArray[np.int64]]:
    """(M × WORDS marks, the thumb of each) of pictures that shall be known again."""
    return _marks(thumbs, CROPS, inward=(0.0,))


def _marks(
    thumbs: Thumbs, crops: Sequence[tuple[float, ...]], inward: Sequence[float]
) -> tuple[Marks, NDArray[np.int64]]:
    marks: list[list[int]] = []
    of: list[int] = []
    told = thumbs.reshape(len(thumbs), -1).std(axis=1) >= MIN_SPREAD
    for number, (thumb, frame) in enumerate(zip(thumbs, borders(thumbs), strict=True)):
        if not told[number]:
            continue
        large = cv2.resize(thumb, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        seen = set()
        for base in _bases(large, frame, inward):
            for crop in crops:
                mark = _mark(_cut(base, *crop))
                if tuple(mark) not in seen:
                    seen.add(tuple(mark))
                    marks.append(mark)
                    of.append(number)
    return np.array(marks, np.uint64).reshape(-1, WORDS), np.array(of, np.int64)


def _bases(
    large: NDArray[np.uint8], frame: NDArray[np.float64], inward: Sequence[float]
) -> Iterator[NDArray[np.uint8]]:
    """The whole picture, and what its borders frame, `inward` further on each side that has one."""
    yield large
    if not frame.any():
        return
    for more in inward:
        top, bottom, left, right = (frame + more * (frame > 0)).tolist()
        if 1 - top - bottom >= MIN_FRAMED and 1 - left - right >= MIN_FRAMED:
            framed = _cut(large, left, top, right, bottom)
            if framed.std() >= MIN_SPREAD:
                yield framed


def _cut(grey: NDArray[np.uint8], left: float, top: float, right: float, bottom: float) -> NDArray[np.uint8]:
    height, width = grey.shape
    return grey[
        round(top * height) : height - round(bottom * height), round(left * width) : width - round(right * width)
    ]


def _mark(grey: NDArray[np.uint8]) -> list[int]:
    down = cv2.resize(grey, (8, 9), interpolation=cv2.INTER_AREA)
    fine = cv2.resize(grey, (17, 16), interpolation=cv2.INTER_AREA)
    bits = np.packbits(np.concatenate(((down[1:] > down[:-1]).ravel(), (fine[:, 1:] > fine[:, :-1]).ravel())))
    return [phash(grey), dhash(grey), *bits.view(">u8").tolist()]


class MarkIndex:
    """Marks to be known again, laid out so that a few are found among millions in microseconds each.

    Of `NEAR` + 1 bands of a finder's bits one is equal where at most `NEAR` bits differ. For each band of each finder
    the marks lie sorted by its value, with a table of where each value begins.
    """

    def __init__(self, marks: Marks, of: NDArray[Any]) -> None:
        self.marks = np.ascontiguousarray(marks)
        self.of = np.asarray(of, np.int64)
        edges = [round(BITS * band / (NEAR + 1)) for band in range(NEAR + 2)]
        self._tables = []
        for word in range(FINDERS):
            for start, end in pairwise(edges):
                value = _band(self.marks[:, word], start, end)
                order = np.argsort(value, kind="stable").astype(np.uint32)
                begins = np.zeros((1 << (end - start)) + 1, np.int64)
                np.cumsum(np.bincount(value, minlength=1 << (end - start)), out=begins[1:])
                self._tables.append((word, start, end, order, begins))

    def find(self, asked: Marks, difference: int = DIFFERENCE) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(row of `asked`, what `of` says of a kept mark) that differ in at most `difference` bits, each pair once."""
        found = [np.zeros((2, 0), np.int64)]
        for word, start, end, order, begins in self._tables:
            value = _band(asked[:, word], start, end)
            first, size = begins[value], begins[value + 1] - begins[value]
            for low, high in portions(size):
                some = size[low:high]
                row = np.repeat(np.arange(low, high), some)
                offset = np.arange(int(some.sum())) - np.repeat(np.cumsum(some) - some, some)
                kept = order[first[row] + offset]
                near = np.bitwise_count(asked[row, word] ^ self.marks[kept, word]) <= NEAR
                row, kept = row[near], kept[near]
                same = np.bitwise_count(asked[row] ^ self.marks[kept]).sum(axis=1, dtype=np.int64) <= difference
                found.append(np.stack((row[same], self.of[kept[same]])))
        pairs = np.unique(np.concatenate(found, axis=1), axis=1)
        return pairs[0], pairs[1]


def _band(values: NDArray[np.uint64], start: int, end: int) -> NDArray[np.int64]:
    return (values >> np.uint64(start) & np.uint64((1 << (end - start)) - 1)).astype(np.int64)
