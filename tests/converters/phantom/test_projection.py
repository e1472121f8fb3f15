"""A plate maps points to pixels and back, and a tube's shadow weighs as much as the tube."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.phantom.projection import Plate, shadow
from medloom.converters.phantom.scene import MARROW, Strand

plates = st.builds(
    lambda x, z, roll, spacing: Plate((120, 90), spacing, (x, z), roll),
    st.floats(-20, 20), st.floats(80, 120), st.floats(-6, 6), st.floats(0.5, 2),
)  # fmt: skip


@given(plates)
def test_pixels_and_points_are_inverse(plate: Plate) -> None:
    x, z = plate.plane()
    assert x.shape == z.shape == (90, 120)
    column, row = plate.pixel(x.astype(np.float64), z.astype(np.float64))
    assert np.allclose(column, np.arange(120)[None] + 0.5, atol=1e-3)
    assert np.allclose(row, np.arange(90)[:, None] + 0.5, atol=1e-3)


def test_patient_right_is_on_the_left_and_the_head_is_up() -> None:
    column, row = Plate().pixel(np.array([50.0, -50.0]), np.array([150.0, 60.0]))
    assert column[0] < column[1]
    assert row[0] < row[1]


@pytest.mark.parametrize("marrow", [0.0, -400.0])
def test_a_shadow_weighs_what_the_tube_weighs(marrow: float) -> None:
    plate = Plate((200, 200), 0.8, (0.0, 100.0))
    line = np.column_stack([np.linspace(-30, 30, 61), np.zeros(61), np.full(61, 100.0)])
    seen = shadow((Strand(line, 4.0, 1.0, 900.0, marrow),), plate)
    solid = 61 * math.pi * 4.0**2
    expected = 0.9 * solid + marrow / 1000 * solid * MARROW**2
    assert seen.sum() * plate.spacing_mm**2 == pytest.approx(expected, rel=1e-3)
    middle = seen[98:102, 80:120].mean()  # within a fifth of the radius
    assert middle == pytest.approx(0.9 * 8 + marrow / 1000 * 8 * MARROW, rel=0.06)
