"""Near-duplicate pictures: pairs of 64-bit perceptual hashes within a Hamming distance, and which of them to keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medloom.quality.near_search import BITS, Pairs, near_blocks, portions

DISTANCE = 4
MEAN_GAP = 16.0  # grey levels; re-encoding and resizing move mean and spread by one or two
SPREAD_GAP = 12.0
ASPECT_RATIO = 1.06
MIN_SPREAD = 1.0  # grey levels: below, the hash is of noise
MIN_ONES = 16  # of a true pHash half of the bits are one; flat pictures and plain shapes tie with the median
HEADS = 16


def near_pairs(hashes: NDArray[np.uint64], distance: int) -> Pairs:
    """All pairs (i, j), i < j, of hashes that differ in at most `distance` bits, sorted; equal hashes among them.

    For few hashes: the pairs of many equal ones are as many as their number squared (see `picture_blocks`).
    """
    unique, inverse = np.unique(hashes, return_inverse=True)
    groups = _groups(inverse, len(unique))
    found = [np.zeros((2, 0), np.int64)]
    for left, right in (*near_blocks(unique, distance), (np.arange(len(unique)),) * 2):
        for one, other in _crossed(left, right, groups, groups):
            apart = (one != other) if left is not right else (one < other)
            found.append(np.sort(np.stack((one[apart], other[apart])), axis=0))
    pairs = np.concatenate(found, axis=1)
    order = np.lexsort(pairs[::-1])
    return pairs[0][order], pairs[1][order]


def _groups(of: NDArray[Any], count: int, most: int | None = None) -> tuple[NDArray[np.int64], ...]:
    """(rows by group, where each of `count` groups starts, its size), of each at most the first `most` rows."""
    rows = np.argsort(of, kind="stable")
    size = np.bincount(of, minlength=count)
    start = np.cumsum(size) - size
    return rows, start, size if most is None else np.minimum(size, most)


def _crossed(
    left: NDArray[Any], right: NDArray[Any], of_left: tuple[NDArray[Any], ...], of_right: tuple[NDArray[Any], ...]
) -> Iterator[Pairs]:
    """Blocks of every row of group `left[k]` with every row of group `right[k]`."""
    rows_a, start_a, size_a = of_left
    rows_b, start_b, size_b = of_right
    each = size_a[left] * size_b[right]
    for begin, end in portions(each):
        some = each[begin:end]
        k = np.repeat(np.arange(begin, end), some)
        offset = np.arange(int(some.sum())) - np.repeat(np.cumsum(some) - some, some)
        wide = size_b[right[k]]
        yield rows_a[start_a[left[k]] + offset // wide], rows_b[start_b[right[k]] + offset % wide]


def hash_values(phash: pl.Series) -> pl.Series:
    """UInt64 of hashes written as 16 hex digits; null where it is anything else."""
    whole = phash.str.contains(r"^[0-9a-fA-F]{16}$")
    return phash.set(~whole, None).str.to_integer(base=16, dtype=pl.UInt64)


def picture_pairs(pictures: pl.DataFrame, distance: int = DISTANCE, mean_gap: float = MEAN_GAP) -> Pairs:
    """The pairs of `picture_blocks`, sorted, each once."""
    found = [np.stack(block) for block in picture_blocks(pictures, distance, mean_gap)]
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    left, right = np.unique(np.concatenate(found, axis=1), axis=1)
    return left, right


def picture_blocks(pictures: pl.DataFrame, distance: int = DISTANCE, mean_gap: float = MEAN_GAP) -> Iterator[Pairs]:
    """Blocks of pairs of rows (i < j) that show the same picture, re-encoded, resized or little changed.

    `pictures` has `phash`, `mean`, `std`, `width`, `height`, one row for each distinct picture, and `owner` where
    only pairs of different owners are wanted. A pair counts where the hashes are within `distance` bits and mean,
    spread and aspect agree. Flat pictures (spread or hash without content) are compared with nothing: their hashes
    agree by accident. Of pictures that look quite the same (one hash, one grey level of mean and of spread) only the
    first HEADS are paired with everything near; the others with these, so that a million of them make no trillion.
    """
    values = pictures.select(
        phash=hash_values(pictures["phash"]),
        mean=pl.col("mean").cast(pl.Float64),
        std=pl.col("std").cast(pl.Float64),
        aspect=(pl.col("width") / pl.col("height")).log(),
        owner=pl.col("owner").rank("dense") if "owner" in pictures.columns else pl.int_range(pl.len()),
    ).with_row_index("row")
    ones = pl.col("phash").bitwise_count_ones()
    values = values.drop_nulls().filter(
        pl.col("std").is_finite(), pl.col("std") >= MIN_SPREAD, ones >= MIN_ONES, ones <= BITS - MIN_ONES
    )
    mean, std, aspect, owner = (values[name].to_numpy() for name in ("mean", "std", "aspect", "owner"))
    unique, looks_hash, look = _looks(values)
    looks = _groups(look, len(looks_hash))
    heads = _groups(look, len(looks_hash), HEADS)
    by_hash = _groups(looks_hash, len(unique))
    row = values["row"].to_numpy().astype(np.int64)
    for one, other in _paired(unique, by_hash, distance):
        for of_left, of_right in ((heads, looks), (looks, heads)):
            for left, right in _crossed(one, other, of_left, of_right):
                same = (
                    (left != right)
                    & (owner[left] != owner[right])
                    & (np.abs(mean[left] - mean[right]) <= mean_gap)
                    & (np.abs(std[left] - std[right]) <= SPREAD_GAP)
                    & (np.abs(aspect[left] - aspect[right]) <= np.log(ASPECT_RATIO))
                )
                if same.any():
                    first, second = row[left[same]], row[right[same]]
                    yield np.minimum(first, second), np.maximum(first, second)


def _looks(values: pl.DataFrame) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """(the distinct hashes, for each look its hash, for each row its look)."""
    key = values.select("phash", pl.col("mean", "std").floor().cast(pl.Int32), (pl.col("aspect") * 100).floor())
    ids = key.select(pl.struct(pl.all()).rank("dense") - 1).to_series().to_numpy().astype(np.int64)
    unique, inverse = np.unique(values["phash"].to_numpy(), return_inverse=True)
    looks_hash = np.zeros(int(ids.max()) + 1 if len(ids) else 0, np.int64)
    looks_hash[ids] = inverse
    return unique, looks_hash, ids


def _paired(unique: NDArray[np.uint64], by_hash: tuple[NDArray[Any], ...], distance: int) -> Iterator[Pairs]:
    """Blocks of pairs of looks of near or equal hashes."""
    same = np.arange(len(unique))
    yield from _crossed(same, same, by_hash, by_hash)
    for left, right in near_blocks(unique, distance):
        yield from _crossed(left, right, by_hash, by_hash)


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
