from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medloom.quality.components import components, linked
from medloom.quality.duplicates import hash_values, near_pairs, picture_blocks, picture_pairs, repeats
from medloom.quality.likeness import clusters

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=30)


def _brute(hashes, distance):
    return [
        (i, j)
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if (hashes[i] ^ hashes[j]).bit_count() <= distance
    ]


@given(HASHES, st.integers(0, 64), st.data())
@settings(max_examples=200, deadline=None)
def test_finds_exactly_the_pairs_within_the_distance(hashes, distance, data):
    flips = st.tuples(st.sampled_from(hashes or [0]), st.sets(st.integers(0, 63), max_size=8))
    for base, bits in data.draw(st.lists(flips, max_size=10)):
        hashes = [*hashes, base ^ sum(1 << bit for bit in bits)]
    left, right = near_pairs(np.array(hashes, np.uint64), distance)
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == _brute(hashes, distance)


def test_finds_all_planted_neighbours_among_many():
    draw = np.random.default_rng(7)
    hashes = draw.integers(0, 2**64, 20_000, np.uint64, endpoint=False)
    for row in range(0, 1000, 2):
        bits = draw.choice(64, draw.integers(0, 7), replace=False)
        hashes[row + 1] = hashes[row] ^ np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64), initial=0)
    found = set(zip(*(side.tolist() for side in near_pairs(hashes, 4)), strict=True))
    planted = {(row, row + 1) for row in range(0, 1000, 2) if (hashes[row] ^ hashes[row + 1]).item().bit_count() <= 4}
    assert len(planted) > 300
    assert planted <= found
    assert all((hashes[i] ^ hashes[j]).item().bit_count() <= 4 for i, j in found)


def test_reads_hashes_to_the_last_bit_and_refuses_what_is_none():
    read = hash_values(pl.Series(["ffffffffffffffff", "8000000000000001", "12", "zzzzzzzzzzzzzzzz", None]))
    assert read.to_list() == [2**64 - 1, 2**63 + 1, None, None, None]


def _pictures(*rows):
    columns = ("sha256", "phash", "mean", "std", "width", "height")
    return pl.DataFrame(rows, schema=columns, orient="row")


FULL = "0f0f0f0f0f0f0f0f"
NEAR = "0f0f0f0f0f0f0f00"


def _pairs(*rows, **params):
    return [list(side) for side in picture_pairs(_pictures(*rows), **params)]


def test_a_resized_copy_is_a_pair():
    assert _pairs(("a", FULL, 90, 40, 512, 384), ("b", NEAR, 91, 39, 256, 192)) == [[0], [1]]


def test_brightness_spread_and_aspect_tell_pictures_apart():
    original = ("a", FULL, 90.0, 40.0, 512, 384)
    for other in (
        ("b", FULL, 120.0, 40.0, 512, 384),
        ("b", FULL, 90.0, 60.0, 512, 384),
        ("b", FULL, 90.0, 40.0, 512, 512),
        ("b", "0f0f0f0f0f0f0000", 90.0, 40.0, 512, 384),
    ):
        assert _pairs(original, other) == [[], []]


def test_flat_pictures_are_not_all_one_picture():
    assert _pairs(*((str(i), "0" * 16, 0.0, 0.0, 64, 64) for i in range(50))) == [[], []]
    assert _pairs(("a", FULL, 9.0, 0.5, 64, 64), ("b", FULL, 9.0, 0.5, 64, 64)) == [[], []]


def test_clusters_follow_chains_and_ignore_row_order():
    rows = [
        ("c", "0f0f0f0f0f0f0f0f", 90, 40, 64, 64),
        ("b", "0f0f0f0f0f0f0f00", 90, 40, 64, 64),
        ("a", "0f0f0f0f0f0f0000", 90, 40, 64, 64),
        ("z", "f0f0f0f0f0f0f0f0", 90, 40, 64, 64),
        ("b", "0f0f0f0f0f0f0f00", 90, 40, 64, 64),
    ]
    owned = _pictures(*rows).with_columns(owner="sha256", thumb=pl.lit(None, pl.Binary))
    assert clusters(owned).to_list() == ["a", "a", "a", "z", "a"]
    assert clusters(owned[::-1]).to_list() == ["a", "z", "a", "a", "a"]


EDGES = st.integers(1, 25).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda e: e[0] < e[1]), max_size=60),
    )
)


@given(EDGES)
def test_keeps_the_first_and_drops_only_for_what_is_kept(graph):
    count, edges = graph
    stands = repeats(count, np.array([a for a, _ in edges], int), np.array([b for _, b in edges], int))
    kept: list[int] = []
    for row in range(count):  # the plain definition, one row after the other
        on = [a for a in kept if (a, row) in edges]
        assert stands[row] == (min(on) if on else row)
        kept += [] if on else [row]


@given(EDGES)
def test_components_name_the_smallest_node_of_each(graph):
    count, edges = graph
    label = list(range(count))
    for _ in range(count):
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    found = components(count, np.array([a for a, _ in edges], int), np.array([b for _, b in edges], int))
    assert found.tolist() == label


def test_a_million_alike_pictures_are_paired_with_the_first_alone():
    count = 100_000
    pictures = pl.DataFrame(
        {
            "sha256": [f"{row:06d}" for row in range(count)],
            "phash": [FULL] * (count - 1) + [NEAR],
            "mean": [90.0] * count,
            "std": [40.0] * count,
            "width": [64] * count,
            "height": [64] * count,
        }
    )
    pairs = list(picture_blocks(pictures))
    assert sum(len(left) for left, _ in pairs) < 40 * count
    assert len(set(linked(count, pairs).tolist())) == 1


def test_pairs_of_one_owner_are_left_out_on_request():
    rows = _pictures(*((name, FULL, 90.0, 40.0, 64, 64) for name in "abc"))
    owned = rows.with_columns(owner=pl.Series(["x", "x", "y"]))
    assert [side.tolist() for side in picture_pairs(owned)] == [[0, 1], [2, 2]]


@given(EDGES, st.integers(1, 20))
def test_components_come_the_same_in_blocks(graph, held):
    count, edges = graph
    left, right = (np.array([edge[side] for edge in edges], int) for side in (0, 1))
    blocks = [(left[at : at + 3], right[at : at + 3]) for at in range(0, len(edges), 3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medloom.quality.components.HELD", held)
        assert linked(count, blocks).tolist() == components(count, left, right).tolist()
