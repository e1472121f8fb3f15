"""Shapes of the phantoms: bodies given by formula, so that size, side and shadow are known and not measured.

Everything is in patient coordinates, RAS mm: x to the patient's right, y to the front, z to the head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Triple = tuple[float, float, float]


class Shape(Protocol):
    """A body. `scale_mm` is what one unit of `radius` is worth near the surface, in mm."""

    @property
    def bounds(self) -> tuple[Triple, Triple]:
        """Lowest and highest corner of the box around the body."""

    @property
    def scale_mm(self) -> float: ...

    def radius(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """Distance from the middle in units of the body's own size: at most 1 inside. Arrays broadcast."""

    def chord(self, x: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Where the line along y through (x, z) enters and leaves the body; twice the same where it misses it."""

    def mirrored(self) -> Shape:
        """The same body on the other side of the plane x = 0."""

    def scaled(self, factors: Triple) -> Shape:
        """The same body in coordinates stretched by `factors` along x, y, z."""


def turned(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> NDArray[np.float64]:
    """Rotation matrix: `x` degrees about x, then `y` about y, then `z` about z."""
    a, b, c = (math.radians(angle) for angle in (x, y, z))
    about_x = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    about_y = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    about_z = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


@dataclass(frozen=True)
class Ellipsoid:
    """All points p with (p - centre)ᵀ `form` (p - centre) ≤ 1."""

    centre: Triple
    form: tuple[Triple, Triple, Triple]

    @classmethod
    def of(cls, centre: Triple, axes: Triple, turn: NDArray[np.float64] | None = None) -> Ellipsoid:
        """From semi-axes in mm, along x, y, z before they are turned by the matrix `turn`."""
        turn = np.eye(3) if turn is None else turn
        return cls(centre, _rows(turn @ np.diag([1 / a**2 for a in axes]) @ turn.T))

    @property
    def semi_axes_mm(self) -> Triple:
        """Longest first."""
        a, b, c = (float(1 / math.sqrt(value)) for value in np.linalg.eigvalsh(np.array(self.form)))
        return a, b, c

    @property
    def volume_mm3(self) -> float:
        return 4 / 3 * math.pi / math.sqrt(float(np.linalg.det(np.array(self.form))))

    @cached_property
    def half_extents(self) -> Triple:
        """Half the sides of the box around it."""
        a, b, c = np.sqrt(np.diag(np.linalg.inv(np.array(self.form))))
        return float(a), float(b), float(c)

    @property
    def bounds(self) -> tuple[Triple, Triple]:
        (x, y, z), (a, b, c) = self.centre, self.half_extents
        return (x - a, y - b, z - c), (x + a, y + b, z + c)

    @property
    def scale_mm(self) -> float:
        return min(self.half_extents)

    def section_axes_mm(self, u: Floats, v: Floats) -> tuple[float, float]:
        """Longer and shorter semi-axis, in mm, of the cut through the centre along the unit vectors `u` and `v`."""
        plane = np.stack([u, v], axis=1)
        small, large = np.linalg.eigvalsh(plane.T @ np.array(self.form) @ plane)
        return float(1 / math.sqrt(small)), float(1 / math.sqrt(large))

    def radius(self, x: Floats, y: Floats, z: Floats) -> Floats:
        (a, d, e), (_, b, f), (_, _, c) = self.form
        x, y, z = x - self.centre[0], y - self.centre[1], z - self.centre[2]
        square = a * x * x + b * y * y + c * z * z
        if d or e or f:
            square = square + 2 * (d * x * y + e * x * z + f * y * z)
        return np.sqrt(np.maximum(square, 0))

    def chord(self, x: Floats, z: Floats) -> tuple[Floats, Floats]:
        (a, d, e), (_, b, f), (_, _, c) = self.form
        x, z = x - self.centre[0], z - self.centre[2]
        middle = (d * x + f * z) / -b
        half = np.sqrt(np.maximum(middle * middle - (a * x * x + 2 * e * x * z + c * z * z - 1) / b, 0))
        return self.centre[1] + middle - half, self.centre[1] + middle + half

    def mirrored(self) -> Ellipsoid:
        flip = np.diag([-1.0, 1.0, 1.0])
        x, y, z = self.centre
        return Ellipsoid((-x, y, z), _rows(flip @ np.array(self.form) @ flip))

    def scaled(self, factors: Triple) -> Ellipsoid:
        shrink = np.diag([1 / factor for factor in factors])
        x, y, z = (c * factor for c, factor in zip(self.centre, factors, strict=True))
        return Ellipsoid((x, y, z), _rows(shrink @ np.array(self.form) @ shrink))


@dataclass(frozen=True)
class Loft:
    """A stack of ellipses along z. `knots` are rows of (z, centre x, centre y, semi-axis x, semi-axis y), z rising."""

    knots: tuple[tuple[float, float, float, float, float], ...]

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """The knots at every tenth of a millimetre, joined by monotone cubics: rows of z, cx, cy, rx, ry."""
        from scipy.interpolate import PchipInterpolator

        knots = np.array(self.knots)
        z = knots[0, 0] + 0.1 * np.arange(round((knots[-1, 0] - knots[0, 0]) * 10) + 1)
        return np.vstack([z, PchipInterpolator(knots[:, 0], knots[:, 1:])(np.minimum(z, knots[-1, 0])).T])

    @property
    def bounds(self) -> tuple[Triple, Triple]:
        z, cx, cy, rx, ry = self.table
        return (
            (float((cx - rx).min()), float((cy - ry).min()), float(z[0])),
            (float((cx + rx).max()), float((cy + ry).max()), float(z[-1])),
        )

    @property
    def scale_mm(self) -> float:
        return float(np.median(np.minimum(self.table[3], self.table[4])))

    @property
    def volume_mm3(self) -> float:
        z, _, _, rx, ry = self.table
        return float(np.trapezoid(math.pi * rx * ry, z))

    def at(self, z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Centre x, centre y and semi-axes x and y at the heights `z`; the semi-axes are tiny outside the stack."""
        step = np.clip(np.rint((z - self.table[0, 0]) * 10), -1, self._columns.shape[1] - 2).astype(np.int32)
        cx, cy, rx, ry = (column[step] for column in self._columns)
        return cx, cy, rx, ry

    @cached_property
    def _columns(self) -> NDArray[np.float32]:
        """cx, cy, rx, ry of the table, and one more column for everything outside: index -1."""
        inner = np.maximum(self.table[1:], 1e-3)
        inner[:2] = self.table[1:3]
        ends = np.tile([[0.0], [0.0], [1e-3], [1e-3]], (1, 2))
        return np.hstack([inner, ends]).astype(np.float32)

    def radius(self, x: Floats, y: Floats, z: Floats) -> Floats:
        cx, cy, rx, ry = self.at(z)
        return np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)

    def chord(self, x: Floats, z: Floats) -> tuple[Floats, Floats]:
        cx, cy, rx, ry = self.at(z)
        half = ry * np.sqrt(np.maximum(1 - ((x - cx) / rx) ** 2, 0))
        return cy - half, cy + half

    def mirrored(self) -> Loft:
        return replace(self, knots=tuple((z, -cx, cy, rx, ry) for z, cx, cy, rx, ry in self.knots))

    def scaled(self, factors: Triple) -> Loft:
        a, b, c = factors
        return replace(self, knots=tuple((z * c, x * a, y * b, rx * a, ry * b) for z, x, y, rx, ry in self.knots))


def _rows(matrix: NDArray[np.float64]) -> tuple[Triple, Triple, Triple]:
    a, b, c = ((float(row[0]), float(row[1]), float(row[2])) for row in matrix)
    return a, b, c


def covered(chords: list[tuple[Floats, Floats]]) -> Floats:
    """Length of the union of several chords of each line, in mm."""
    starts = np.stack([np.asarray(start, np.float32) for start, _ in chords])
    ends = np.stack([np.asarray(end, np.float32) for _, end in chords])
    order = np.argsort(starts, axis=0, kind="stable")
    starts, ends = np.take_along_axis(starts, order, 0), np.take_along_axis(ends, order, 0)
    length = ends[0] - starts[0]
    reached = ends[0].copy()
    for start, end in zip(starts[1:], ends[1:], strict=True):
        length += np.maximum(end - np.maximum(start, reached), 0)
        np.maximum(reached, end, out=reached)
    return np.asarray(length)


def clipped(chord: tuple[Floats, Floats], window: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The part of each chord that lies in `window`; empty ones collapse onto the chord's start."""
    start = np.maximum(chord[0], window[0])
    end = np.maximum(np.minimum(chord[1], window[1]), start)
    return start, end


@dataclass(frozen=True)
class Within:
    """The part of `body` that lies in `hull`."""

    body: Ellipsoid | Loft
    hull: Loft

    @property
    def bounds(self) -> tuple[Triple, Triple]:
        return self.body.bounds

    @property
    def scale_mm(self) -> float:
        return self.body.scale_mm

    def radius(self, x: Floats, y: Floats, z: Floats) -> Floats:
        return np.maximum(self.body.radius(x, y, z), self.hull.radius(x, y, z))

    def chord(self, x: Floats, z: Floats) -> tuple[Floats, Floats]:
        return clipped(self.body.chord(x, z), self.hull.chord(x, z))

    def mirrored(self) -> Within:
        return Within(self.body.mirrored(), self.hull.mirrored())

    def scaled(self, factors: Triple) -> Within:
        return Within(self.body.scaled(factors), self.hull.scaled(factors))
