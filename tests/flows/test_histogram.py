from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.flows.histogram import histogram

finite = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: value + 0.0)
positive = st.floats(1e-6, 1e9)


@given(st.lists(st.one_of(finite, st.integers(0, 5000).map(float)), min_size=1, max_size=60), st.booleans())
def test_no_value_is_lost_and_edges_hold_them_all(values, log):
    made = histogram(values, name="n", title="t", log=log)
    assert sum(made.counts) == len(values) and len(made.edges) == len(made.counts) + 1
    assert all(left < right for left, right in zip(made.edges, made.edges[1:], strict=False))
    slack = 1e-9 * max(abs(made.minimum), abs(made.maximum), 1)
    assert made.edges[0] <= made.minimum + slack and made.maximum <= made.edges[-1] + slack
    assert len(made.counts) <= 60


@given(st.lists(positive, min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_order_does_not_matter(values, chance: random.Random):
    mixed = list(values)
    chance.shuffle(mixed)
    assert histogram(values, name="n", title="t", log=True) == histogram(mixed, name="n", title="t", log=True)


def test_small_whole_numbers_get_a_bin_each():
    made = histogram([1, 1, 2, 5], name="n", title="t")
    assert made.edges == (1, 2, 3, 4, 5, 6) and made.counts == (2, 1, 0, 0, 1)
    assert (made.minimum, made.median, made.mean, made.maximum) == (1, 1.5, 2.25, 5)


def test_edges_are_round():
    assert histogram(range(0, 1000, 7), name="n", title="t", bins=20).edges[:3] == (0, 50, 100)
    assert histogram([0.001, 0.52], name="n", title="t", bins=6).edges == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], abs=1e-12
    )


def test_log_edges_grow_by_a_factor():
    edges = histogram([10, 1e5], name="n", title="t", log=True, bins=8).edges
    assert edges[0] == 10 and {round(math.log10(b / a), 6) for a, b in itertools.pairwise(edges)} == {0.5}


def test_nothing_to_count_is_none():
    assert histogram([], name="n", title="t") is None
    assert histogram([float("nan"), float("inf")], name="n", title="t") is None
