"""Shapes are held against brute force: chords against membership, volumes and areas against fine grids."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medloom.converters.phantom.organs import AORTA_DOWN, CAGE, LIVER_RIGHT, LUNG_RIGHT
from medloom.converters.phantom.shapes import Ellipsoid, Shape, Within, clipped, covered, turned

angles = st.floats(-180, 180)
sizes = st.floats(3, 40)
places = st.floats(-60, 60)
ellipsoids = st.builds(
    lambda x, y, z, a, b, c, p, q, r: Ellipsoid.of((x, y, z), (a, b, c), turned(p, q, r)),
    places, places, places, sizes, sizes, sizes, angles, angles, angles,
)  # fmt: skip
lofts = st.sampled_from([LUNG_RIGHT, LIVER_RIGHT, AORTA_DOWN, Within(LUNG_RIGHT, CAGE), Within(LIVER_RIGHT, CAGE)])


@given(ellipsoids | lofts, st.integers(0, 2**32 - 1))
def test_a_chord_is_where_the_line_lies_inside(shape: Shape, seed: int) -> None:
    draw = np.random.default_rng(seed)
    low, high = shape.bounds
    x, z = draw.uniform(low[0], high[0], 40), draw.uniform(low[2], high[2], 40)
    start, end = shape.chord(x, z)
    y = np.linspace(low[1] - 3, high[1] + 3, 601)[:, None]
    inside = (shape.radius(x, y, z) <= 1).sum(axis=0) * (y[1, 0] - y[0, 0])
    assert np.allclose(end - start, inside, atol=3 * (y[1, 0] - y[0, 0]))
    middle = (start + end) / 2
    hit = end - start > 0.5
    assert (shape.radius(x, middle, z)[hit] <= 1).all()


@given(ellipsoids)
def test_volume_is_the_integral_of_the_chords(shape: Ellipsoid) -> None:
    (x0, _, z0), (x1, _, z1) = shape.bounds
    x, z = np.linspace(x0, x1, 300), np.linspace(z0, z1, 300)
    start, end = shape.chord(x[None], z[:, None])
    assert (end - start).sum() * (x[1] - x[0]) * (z[1] - z[0]) == pytest.approx(shape.volume_mm3, rel=0.01)
    assert 4 / 3 * math.pi * math.prod(shape.semi_axes_mm) == pytest.approx(shape.volume_mm3)


def test_the_volume_of_a_stack_is_the_integral_of_its_chords() -> None:
    (x0, _, z0), (x1, _, z1) = LUNG_RIGHT.bounds
    x, z = np.linspace(x0, x1, 400), np.linspace(z0, z1, 800)
    start, end = LUNG_RIGHT.chord(x[None], z[:, None])
    assert (end - start).sum() * (x[1] - x[0]) * (z[1] - z[0]) == pytest.approx(LUNG_RIGHT.volume_mm3, rel=0.01)


@given(ellipsoids, angles, angles)
def test_the_axes_of_a_section_are_its_widest_and_narrowest(shape: Ellipsoid, p: float, q: float) -> None:
    u, v, _ = turned(p, q, 0).T
    turn = np.linspace(0, math.pi, 721)
    directions = np.cos(turn)[:, None] * u + np.sin(turn)[:, None] * v
    points = np.array(shape.centre) + directions
    reach = 1 / shape.radius(*points.T)
    long, short = shape.section_axes_mm(u, v)
    assert long == pytest.approx(reach.max(), rel=1e-3)
    assert short == pytest.approx(reach.min(), rel=1e-3)


@given(ellipsoids, st.integers(0, 2**32 - 1), st.tuples(*[st.floats(0.5, 2)] * 3))
def test_mirrored_and_stretched_bodies_hold_mirrored_and_stretched_points(
    shape: Ellipsoid, seed: int, factors: tuple[float, float, float]
) -> None:
    points = np.random.default_rng(seed).uniform(-80, 80, (50, 3))
    known = shape.radius(*points.T)
    assert np.allclose(shape.mirrored().radius(*(points * [-1, 1, 1]).T), known)
    assert np.allclose(shape.scaled(factors).radius(*(points * factors).T), known)
    assert shape.scaled(factors).volume_mm3 == pytest.approx(shape.volume_mm3 * math.prod(factors))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(0, 8)), min_size=1, max_size=6))
def test_covered_is_the_length_of_the_union(pieces: list[tuple[float, float]]) -> None:
    chords = [(np.array([start]), np.array([start + length])) for start, length in pieces]
    y = np.arange(-11, 19, 0.001)
    union = np.zeros(y.size, bool)
    for start, end in chords:
        union |= (y >= start) & (y < end)
    assert covered(chords)[0] == pytest.approx(union.sum() * 0.001, abs=0.02)


@given(st.floats(-5, 5), st.floats(0, 5), st.floats(-5, 5), st.floats(0, 5))
def test_clipped_never_leaves_the_window_and_never_turns_round(a: float, b: float, c: float, d: float) -> None:
    start, end = clipped((np.array(a), np.array(a + b)), (np.array(c), np.array(c + d)))
    assert end >= start
    assert end - start == pytest.approx(max(0.0, min(a + b, c + d) - max(a, c)))
