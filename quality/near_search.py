"""Near search: which 64-bit hashes lie within a Hamming distance of each other, for millions of them.

Multi-index hashing (Norouzi et al. 2012): of `distance` + k bands of bits, two such hashes share k (pigeonhole), so
that every choice of k bands is tried and only hashes with equal bits there are compared. The bits are moved so that the
chosen bands come first; then one sort of plain integers puts together what is to be compared, and no index is carried.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

BITS = 64
BLOCK = 1 << 20  # comparisons at a time: what they take fits into the cache
CROWD = 512  # hashes with equal bits in the chosen bands, from which on the other bits are banded in turn
SORT, COMPARE, LOOK_UP, TABLE = 40.0, 12.0, 15.0, 400_000.0  # ns: a hash, a pair, a look-up, a table; they choose k
MOST_BANDS, MOST_LEVELS = 5, 4
MARKED = 27  # bits of the table that says which keys there are: 128 MB
LOOKED_AT = 4096  # hashes of which the spread of each bit is taken

Hashes = NDArray[np.uint64]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
_Couples = tuple[Hashes, Hashes]


def near_blocks(unique: Hashes, distance: int) -> Iterator[Pairs]:
    """Blocks of (i, j), i < j: all pairs of rows of `unique` that differ in at most `distance` bits, each pair once.

    `unique` is sorted and without repeats. The order of pairs depends on nothing but the hashes. Memory is a small
    multiple of the hashes, whatever the number of pairs. Where many hashes agree in the chosen bands (blank pictures
    with a mark), the bits in which they do differ are banded in turn.
    """
    for a, b in _search(unique, distance, MOST_LEVELS):
        low, high = np.minimum(a, b), np.maximum(a, b)
        yield np.searchsorted(unique, low), np.searchsorted(unique, high)


def _search(unique: Hashes, distance: int, levels: int) -> Iterator[_Couples]:
    """All near pairs among sorted, distinct values, each pair once."""
    bands = _bands(unique, distance) if levels else None
    if bands is None:
        yield from _compared(unique, BITS, distance)
        return
    for chosen in combinations(range(len(bands)), len(bands) - distance):
        moved = _moved(unique, bands, chosen)
        moved.sort()
        rest = sum(bands[band][1] for band in range(len(bands)) if band not in chosen)
        crowds = _crowds(moved, rest)
        alone = np.ones(len(moved), bool)
        for start, end in crowds:
            alone[start:end] = False
        earlier = [bands[band] for band in range(chosen[-1]) if band not in chosen]
        found = [_compared(moved[alone] if crowds else moved, rest, distance)]
        found += [_search_crowd(moved[start:end], rest, distance, levels - 1) for start, end in crowds]
        for pairs in found:
            for moved_a, moved_b in pairs:
                a, b = _moved_back(moved_a, bands, chosen), _moved_back(moved_b, bands, chosen)
                first = _first_choice(a ^ b, earlier)
                if first.any():
                    yield a[first], b[first]


def _search_crowd(values: Hashes, rest: int, distance: int, levels: int) -> Iterator[_Couples]:
    """The same among sorted values that agree in all but the lowest `rest` bits: by the bits in which they differ.

    Those are taken together, the most telling ones dealt out in turn, so that every band gets its share of them.
    """
    spread = _spread(values, rest)
    telling = [
        bit for bit in np.argsort(-spread, kind="stable").tolist() if (values >> np.uint64(bit) & np.uint64(1)).any()
    ]
    stride = distance + 2
    dealt = [bit for start in range(stride) for bit in telling[start::stride]]
    short = np.zeros_like(values)
    for to, bit in enumerate(dealt):
        short |= (values >> np.uint64(bit) & np.uint64(1)) << np.uint64(to)
    order = np.argsort(short, kind="stable")
    ordered = short[order]
    for a, b in _search(ordered, distance, levels):
        yield values[order[np.searchsorted(ordered, a)]], values[order[np.searchsorted(ordered, b)]]


def _spread(values: Hashes, bits: int = BITS) -> NDArray[np.float64]:
    """-log2 of the chance that two values have the same bit, for each bit from the lowest on."""
    some = values[:: max(1, len(values) // LOOKED_AT)]
    ones = np.array([float((some >> np.uint64(bit) & np.uint64(1)).mean()) for bit in range(bits)])
    spread: NDArray[np.float64] = -np.log2(ones**2 + (1 - ones) ** 2)
    return spread


def _bands(values: Hashes, distance: int) -> list[tuple[int, int]] | None:
    """(lowest bit, width) of the bands; None where it is cheapest to compare every value with every other."""
    count = len(values)
    rivals = count * (count - 1) / 2
    free = int(values[-1]).bit_length() if count else 0
    if rivals * COMPARE <= TABLE or free <= distance:
        return None
    telling = float(_spread(values, free).sum())
    best, choice = rivals * COMPARE, 0
    for k in range(1, MOST_BANDS + 1):
        tables, parts = comb(distance + k, k), distance + k
        cost = tables * (TABLE + count * SORT + COMPARE * rivals * 2 ** (-telling * k / parts))
        if parts <= free and cost < best:
            best, choice = cost, k
    if not choice:
        return None
    edges = [round(free * band / (distance + choice)) for band in range(distance + choice + 1)]
    return [(start, end - start) for start, end in pairwise(edges)]


def _mask(width: int) -> np.uint64:
    return np.uint64((1 << width) - 1)


def _order(bands: list[tuple[int, int]], chosen: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(from bit, to bit, width) of each band: the chosen ones to the top of the free bits."""
    places, at = [], sum(width for _, width in bands)
    for band in (*chosen, *(band for band in range(len(bands)) if band not in chosen)):
        start, width = bands[band]
        at -= width
        places.append((start, at, width))
    return places


def _moved(values: Hashes, bands: list[tuple[int, int]], chosen: tuple[int, ...]) -> Hashes:
    out = np.zeros_like(values)
    for start, to, width in _order(bands, chosen):
        out |= (values >> np.uint64(start) & _mask(width)) << np.uint64(to)
    return out


def _moved_back(values: Hashes, bands: list[tuple[int, int]], chosen: tuple[int, ...]) -> Hashes:
    out = np.zeros_like(values)
    for start, to, width in _order(bands, chosen):
        out |= (values >> np.uint64(to) & _mask(width)) << np.uint64(start)
    return out


def _first_choice(different: Hashes, earlier: list[tuple[int, int]]) -> NDArray[np.bool_]:
    """Whether no earlier choice of bands finds the pair: it differs in each band that was passed over before."""
    first = np.ones(len(different), bool)
    for start, width in earlier:
        first &= (different >> np.uint64(start) & _mask(width)) != 0
    return first


def _crowds(ordered: Hashes, rest: int) -> list[tuple[int, int]]:
    """Slices of the sorted values that share all but the lowest `rest` bits with CROWD others or more."""
    if len(ordered) <= CROWD or rest >= BITS:
        return []
    keys = ordered >> np.uint64(rest)
    if not (keys[CROWD:] == keys[:-CROWD]).any():
        return []
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    ends = np.concatenate((starts[1:], [len(keys)]))
    large = ends - starts > CROWD
    return list(zip(starts[large].tolist(), ends[large].tolist(), strict=True))


def _compared(ordered: Hashes, free: int, distance: int) -> Iterator[_Couples]:
    """Near pairs of sorted values among those that agree in all but the lowest `free` bits, by plain comparison."""
    limit = ~np.uint64(0) if free >= BITS else _mask(free)
    for start in range(0, len(ordered) - 1, BLOCK):
        at = np.arange(start, min(start + BLOCK, len(ordered) - 1))
        step = 1
        while at.size:
            different = ordered[at] ^ ordered[at + step]
            same_key = different <= limit
            hit = at[same_key & (np.bitwise_count(different) <= distance)]
            if hit.size:
                yield ordered[hit], ordered[hit + step]
            step += 1
            at = at[same_key]
            at = at[at + step < len(ordered)]


def near_between(many: Hashes, few: Hashes, distance: int) -> Iterator[Pairs]:
    """Blocks of (row of `many`, row of `few`): all pairs that differ in at most `distance` bits, each pair once.

    `few` is sorted and without repeats; `many` comes as it is. Memory: a few arrays as long as `many`.
    """
    if not len(many) or not len(few):
        return

    def cost(k: int) -> float:
        chance = 2.0 ** -(BITS * k // (distance + k))
        return comb(distance + k, k) * len(many) * (LOOK_UP + COMPARE * len(few) * chance)

    if len(many) * len(few) <= 16 * BLOCK or distance >= BITS:
        yield from _all_between(many, few, distance)
        return
    k = min((k for k in range(1, MOST_BANDS + 1) if distance + k <= BITS), key=cost)
    edges = [round(BITS * band / (distance + k)) for band in range(distance + k + 1)]
    bands = [(start, end - start) for start, end in pairwise(edges)]
    for chosen in combinations(range(len(bands)), k):
        earlier = [bands[band] for band in range(chosen[-1]) if band not in chosen]
        keys = _keys(few, bands, chosen)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        for start in range(0, len(many), 4 * BLOCK):
            part = many[start : start + 4 * BLOCK]
            for row, column in _equal_keys(_keys(part, bands, chosen), keys):
                different = part[row] ^ few[order[column]]
                near = np.bitwise_count(different) <= distance
                near &= _first_choice(different, earlier)
                if near.any():
                    yield row[near] + start, order[column[near]]


def _keys(values: Hashes, bands: list[tuple[int, int]], chosen: tuple[int, ...]) -> Hashes:
    """The bits of the chosen bands alone."""
    out = np.zeros_like(values)
    for band in chosen:
        start, width = bands[band]
        out = out << np.uint64(width) | values >> np.uint64(start) & _mask(width)
    return out


def _all_between(many: Hashes, few: Hashes, distance: int) -> Iterator[Pairs]:
    rows = max(1, BLOCK // len(few))
    for start in range(0, len(many), rows):
        part = many[start : start + rows]
        row, column = np.nonzero(np.bitwise_count(part[:, None] ^ few[None, :]) <= distance)
        yield row + start, column


def _equal_keys(wanted: Hashes, keys: Hashes) -> Iterator[Pairs]:
    """Blocks of (row of `wanted`, place in the sorted `keys`) with equal keys."""
    low = int(keys[-1]).bit_length()
    drop = np.uint64(max(0, low - MARKED))
    there = np.zeros(int(keys[-1] >> drop) + 1, bool)
    there[keys >> drop] = True
    short = wanted >> drop
    maybe = np.flatnonzero(short < np.uint64(len(there)))
    maybe = maybe[there[short[maybe]]]
    first = np.searchsorted(keys, wanted[maybe], "left")
    count = np.searchsorted(keys, wanted[maybe], "right") - first
    hit = count > 0
    maybe, first, count = maybe[hit], first[hit], count[hit]
    for start, end in portions(count):
        some = count[start:end]
        row = np.repeat(np.arange(start, end), some)
        offset = np.arange(int(some.sum())) - np.repeat(np.cumsum(some) - some, some)
        yield maybe[row], first[row] + offset


def portions(count: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Slices of `count` whose sums stay about at BLOCK."""
    total = np.cumsum(count)
    start = 0
    while start < len(count):
        before = int(total[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + BLOCK, "right")))
        yield start, end
        start = end
