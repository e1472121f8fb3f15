"""Ribs, clavicles and vessel trees of the torso: thin tubes, too many to be given one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.scene import Strand

Points = NDArray[np.float64]

# Inner chest wall: z, semi-axis x, semi-axis y; ribs lie on it.
WALL = np.array(
    [(-140, 140, 96), (-60, 149, 99), (0, 150, 100), (60, 143, 96), (120, 127, 84), (170, 100, 66), (195, 78, 50),
     (212, 56, 40)], float,
)  # fmt: skip
RIB_TOPS = (206, 193, 176, 156, 135, 113, 90, 66, 41, 15)
"""Heights at which ribs 1 to 10 leave the spine."""


@cache
def bones() -> tuple[Strand, ...]:
    """Ten pairs of ribs and the clavicles, dense with a lighter marrow."""
    found: list[Strand] = []
    for side in (1.0, -1.0):
        for number, top in enumerate(RIB_TOPS):
            line = _rib(float(top), drop=18.0 + 6.2 * number) * np.array([side, 1.0, 1.0])
            found.append(_bone(line, 3.6 if number == 0 else 5.2))
        collar = [(side * 16, 52, 176), (side * 60, 66, 184), (side * 105, 40, 198), (side * 152, 8, 204)]
        found.append(_bone(_smooth(collar), 5.6))
    return tuple(found)


@cache
def arms() -> tuple[Strand, ...]:
    """Shoulder blades' edges and upper arms: on upright films only."""
    found: list[Strand] = []
    for side in (1.0, -1.0):
        arm = [(side * 158, 0, 196), (side * 172, 0, 160), (side * 186, 0, 80), (side * 196, 0, -20)]
        outer = [(side * 150, -70, 188), (side * 140, -84, 150), (side * 122, -92, 108), (side * 112, -92, 78)]
        inner = [(side * 112, -92, 78), (side * 100, -90, 120), (side * 98, -86, 168)]
        found += [_bone(_smooth(arm), 10.0), _bone(_smooth(outer), 3.6), _bone(_smooth(inner), 2.2)]
    return tuple(found)


def tree(
    draw: np.random.Generator,
    root: tuple[float, float, float],
    keep: Callable[[Points], NDArray[np.bool_]],
    value: float,
    radius_mm: float,
    reach_mm: float,
    first: int = 12,
    levels: int = 4,
) -> tuple[Strand, ...]:
    """A vessel tree: `first` branches leave `root` in all directions and part in two at each level.

    Points where `keep` is false are left out, so that the tree ends at the organ's border.
    """
    starts = np.repeat(np.array([root]), first, axis=0)
    ways = draw.normal(size=(first, 3)) * np.array([1.0, 0.9, 1.25])
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    found: list[Strand] = []
    radius, reach = radius_mm, reach_mm
    for _ in range(levels):
        step = max(0.8, radius / 2)
        along = np.arange(0, reach, step)
        bend = draw.normal(scale=0.22, size=ways.shape)
        paths = starts[:, None] + ways[:, None] * along[None, :, None]
        paths = paths + bend[:, None] * (along**2 / reach)[None, :, None]
        points = paths.reshape(-1, 3)
        found.append(Strand(points[keep(points)], radius, step, value))
        starts = np.repeat(paths[:, -1], 2, axis=0)
        ways = np.repeat(ways + 2 * bend, 2, axis=0) + draw.normal(scale=0.45, size=(len(starts), 3))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        radius, reach = radius * 0.68, reach * 0.78
    return tuple(strand for strand in found if len(strand.points))


def _rib(top: float, drop: float) -> Points:
    """From the spine round the side to where the cartilage begins, falling by `drop` mm on its way to the front."""
    turn = np.linspace(0.16, 2.45, 420)
    height = top + 6 * np.sin(turn * 1.6) - drop * (1 - np.cos(turn)) * 0.62
    wide, deep = (np.interp(height, WALL[:, 0], WALL[:, column]) for column in (1, 2))
    return _even(np.column_stack([wide * np.sin(turn), -8 - deep * np.cos(turn) * 0.96, height]))


def _bone(points: Points, radius_mm: float) -> Strand:
    return Strand(points, radius_mm, 1.0, value=620.0, marrow=-330.0)


def _smooth(corners: Sequence[tuple[float, float, float]]) -> Points:
    from scipy.interpolate import CubicSpline

    knots = np.array(corners)
    return _even(CubicSpline(np.arange(len(knots)), knots)(np.linspace(0, len(knots) - 1, 300)))


def _even(points: Points) -> Points:
    """The same line with points 1 mm apart."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    steps = np.arange(0, length[-1], 1.0)
    return np.column_stack([np.interp(steps, length, points[:, axis]) for axis in range(3)])
