"""Sizes, distances, angles and places, in millimetres where the spacing is known and nowhere else.

Points are (x, y) in the half-open frame of boxes: the centre of the first pixel is (0.5, 0.5). `spacing` is
(down, right): mm per pixel along y and along x. Everything is computed in mm space, so that pixels that are not
square are measured right, and nothing is rounded. Every function of mm raises ValueError where `spacing` is None.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.mask import bounding_box

Point = tuple[float, float]
Spacing = tuple[float, float]

AREA_METHOD = "pixel_count_times_pixel_area"
DIAMETER_METHOD = "diameter_of_circle_of_equal_area"
VOLUME_METHOD = "voxel_count_times_voxel_volume"
FERET_METHOD = "feret_of_pixel_edge_midpoints"
ELLIPSE_METHOD = "ellipse_of_equal_second_moments"
DISTANCE_METHOD = "euclidean_distance"
ANGLE_METHOD = "acute_angle_between_lines"


class Feret(msgspec.Struct, frozen=True):
    """Long axis, and the longest line at right angles to it; their ends are (x, y) in pixels."""

    long_mm: float
    long_ends: tuple[Point, Point]
    short_mm: float
    short_ends: tuple[Point, Point]
    method: str = FERET_METHOD


class Ellipse(msgspec.Struct, frozen=True):
    """Full axes. `angle_deg` is from the picture's right to the major axis, clockwise, in (-90, 90], in mm space."""

    major_mm: float
    minor_mm: float
    angle_deg: float
    method: str = ELLIPSE_METHOD


class Place(msgspec.Struct, frozen=True):
    """Where a point lies in the picture (not in the patient): left is the picture's left."""

    grid: str
    quadrant: str
    side: Literal["left", "right"]


def area_px(mask: NDArray[Any]) -> int:
    """Pixels that are not zero."""
    return int(np.count_nonzero(mask))


def area_mm2(mask: NDArray[Any], spacing: Spacing | None) -> float:
    """Area of the pixels that are not zero."""
    down, right = _known(spacing)
    return area_px(mask) * down * right


def equivalent_diameter_mm(mask: NDArray[Any], spacing: Spacing | None) -> float:
    """Diameter of the circle that has the mask's area."""
    return float(np.sqrt(4 * area_mm2(mask, spacing) / np.pi))


def volume_mm3(mask: NDArray[Any], affine: NDArray[np.float64] | tuple[float, float, float]) -> float:
    """Voxels that are not zero times the volume of one; `affine` is 4×4, or the spacing (i, j, k)."""
    matrix = np.asarray(affine, np.float64)
    voxel = float(np.prod(matrix)) if matrix.ndim == 1 else abs(float(np.linalg.det(matrix[:3, :3])))
    return int(np.count_nonzero(mask)) * voxel


def centroid(mask: NDArray[Any]) -> Point:
    """(x, y) of the mean of the pixels' centres. Raises ValueError for an empty mask."""
    columns, rows = np.count_nonzero(mask, axis=0), np.count_nonzero(mask, axis=1)
    total = int(columns.sum())
    if not total:
        raise ValueError("an empty mask has no centroid")
    return float(columns @ np.arange(columns.size)) / total + 0.5, float(rows @ np.arange(rows.size)) / total + 0.5


def feret(mask: NDArray[Any], spacing: Spacing | None) -> Feret:
    """The largest Feret diameter of a mask and the longest chord of its convex hull perpendicular to that (the bilinear
    measure of RECIST 1.1, Eisenhauer 2009, and of WHO).

    The boundary runs through the midpoints of the pixels' outer edges, as scikit-image's `feret_diameter_max` and the
    mesh of IBSI take it: pixel centres would make everything one pixel too small, pixel corners make round things too
    large. Of several equal diameters the first from the top left is taken. Raises ValueError for an empty mask.
    """
    down, right = _known(spacing)
    hull = _hull(mask)
    points = hull * (right, down)
    apart = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    first, second = sorted(divmod(int(np.argmax(apart)), len(points)))
    axis = points[second] - points[first]
    long_mm = float(np.hypot(*axis))
    along, across = axis / long_mm, np.array((-axis[1], axis[0])) / long_mm
    # Both chains of the hull run from one end of the long axis to the other; the widest place is at a vertex.
    t, s = (points - points[first]) @ along, (points - points[first]) @ across
    one = np.arange(first, second + 1)
    other = np.arange(second, first + len(points) + 1)[::-1] % len(points)
    where = np.sort(t)
    upper, lower = np.interp(where, t[one], s[one]), np.interp(where, t[other], s[other])
    widest = int(np.argmax(np.abs(upper - lower)))
    ends = [points[first] + where[widest] * along + side[widest] * across for side in (upper, lower)]
    return Feret(
        long_mm, _ends(hull[first], hull[second]), float(abs(upper[widest] - lower[widest])),
        _ends(ends[0] / (right, down), ends[1] / (right, down)),
    )  # fmt: skip


def _hull(mask: NDArray[Any]) -> NDArray[np.float64]:
    """n×2 (x, y) vertices of the convex hull of the midpoints of the pixels' outer edges, the top left first."""
    box = bounding_box(mask)
    if box is None:
        raise ValueError("an empty mask has no extent")
    left, top, right, bottom = (int(v) for v in box)
    crop = mask[top:bottom, left:right] != 0
    height, width = crop.shape
    rows, columns = np.flatnonzero(crop.any(axis=1)), np.flatnonzero(crop.any(axis=0))
    by_row, by_column = crop[rows], crop[:, columns]
    # Doubled, so that half pixels are whole numbers and the hull is exact.
    points = np.concatenate(
        [
            np.stack([2 * by_row.argmax(axis=1), 2 * rows + 1], axis=1),
            np.stack([2 * (width - by_row[:, ::-1].argmax(axis=1)), 2 * rows + 1], axis=1),
            np.stack([2 * columns + 1, 2 * by_column.argmax(axis=0)], axis=1),
            np.stack([2 * columns + 1, 2 * (height - by_column[::-1].argmax(axis=0))], axis=1),
        ]
    ).astype(np.int32)
    hull = cv2.convexHull(points)[:, 0, :].astype(np.float64) / 2 + (left, top)
    start = int(np.lexsort((hull[:, 0], hull[:, 1]))[0])
    return np.asarray(np.roll(hull, -start, axis=0))


def ellipse_axes(mask: NDArray[Any], spacing: Spacing | None) -> Ellipse:
    """Axes of the ellipse with the mask's second moments, 4·√eigenvalue of the covariance in mm.

    Each pixel counts as an evenly filled rectangle, which adds spacing²/12 to the variance along each axis (Haralick
    and Shapiro 1992, as MATLAB's `regionprops` does); scikit-image's axes come from pixel centres and lack that term.
    Raises ValueError for an empty mask.
    """
    down, right = _known(spacing)
    y, x = np.nonzero(mask)
    if not x.size:
        raise ValueError("an empty mask has no ellipse")
    px, py = (x - x.mean()) * right, (y - y.mean()) * down
    xx, yy = float(px @ px) / x.size + right**2 / 12, float(py @ py) / x.size + down**2 / 12
    xy = float(px @ py) / x.size
    spread = float(np.hypot((xx - yy) / 2, xy))
    mean = (xx + yy) / 2
    angle = float(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)))
    return Ellipse(4 * float(np.sqrt(mean + spread)), 4 * float(np.sqrt(max(0.0, mean - spread))), angle)


def distance_mm(
    p: tuple[float, ...], q: tuple[float, ...], space: Spacing | tuple[float, float, float] | NDArray[np.float64] | None
) -> float:
    """Euclidean distance of two (x, y) by a spacing (down, right), or of two (i, j, k) by an affine or a spacing."""
    if space is None:
        raise ValueError("no spacing, no millimetre")
    matrix = np.asarray(space, np.float64)
    if len(p) != len(q) or matrix.shape[0] - (matrix.ndim - 1) != len(p):
        raise ValueError(f"points of {len(p)} and {len(q)} coordinates, spacing of {matrix.shape}")
    step = np.subtract(q, p)
    if matrix.ndim == 2:
        return float(np.linalg.norm(matrix[:3, :3] @ step))
    return float(np.linalg.norm(step * (matrix[::-1] if len(p) == 2 else matrix)))


def angle_deg(line1: tuple[Point, Point], line2: tuple[Point, Point], spacing: Spacing | None) -> float:
    """Acute angle, 0 to 90 degrees, between two lines in mm space. Raises ValueError where a line has no length."""
    down, right = _known(spacing)
    a, b = ((np.subtract(line[1], line[0]) * (right, down)) for line in (line1, line2))
    if not a.any() or not b.any():
        raise ValueError("a line of no length has no direction")
    cross, dot = a[0] * b[1] - a[1] * b[0], a @ b
    return float(np.degrees(np.arctan2(abs(cross), abs(dot))))


def place(point: Point, width: int, height: int) -> Place:
    """Words for where a point lies in a picture: 3×3 grid, quadrant, half. On a border: right, lower."""
    across = ("left", "centre", "right")[min(2, int(3 * point[0] // width))]
    down = ("upper", "middle", "lower")[min(2, int(3 * point[1] // height))]
    grid = "centre" if (down, across) == ("middle", "centre") else f"{down} {across}"
    side: Literal["left", "right"] = "left" if 2 * point[0] < width else "right"
    return Place(grid, f"{'upper' if 2 * point[1] < height else 'lower'} {side}", side)


def patient_side(point: Point, width: int, orientation: tuple[str, str] | None) -> Literal["left", "right"] | None:
    """The patient's side on which a point lies, taking the picture's middle for the midline.

    `orientation` is the patient direction (to the picture's right, downwards). None where it is not known, or where
    the picture does not run from side to side (sagittal).
    """
    towards = orientation[0] if orientation else None
    if towards not in ("L", "R"):
        return None
    return "left" if (2 * point[0] >= width) == (towards == "L") else "right"


def _known(spacing: Spacing | None) -> Spacing:
    if spacing is None:
        raise ValueError("no spacing, no millimetre")
    return spacing


def _ends(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[Point, Point]:
    """From left to right, or from top to bottom."""
    first, second = sorted(((float(one[0]), float(one[1])), (float(other[0]), float(other[1]))))
    return first, second
