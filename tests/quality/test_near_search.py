"""Every near pair, each once, whatever the hashes are like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medloom.quality import near_search
from medloom.quality.near_search import near_between, near_blocks

SEEDS = st.integers(0, 2**32 - 1)


def hashes(seed, count, kind):
    """Hashes that are spread out, that differ in few bits of one another, or only in the lowest 12."""
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 2**64, count, np.uint64, endpoint=False)
    if kind == "near" and count:
        flips = np.uint64(1) << draw.integers(0, 64, (5, count // 2)).astype(np.uint64)
        values[: count // 2] = values[-1] ^ np.bitwise_or.reduce(flips, axis=0)
    elif kind == "crowded":
        values &= np.uint64(0xFFF)
    return values


def plain(many, few, distance):
    return set(
        zip(*(side.tolist() for side in np.nonzero(np.bitwise_count(many[:, None] ^ few) <= distance)), strict=True)
    )


EAGER = {"TABLE": 0.0, "SORT": 0.01, "CROWD": 4, "BLOCK": 8}
"""Bands even where comparing everything would be cheaper, so that few hashes go every way."""


KINDS = st.sampled_from(["spread", "near", "crowded"])


@given(SEEDS, st.integers(0, 150), KINDS, st.integers(0, 4))
@settings(max_examples=60)
def test_finds_each_pair_once(seed, count, kind, distance):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in EAGER.items():
            patch.setattr(near_search, name, value)
        unique = np.unique(hashes(seed, count, kind))
        found = [pair for i, j in near_blocks(unique, distance) for pair in zip(i.tolist(), j.tolist(), strict=True)]
    assert len(found) == len(set(found))
    assert set(found) == {(i, j) for i, j in plain(unique, unique, distance) if i < j}


@given(SEEDS, st.integers(0, 150), st.integers(0, 60), KINDS, st.integers(0, 6))
@settings(max_examples=60)
def test_finds_each_pair_between_two_sets_once(seed, count, others, kind, distance):
    many, few = hashes(seed, count, kind), np.unique(hashes(seed, others, kind))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_search, "BLOCK", 8)
        found = [
            pair for i, j in near_between(many, few, distance) for pair in zip(i.tolist(), j.tolist(), strict=True)
        ]
    assert len(found) == len(set(found))
    assert set(found) == plain(many, few, distance)


def test_a_crowd_costs_no_square():
    """200,000 hashes that agree in 40 bits: each level of bands takes the bits in which they differ."""
    draw = np.random.default_rng(5)
    unique = np.unique(draw.integers(0, 2**24, 200_000, np.uint64))
    compared = 0
    original = near_search._compared

    def counted(ordered, free, distance):
        nonlocal compared
        compared += len(ordered)
        return original(ordered, free, distance)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_search, "_compared", counted)
        pairs = sum(len(i) for i, _ in near_blocks(unique, 2))
    assert pairs > 100_000
    assert compared < 200 * len(unique)
