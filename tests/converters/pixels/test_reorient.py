import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.pixels.plane import axis_codes
from medloom.converters.pixels.reorient import reoriented
from medloom.converters.pixels.volume import Volume, same_grid

TURNS = [
    (axes, signs) for axes in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]  # fmt: skip


def volume(data, affine):
    spacing = tuple(float(one) for one in np.linalg.norm(affine[:3, :3], axis=0))
    return Volume(data=data, affine=affine, spacing=spacing, codes=axis_codes(affine))


def turned(one, axes, signs):
    """The same voxels stored from another corner, by plain index arithmetic."""
    data = one.data.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
    columns = [one.affine[:3, axis] * sign for axis, sign in zip(axes, signs, strict=True)]
    start = np.zeros(3)
    for axis, sign in zip(axes, signs, strict=True):
        start[axis] = one.shape[axis] - 1 if sign < 0 else 0
    origin = one.affine[:3, :3] @ start + one.affine[:3, 3]
    affine = np.eye(4)
    affine[:3] = np.column_stack((*columns, origin))
    return volume(data, affine)


def plain():
    affine = np.array([[-0.9, 0.02, 0, 40], [0.02, -0.8, 0.1, 30], [0, 0.1, 2.5, -20], [0, 0, 0, 1.0]])
    return volume(np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6), affine)


@given(st.sampled_from(TURNS), st.sampled_from(TURNS))
def test_any_order_and_direction_of_axes_comes_back(first, second):
    one, other = turned(plain(), *first), turned(plain(), *second)
    back = reoriented(one, other)
    assert same_grid(back, other, tol=1e-6)
    assert np.array_equal(back.data, other.data)
    assert (back.codes, back.spacing) == (other.codes, pytest.approx(other.spacing))


def test_another_grid_stays_another_grid():
    one = plain()
    shifted = one.affine.copy()
    shifted[0, 3] += 3
    assert not same_grid(reoriented(turned(volume(one.data, shifted), (1, 0, 2), (1, -1, 1)), one), one)


def test_without_orientation_nothing_moves():
    blind = Volume(data=plain().data, affine=np.eye(4), spacing=(1, 1, 1), oriented=False)
    assert reoriented(blind, plain()) is blind
