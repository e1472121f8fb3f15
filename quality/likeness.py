"""Likeness: which of many pictures are copies of each other, though resized, recompressed, cropped, padded, or shown
with other grey levels: candidates by `hash_variants`, each laid over the other before it is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from medloom.quality.components import Joined, components
from medloom.quality.duplicates import MEAN_GAP, MIN_ONES, MIN_SPREAD, near_pairs, picture_pairs
from medloom.quality.hash_variants import CROPS, WHOLE, Variants, Window, packed, ranks, unpacked, variants
from medloom.quality.near_search import BITS, Pairs
from medloom.schemas.appearance import THUMB_SIDE

DISTANCE = 8
SAME, PADDED = 0.89, 0.9
"""Correlation from which on two thumbs laid over each other are one picture; what was padded is smaller there, and less
sharp. Different chest radiographs reach 0.86 where they are laid over each other at will (measured on 3,160 pairs)."""
SOFT = 1.0  # pixels of the thumb
DETAIL = 3.0  # pixels of the thumb: what varies slower than this says little about who is shown
BLOCK = 64  # thumbs at a time: some 100 kB each while they are hashed, which stays near the processor
PAIRS = 4096  # pairs that are laid over each other at a time: their thumbs are in memory
MOVED = 0.02  # share of a side from which on margins differ
STRAYED = 0.12  # of scale or shear: laid over each other in a way that was not looked for
FEW, MANY = 2, 30  # steps of ECC
HOPE = 0.75
"""Correlation that copies reach after FEW steps (all of 1,212, made in six ways of 133 real pictures; 0.89 was the
least after six), and of other pictures with near hashes one in twenty (7,538 pairs)."""
_ONES = np.ones((THUMB_SIDE, THUMB_SIDE), np.float32)

Grey = NDArray[np.float32]
ThumbsOf = Callable[[Sequence[str]], Sequence[bytes]]
"""The thumbs of views, by their ids: corpora have more of them than should be in memory at once."""


def copies(
    pictures: pl.DataFrame,
    distance: int = DISTANCE,
    mean_gap: float = MEAN_GAP,
    thumbs_of: ThumbsOf | None = None,
    chained: bool = False,
) -> Pairs:
    """Pairs of rows (i < j) that show the same picture and have different owners, sorted.

    `pictures` has `owner`, `phash`, `mean`, `std`, `width`, `height`, one row for each distinct picture, and `thumb`,
    or else `id` and `variants` (as of `variants_of`) where `thumbs_of` gives the few thumbs that have to be looked at.
    Where one of two has no thumb, hash and statistics decide (`picture_pairs`, within half of `distance`). With
    `chained` only as many pairs are looked for as chain together what all of them would.
    """
    known = variants_of(pictures["thumb"]) if thumbs_of is None else pictures["variants"]
    names = pictures["thumb" if thumbs_of is None else "id"]
    first, second = _alike_pairs(known, pictures["owner"], distance, thumbs_of or list, names, chained)
    bare = known.is_null().to_numpy()
    if bare.any():
        owners = pictures["owner"].rank("dense").to_numpy()
        i, j = picture_pairs(pictures, distance // 2, mean_gap)
        kept = (bare[i] | bare[j]) & (owners[i] != owners[j])
        ends = np.unique(np.stack((np.append(first, i[kept]), np.append(second, j[kept]))), axis=1)
        first, second = ends[0], ends[1]
    return first, second


def clusters(pictures: pl.DataFrame, distance: int = DISTANCE, thumbs_of: ThumbsOf | None = None) -> pl.Series:
    """The smallest `sha256` of each picture's cluster, over chains of `copies`; `pictures` as there, `owner` being what
    stays together anyhow."""
    distinct = pictures.unique("sha256", maintain_order=False).sort("sha256")
    smallest = components(len(distinct), *copies(distinct, distance, thumbs_of=thumbs_of, chained=True))
    named = distinct.select("sha256", cluster=distinct["sha256"].gather(smallest))
    return pictures.select("sha256").join(named, on="sha256", how="left", maintain_order="left")["cluster"]


def alike_pairs(thumb: pl.Series, owner: pl.Series, distance: int = DISTANCE) -> Pairs:
    """Pairs of rows (i < j) of `thumb` (`Appearance.thumb`) that show one picture and have different owners, sorted.

    A copy may have been resized, recompressed, cropped by 5 % of each side, padded with one colour, or given other grey
    levels by any monotone curve. Not found: turned or mirrored copies, and pictures without contrast. `distance` is the
    number of bits that hashes may differ in before a pair is looked at; of those taken from a crop two fewer, of those
    within margins two more.
    """
    return _alike_pairs(variants_of(thumb), owner, distance, list, thumb, False)


def _alike_pairs(
    known: pl.Series, owner: pl.Series, distance: int, thumbs_of: Any, names: pl.Series, chained: bool
) -> Pairs:
    rows = known.bin.size().gt(0).fill_null(False).arg_true().to_numpy().astype(np.int64)
    if len(rows) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    of = unpacked(known.gather(rows).to_list())
    owners = owner.rank("dense").to_numpy()[rows]
    found: dict[tuple[int, int], Window] = {}
    for first, second, window in _candidates(of, distance):
        for i, j in zip(first.tolist(), second.tolist(), strict=True):
            if owners[i] != owners[j]:
                found.setdefault((i, j), window)
    kept: list[tuple[int, int]] = []
    joined = Joined()
    pairs = sorted(found)
    for start in range(0, len(pairs), PAIRS):
        some = pairs[start : start + PAIRS]
        shown = sorted({end for pair in some for end in pair})
        thumbs = dict(zip(shown, _grey(thumbs_of(names.gather(rows[shown]).to_list())), strict=True))
        for one, other in some:
            if chained and joined.together(one, other):
                continue  # of many that look the same each is laid over few, not over all
            if _copies(thumbs[one], thumbs[other], found[one, other]):
                kept.append((one, other))
                joined.join(one, other)
    ends = np.array([sorted((rows[i], rows[j])) for i, j in kept], np.int64).reshape(-1, 2)
    ends = np.unique(ends, axis=0)
    return ends[:, 0], ends[:, 1]


def _grey(thumbs: Sequence[bytes]) -> Iterator[NDArray[np.uint8]]:
    return (np.frombuffer(thumb, np.uint8).reshape(THUMB_SIDE, THUMB_SIDE) for thumb in thumbs)


def variants_of(thumb: pl.Series) -> pl.Series:
    """`hash_variants.packed` of each thumb: null where there is none, and empty where it shows nothing."""
    known = thumb.to_list()
    found: list[bytes | None] = [None] * len(known)
    there = [row for row, one in enumerate(known) if one]
    for start in range(0, len(there), BLOCK):
        rows = there[start : start + BLOCK]
        thumbs = np.stack([*_grey([known[row] for row in rows])])
        telling = thumbs.reshape(len(thumbs), -1).std(axis=1) >= MIN_SPREAD
        made = iter(packed(variants(thumbs[telling])))
        for row, tells in zip(rows, telling.tolist(), strict=True):
            found[row] = next(made) if tells else b""
    return pl.Series("variants", found, pl.Binary)


def _candidates(of: Variants, distance: int) -> Iterator[tuple[Any, Any, Window]]:
    """Pairs (i, j) of pictures to be laid over each other, and which part of i it is that j may show."""
    for hashes in (of.whole, of.ranked):
        yield *_near(hashes, distance), WHOLE
    first, second = _near(of.inner, min(BITS - 1, distance + 2))
    apart = np.abs(of.margins[first] - of.margins[second]).max(axis=1) > MOVED
    for i, j in zip(first[apart].tolist(), second[apart].tolist(), strict=True):
        # The one with less margin is looked for within the other.
        inner, outer = (i, j) if of.margins[i].sum() < of.margins[j].sum() else (j, i)
        yield np.array([outer]), np.array([inner]), _place(of.margins[outer], of.margins[inner])
    count = len(of.whole)
    for window, cropped in zip(CROPS, of.crops, strict=True):
        both = np.concatenate((of.whole, cropped))
        whole, part = _near(both, max(0, distance - 2))
        across = (whole < count) & (part >= count)
        of_whole, of_part = whole[across], part[across] - count
        differ = of_whole != of_part
        yield of_part[differ], of_whole[differ], window


def _near(hashes: NDArray[np.uint64], distance: int) -> Pairs:
    """Near pairs, without the hashes of plain shapes, which agree by accident."""
    ones = np.bitwise_count(hashes)
    rows = np.flatnonzero((ones >= MIN_ONES) & (ones <= BITS - MIN_ONES)).astype(np.int64)
    first, second = near_pairs(hashes[rows], distance)
    return rows[first], rows[second]


def _place(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> Window:
    """Where in the picture with wide margins the whole of the other lies, if what is within both is the same."""
    found: list[float] = []
    for low, high in ((0, 1), (2, 3)):
        scale = max(0.1, 1 - outer[low] - outer[high]) / max(0.1, 1 - inner[low] - inner[high])
        start = outer[low] - inner[low] * scale
        found += [float(start), float(start + scale)]
    return found[0], found[1], found[2], found[3]


def _copies(first: NDArray[np.uint8], second: NDArray[np.uint8], window: Window) -> bool:
    padded = window not in (WHOLE, *CROPS)
    return likeness(first, second, window, SOFT if padded else 0.0) >= (PADDED if padded else SAME)


def likeness(first: NDArray[np.uint8], second: NDArray[np.uint8], window: Window = WHOLE, soft: float = 0.0) -> float:
    """How far `second` is the part of `first` that `window` names: the correlation of their details, -1 to 1.

    The greater of two, of grey levels and of their ranks. They are compared as they lie, and where that doesn't do,
    moved until they fit (ECC, Evangelidis and Psarakis 2008) by little. Another scale is made up for by `soft` pixels
    of blur.
    """
    ranked = ranks(np.stack([first, second])).astype(np.float32)
    lefts = (first.astype(np.float32), ranked[0])
    rights = tuple(_detail(one, soft) for one in (second.astype(np.float32), ranked[1]))
    start = place = _start(window)
    found = _correlation(lefts, rights, start, soft)
    for steps in (FEW, MANY - FEW):
        if found >= 0.95:
            break
        try:
            _, moved = cv2.findTransformECC(
                ranked[1], ranked[0], place.copy(), cv2.MOTION_AFFINE, _stop(steps), None, 5
            )  # type: ignore[call-overload]
        except cv2.error:  # nothing that it could hold on to
            break
        place = np.asarray(moved, np.float32)
        if np.abs(place[:, :2] - start[:, :2]).max() > STRAYED:
            break
        found = max(found, _correlation(lefts, rights, place, soft))
        if found < HOPE:
            break
    return found


def _stop(steps: int) -> tuple[int, int, float]:
    return cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, steps, 1e-3


def as_they_lie(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """`likeness` of two whole pictures that are not moved."""
    ranked = ranks(np.stack([first, second])).astype(np.float32)
    rights = tuple(_detail(one, 0.0) for one in (second.astype(np.float32), ranked[1]))
    return _correlation((first.astype(np.float32), ranked[0]), rights, _start(WHOLE), 0.0)


def _start(window: Window) -> NDArray[np.float32]:
    top, bottom, left, right = window
    wide, high = right - left, bottom - top
    return np.array(
        [
            [wide, 0, left * THUMB_SIDE + (wide - 1) / 2],
            [0, high, top * THUMB_SIDE + (high - 1) / 2],
        ],
        np.float32,
    )


def _correlation(lefts: tuple[Grey, ...], rights: tuple[Grey, ...], place: Grey, soft: float) -> float:
    """The greatest correlation of each of `lefts`, moved to its `place`, with the details in `rights`."""
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (THUMB_SIDE, THUMB_SIDE)
    inside = cv2.warpAffine(_ONES, place, size, flags=how) > 0.99
    if np.count_nonzero(inside) < THUMB_SIDE**2 // 2:
        return -1.0
    found = []
    for left, right in zip(lefts, rights, strict=True):
        x, y = _detail(cv2.warpAffine(left, place, size, flags=how), soft)[inside], right[inside]
        x, y = x - x.mean(), y - y.mean()
        power = float(np.sqrt((x * x).sum() * (y * y).sum()))  # BLAS would add in an order of the processor's own
        found.append(float((x * y).sum()) / power if power > 1e-6 else -1.0)
    return max(found)


def _detail(grey: Any, soft: float) -> NDArray[np.float32]:
    if soft:
        grey = cv2.GaussianBlur(grey, (0, 0), soft)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), DETAIL), np.float32)
