"""Grid: where the voxels of a phantom volume lie, in any orientation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.shapes import Triple, turned

Block = tuple[slice, slice, slice]

# Direction, in RAS, in which an index rises when it goes towards R, L, A, P, S, I.
_TOWARDS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


@dataclass(frozen=True)
class Grid:
    """`affine` (4, 4) maps voxel indices i, j, k to RAS mm, voxel centres at whole numbers; `shape` is (i, j, k)."""

    affine: NDArray[np.float64]
    shape: tuple[int, int, int]

    @classmethod
    def centred(
        cls, codes: str, spacing_mm: Triple, shape: tuple[int, int, int], centre: Triple, tilt_deg: float = 0.0
    ) -> Grid:
        """A grid around `centre`, RAS mm.

        `codes` are the anatomical directions in which i, j and k rise ("LAS"); `spacing_mm` and `shape` follow the
        patient's axes x, y, z, whatever the codes. `tilt_deg` makes it oblique: about x, then a third of it about z.
        """
        turn = turned(x=tilt_deg, z=tilt_deg / 3)
        affine = np.eye(4)
        sizes = [0, 0, 0]
        for index, code in enumerate(codes):
            axis, sign = _TOWARDS[code]
            affine[:3, index] = turn[:, axis] * sign * spacing_mm[axis]
            sizes[index] = shape[axis]
        affine[:3, 3] = np.array(centre) - affine[:3, :3] @ ((np.array(sizes) - 1) / 2)
        return cls(np.round(affine, 6), (sizes[0], sizes[1], sizes[2]))

    @property
    def voxel_mm3(self) -> float:
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def spacing_mm(self) -> Triple:
        a, b, c = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return float(a), float(b), float(c)

    @property
    def codes(self) -> str:
        """The anatomical directions in which i, j and k mostly rise."""
        letters = ("RL", "AP", "SI")
        axes = [int(np.argmax(np.abs(self.affine[:3, index]))) for index in range(3)]
        return "".join(letters[axis][int(self.affine[axis, index] < 0)] for index, axis in enumerate(axes))

    @property
    def axial_axis(self) -> int:
        """The index that runs from feet to head, more than the others do."""
        return int(np.argmax(np.abs(self.affine[2, :3]) / self.spacing_mm))

    @property
    def axial_plane(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Unit vectors, RAS, that span an axial slice of this grid."""
        rest = [index for index in range(3) if index != self.axial_axis]
        u, v = (self.affine[:3, index] / self.spacing_mm[index] for index in rest)
        return u, v

    def block(self, lowest: Triple, highest: Triple, margin_mm: float = 0.0) -> Block | None:
        """The voxels that a box in RAS mm may reach, or None where it lies outside."""
        corners = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
        low, high = np.array(lowest) - margin_mm, np.array(highest) + margin_mm
        index = self.index(np.where(corners == 0, low, high))
        start = np.clip(np.floor(index.min(axis=0)), 0, self.shape).astype(int)
        stop = np.clip(np.ceil(index.max(axis=0)) + 1, 0, self.shape).astype(int)
        if (stop <= start).any():
            return None
        a, b, c = (slice(int(s), int(e)) for s, e in zip(start, stop, strict=True))
        return a, b, c

    def index(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Voxel coordinates (n, 3) of points (n, 3) in RAS mm."""
        shifted = np.asarray(points, np.float64) - self.affine[:3, 3]
        inverse = np.linalg.inv(self.affine[:3, :3])
        return np.stack([(shifted * inverse[row]).sum(axis=-1) for row in range(3)], axis=-1)

    def points(self, indices: NDArray[Any]) -> NDArray[np.float64]:
        """RAS mm (n, 3) of voxel coordinates (n, 3)."""
        where = np.asarray(indices, np.float64)
        return np.stack(
            [(where * self.affine[row, :3]).sum(axis=-1) + self.affine[row, 3] for row in range(3)], axis=-1
        )

    def coordinates(self, block: Block) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """x, y and z, RAS mm, of the block's voxels. Arrays broadcast: an axis that changes nothing has length 1."""
        steps = [np.arange(part.start, part.stop, dtype=np.float64) for part in block]
        found = []
        for row in range(3):
            value = np.full((1, 1, 1), self.affine[row, 3])
            for axis, step in enumerate(steps):
                if self.affine[row, axis]:
                    shape = [1, 1, 1]
                    shape[axis] = -1
                    value = value + (self.affine[row, axis] * step).reshape(shape)
            found.append(value.astype(np.float32))
        return found[0], found[1], found[2]
