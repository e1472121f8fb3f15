"""Grids say of themselves what nibabel says of their affine."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.phantom.grid import Grid

CODES = ["".join(code) for axes in itertools.permutations(("RL", "AP", "SI")) for code in itertools.product(*axes)]


@given(st.sampled_from(CODES), st.floats(-12, 12), st.tuples(*[st.floats(0.5, 6)] * 3))
def test_codes_spacing_and_size_follow_the_patient(
    codes: str, tilt: float, spacing: tuple[float, float, float]
) -> None:
    grid = Grid.centred(codes, spacing, (7, 8, 9), (3.0, -4.0, 50.0), tilt)
    assert "".join(nib.aff2axcodes(grid.affine)) == grid.codes == codes
    assert np.allclose(nib.affines.voxel_sizes(grid.affine), grid.spacing_mm)
    for index, code in enumerate(codes):
        axis = next(axis for axis, letters in enumerate(("RL", "AP", "SI")) if code in letters)
        assert grid.shape[index] == (7, 8, 9)[axis]
        assert grid.spacing_mm[index] == pytest.approx(spacing[axis], abs=1e-5)
    assert codes[grid.axial_axis] in "SI"
    middle = (np.array(grid.shape) - 1) / 2
    assert np.allclose(nib.affines.apply_affine(grid.affine, middle), (3, -4, 50), atol=1e-4)


@given(st.sampled_from(CODES), st.floats(-12, 12))
def test_index_and_points_are_inverse_and_agree_with_coordinates(codes: str, tilt: float) -> None:
    grid = Grid.centred(codes, (1.5, 2.0, 5.0), (4, 5, 6), (10.0, 0.0, -20.0), tilt)
    indices = np.argwhere(np.ones(grid.shape, bool))
    points = nib.affines.apply_affine(grid.affine, indices)
    assert np.allclose(grid.points(indices), points)
    assert np.allclose(grid.index(points), indices)
    whole = (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2]))
    x, y, z = (np.broadcast_to(one, grid.shape).ravel() for one in grid.coordinates(whole))
    assert np.allclose(np.column_stack([x, y, z]), points, atol=1e-4)


def test_a_block_holds_its_box_and_one_outside_is_none() -> None:
    grid = Grid.centred("LPS", (2.0, 2.0, 5.0), (50, 40, 20), (0.0, 0.0, 0.0), 7.0)
    block = grid.block((-10, -10, -10), (10, 10, 10))
    assert block is not None
    inside = (np.abs(grid.points(np.argwhere(np.ones(grid.shape, bool)))) <= 10).all(axis=1).reshape(grid.shape)
    assert inside.any()
    inside[block] = False
    assert not inside.any()
    assert grid.block((500, 0, 0), (600, 10, 10)) is None
