"""Near-duplicate pictures: pairs of 64-bit perceptual hashes within a Hamming distance, and which of them to keep."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import comb
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

BITS = 64
DISTANCE = 4
MEAN_GAP = 16.0  # grey levels; re-encoding and resizing move mean and spread by one or two
SPREAD_GAP = 12.0
ASPECT_RATIO = 1.06
MIN_SPREAD = 1.0  # grey levels: below, the hash is of noise
MIN_ONES = 16  # of a true pHash half of the bits are one; flat pictures and plain shapes tie with the median

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def near_pairs(hashes: NDArray[np.uint64], distance: int) -> Pairs:
    """All pairs (i, j), i < j, of hashes that differ in at most `distance` bits, sorted; equal hashes among them.

    Exact: of `distance` + k bands, two such hashes share k (pigeonhole), so every choice of k bands is sorted and
    compared within equal keys; k is taken so that sorting and comparing cost about the same (multi-index hashing,
    Norouzi et al. 2012). Memory is a small multiple of the hashes plus the pairs found.
    """
    unique, inverse = np.unique(hashes, return_inverse=True)
    found = [np.zeros((2, 0), np.int64)]
    for mask in _masks(distance, len(unique)):
        keys = unique & mask
        order = np.argsort(keys, kind="stable")
        found.append(_within(unique[order], keys[order], order, distance))
    near = np.concatenate(found, axis=1)
    near = np.unique(near[0] * max(1, len(unique)) + near[1])
    left, right = np.divmod(near, max(1, len(unique)))
    return _expanded(left, right, inverse, len(unique))


def _masks(distance: int, count: int) -> list[np.uint64]:
    """One mask for each choice of k of `distance` + k bands; [0] where every pair has to be compared."""

    def cost(k: int) -> float:
        tables = comb(distance + k, k)
        return tables * (count * 30.0 + count * count / 2 / 2 ** (BITS * k / (distance + k)))

    if distance >= BITS or count < 2:
        return [np.uint64(0)]
    k = min(range(1, min(5, BITS - distance + 1)), key=cost)
    edges = [round(BITS * band / (distance + k)) for band in range(distance + k + 1)]
    bands = [((1 << (end - start)) - 1) << start for start, end in pairwise(edges)]
    return [np.uint64(sum(chosen)) for chosen in combinations(bands, k)]


def _within(
    hashes: NDArray[np.uint64], keys: NDArray[np.uint64], order: NDArray[np.int64], distance: int
) -> NDArray[np.int64]:
    """2×P pairs of places in `order` that have one key and lie within the distance; `hashes` are sorted by key."""
    found = [np.zeros((2, 0), np.int64)]
    at = np.flatnonzero(keys[1:] == keys[:-1])
    step = 1
    while at.size:
        hit = at[np.bitwise_count(hashes[at] ^ hashes[at + step]) <= distance]
        ends = np.stack((order[hit], order[hit + step]))
        found.append(np.sort(ends, axis=0))
        step += 1
        at = at[at + step < len(keys)]
        at = at[keys[at] == keys[at + step]]
    return np.concatenate(found, axis=1)


def _expanded(left: NDArray[np.int64], right: NDArray[np.int64], inverse: NDArray[np.int64], count: int) -> Pairs:
    """Pairs of unique hashes, and of equal ones, as pairs of rows."""
    rows = np.argsort(inverse, kind="stable")
    size = np.bincount(inverse, minlength=count)
    start = np.concatenate(([0], np.cumsum(size)))[:-1]
    several = np.flatnonzero(size > 1)
    a, b = np.concatenate((left, several)), np.concatenate((right, several))
    pairs = size[a] * size[b]
    of = np.repeat(np.arange(len(a)), pairs)
    offset = np.arange(int(pairs.sum())) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    i = rows[start[a[of]] + offset // size[b[of]]]
    j = rows[start[b[of]] + offset % size[b[of]]]
    i, j = np.minimum(i, j), np.maximum(i, j)
    same = a[of] == b[of]
    keep = ~same | ((i < j) & (offset // size[b[of]] < offset % size[b[of]]))
    order = np.lexsort((j[keep], i[keep]))
    return i[keep][order], j[keep][order]


def hash_values(phash: pl.Series) -> pl.Series:
    """UInt64 of hashes written as 16 hex digits; null where it is anything else."""
    whole = phash.str.contains(r"^[0-9a-fA-F]{16}$")
    return phash.set(~whole, None).str.to_integer(base=16, dtype=pl.UInt64)


def picture_pairs(pictures: pl.DataFrame, distance: int = DISTANCE, mean_gap: float = MEAN_GAP) -> Pairs:
    """Pairs of rows (i < j) that show the same picture, re-encoded, resized or little changed.

    `pictures` has `phash`, `mean`, `std`, `width`, `height`, one row for each distinct picture. A pair counts where
    the hashes are within `distance` bits and mean, spread and aspect agree. Flat pictures (spread or hash without
    content) are compared with nothing: their hashes agree by accident.
    """
    values = pictures.select(
        phash=hash_values(pictures["phash"]),
        mean=pl.col("mean").cast(pl.Float64),
        std=pl.col("std").cast(pl.Float64),
        aspect=(pl.col("width") / pl.col("height")).log(),
    ).with_row_index("row")
    ones = pl.col("phash").bitwise_count_ones()
    values = values.drop_nulls().filter(
        pl.col("std").is_finite(), pl.col("std") >= MIN_SPREAD, ones >= MIN_ONES, ones <= BITS - MIN_ONES
    )
    left, right = near_pairs(values["phash"].to_numpy(), distance)
    mean, std, aspect = (values[name].to_numpy() for name in ("mean", "std", "aspect"))
    same = (
        (np.abs(mean[left] - mean[right]) <= mean_gap)
        & (np.abs(std[left] - std[right]) <= SPREAD_GAP)
        & (np.abs(aspect[left] - aspect[right]) <= np.log(ASPECT_RATIO))
    )
    row = values["row"].to_numpy().astype(np.int64)
    return row[left[same]], row[right[same]]


def repeats(count: int, earlier: NDArray[Any], later: NDArray[Any]) -> NDArray[np.int64]:
    """For each row the row that stands for it: itself where it is kept, else the first kept row that it repeats.

    Rows are in order of preference; pairs (earlier < later) say what repeats what. A row is dropped only for a row
    that is kept itself, so that of a chain in which a ~ b and b ~ c but not a ~ c, both a and c stay.
    """
    stands = np.full(count, -1, np.int64)
    first = np.asarray(earlier, np.int64)
    second = np.asarray(later, np.int64)
    while True:
        waits = np.zeros(count, bool)
        waits[second] = True
        fresh = (stands < 0) & ~waits
        stands[fresh] = np.flatnonzero(fresh)
        if not first.size:
            return stands
        by_kept = stands[first] == first
        hit, on = second[by_kept], first[by_kept]
        best = np.full(count, count, np.int64)
        np.minimum.at(best, hit, on)
        gone = (best < count) & (stands < 0)
        stands[gone] = best[gone]
        open_ = (stands[second] < 0) & (stands[first] < 0)
        first, second = first[open_], second[open_]
