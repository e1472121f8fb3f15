"""Slices of a volume as a radiologist sees them, and the way from their pixels back to the patient.

Volumes are I×J×K arrays with a 4×4 affine from voxel index to patient RAS mm, whatever file they came from. Slices are
counted along the patient's axes (towards right, anterior and superior: RAS+), each axis of the array belonging to the
patient axis that it is nearest to, one to one, as nibabel's `io_orientation` decides.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import NDArray

from medloom.schemas.view import Plane

# Patient axes (0 right-left, 1 anterior-posterior, 2 inferior-superior): across the slices, to the right, downwards.
_AXES: dict[Plane, tuple[int, int, int]] = {"axial": (2, 0, 1), "coronal": (1, 0, 2), "sagittal": (0, 1, 2)}
# The picture's right and down always point against RAS+: to the patient's left, back and feet.
_LETTERS = ("L", "P", "I")
# Beyond this cosine between its axes a slice's pixels are no rectangles, and no spacing is true.
_SHEAR = 0.01


class PlaneGeometry(msgspec.Struct, frozen=True):
    """Where a displayed slice lies.

    `index` counts along RAS+, `native_index` along the array's own axis. `spacing_mm` is (down, right), None where
    the pixels are sheared. `orientation` is the patient direction (to the right, downwards), such as ("L", "P"); it and
    `to_patient` are None where the file states no orientation. `to_patient` maps (x, y, 1) of pixel centres, x to the
    right and y down from 0, to RAS mm; `to_voxel` to (i, j, k) of the array; both 3×3, row-major.
    `oblique_deg` is the largest angle between an axis of the array and the patient axis that it stands for.
    """

    plane: Plane
    index: int
    native_index: int
    width: int
    height: int
    spacing_mm: tuple[float, float] | None
    orientation: tuple[str, str] | None
    to_patient: tuple[float, ...] | None
    to_voxel: tuple[float, ...]
    oblique_deg: float

    def patient_of(self, x: float, y: float) -> tuple[float, float, float]:
        """RAS mm of a point in the half-open frame of boxes, where the first pixel's centre is (0.5, 0.5)."""
        if self.to_patient is None:
            raise ValueError("no orientation, no patient coordinates")
        r, a, s = (_matrix(self.to_patient) @ (x - 0.5, y - 0.5, 1.0)).tolist()
        return r, a, s

    def voxel_of(self, x: float, y: float) -> tuple[float, float, float]:
        """(i, j, k), voxel centres at whole numbers, of a point in the half-open frame of boxes."""
        i, j, k = (_matrix(self.to_voxel) @ (x - 0.5, y - 0.5, 1.0)).tolist()
        return i, j, k

    def point_of(self, voxel: tuple[float, float, float]) -> tuple[float, float]:
        """Where a voxel position falls on the picture, in the half-open frame; its distance to the slice is ignored."""
        matrix = _matrix(self.to_voxel)
        x, y = np.linalg.lstsq(matrix[:, :2], np.asarray(voxel) - matrix[:, 2], rcond=None)[0].tolist()
        return x + 0.5, y + 0.5

    def resized(self, width: int, height: int) -> PlaneGeometry:
        """Of the same field of view stored with `width` × `height` pixels."""
        sx, sy = self.width / width, self.height / height
        return self._mapped(np.array([[sx, 0, sx / 2 - 0.5], [0, sy, sy / 2 - 0.5], [0, 0, 1]]), width, height)

    def cropped(self, x0: int, y0: int, x1: int, y1: int) -> PlaneGeometry:
        """Of the half-open box x0, y0, x1, y1 of this picture."""
        return self._mapped(np.array([[1.0, 0, x0], [0, 1, y0], [0, 0, 1]]), x1 - x0, y1 - y0)

    def _mapped(self, inner: NDArray[np.float64], width: int, height: int) -> PlaneGeometry:
        spacing = self.spacing_mm and (self.spacing_mm[0] * inner[1, 1], self.spacing_mm[1] * inner[0, 0])
        return msgspec.structs.replace(
            self, width=width, height=height, spacing_mm=spacing and (float(spacing[0]), float(spacing[1])),
            to_patient=self.to_patient and _flat(_matrix(self.to_patient) @ inner),
            to_voxel=_flat(_matrix(self.to_voxel) @ inner),
        )  # fmt: skip


def slice_of(
    array: NDArray[Any], affine: NDArray[np.float64], plane: Plane, index: int, oriented: bool = True
) -> tuple[NDArray[Any], PlaneGeometry]:
    """One slice in display orientation, and its geometry.

    Axial and coronal: the patient's right on the left of the picture, anterior or superior on top. Sagittal:
    anterior on the left, superior on top. The picture is a view of the array, not contiguous. An image and a mask
    on the same grid give the same geometry. `index` counts along RAS+ from 0. Raises IndexError outside.
    """
    geometry = plane_geometry(array.shape, affine, plane, index, oriented)
    across = native_axes(affine, plane)[0][0]
    picked = array[(slice(None),) * across + (geometry.native_index,)]
    return displayed(picked, affine, plane), geometry


def displayed(picked: NDArray[Any], affine: NDArray[np.float64], plane: Plane) -> NDArray[Any]:
    """What an array gives at one place across the slices, its other two axes in their order, as it is displayed."""
    axes, flipped = native_axes(affine, plane)
    if axes[1] < axes[2]:
        picked = picked.T  # rows run downwards
    return picked[:: -1 if flipped[2] else 1, :: -1 if flipped[1] else 1]


def plane_geometry(
    shape: tuple[int, ...], affine: NDArray[np.float64], plane: Plane, index: int, oriented: bool = True
) -> PlaneGeometry:
    """The geometry of one slice, without its pixels."""
    (across, right, down), (flip_across, flip_right, flip_down) = native_axes(affine, plane)
    count = shape[across]
    if not 0 <= index < count:
        raise IndexError(f"{plane} slice {index} of {count}")
    native = count - 1 - index if flip_across else index
    to_voxel = np.zeros((4, 3))
    to_voxel[right] = (-1, 0, shape[right] - 1) if flip_right else (1, 0, 0)
    to_voxel[down] = (0, -1, shape[down] - 1) if flip_down else (0, 1, 0)
    to_voxel[across] = (0, 0, native)
    to_voxel[3, 2] = 1
    letters = (_LETTERS[_AXES[plane][1]], _LETTERS[_AXES[plane][2]])
    return PlaneGeometry(
        plane=plane, index=index, native_index=native, width=shape[right], height=shape[down],
        spacing_mm=plane_spacing(affine, plane), orientation=letters if oriented else None,
        to_patient=_flat((affine @ to_voxel)[:3]) if oriented else None, to_voxel=_flat(to_voxel[:3]),
        oblique_deg=obliquity(affine),
    )  # fmt: skip


def native_axes(affine: NDArray[np.float64], plane: Plane) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Axes of the array that run (across the slices, to the right, downwards), and which of them run backwards.

    Across, backwards means against RAS+; to the right and downwards, it means against the display's direction.
    """
    nearest = _nearest(affine)
    axis_of = {int(patient): axis for axis, (patient, _) in enumerate(nearest)}
    across, right, down = (axis_of[patient] for patient in _AXES[plane])
    along = nearest[:, 1] > 0
    return (across, right, down), (not along[across], bool(along[right]), bool(along[down]))


def plane_count(shape: tuple[int, ...], affine: NDArray[np.float64], plane: Plane) -> int:
    """How many slices the volume has in this plane."""
    return shape[native_axes(affine, plane)[0][0]]


def plane_spacing(affine: NDArray[np.float64], plane: Plane) -> tuple[float, float] | None:
    """(down, right): mm from pixel to pixel; None where the two directions are not at right angles."""
    _, right, down = native_axes(affine, plane)[0]
    x, y = affine[:3, right], affine[:3, down]
    spacing = float(np.linalg.norm(y)), float(np.linalg.norm(x))
    return spacing if abs(float(x @ y)) <= _SHEAR * spacing[0] * spacing[1] else None


def slice_areas(mask: NDArray[Any], affine: NDArray[np.float64], plane: Plane) -> NDArray[np.int64]:
    """Non-zero voxels of each slice, by RAS+ index."""
    across, flipped = native_axes(affine, plane)
    others = tuple(axis for axis in range(3) if axis != across[0])
    counts = np.count_nonzero(mask, axis=others).astype(np.int64)
    return np.asarray(counts[::-1] if flipped[0] else counts)


def obliquity(affine: NDArray[np.float64]) -> float:
    """Degrees between the array axis that is turned furthest and the patient axis that it stands for."""
    return _obliquity(_bytes(affine))


@lru_cache(maxsize=64)
def _obliquity(affine: bytes) -> float:
    axes = np.frombuffer(affine).reshape(4, 4)[:3, :3]
    nearest = _nearest_of(affine)[:, 0].astype(int)
    cosines = np.abs((axes / np.linalg.norm(axes, axis=0))[nearest, range(3)])
    return float(np.degrees(np.arccos(np.clip(cosines, 0.0, 1.0))).max())


def axis_codes(affine: NDArray[np.float64]) -> str:
    """The patient directions in which the array's axes run: "RAS", "LPS", ..."""
    return "".join(("LR", "PA", "IS")[int(patient)][int(along > 0)] for patient, along in _nearest(affine))


def _nearest(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """3×2: for each array axis the patient axis that it stands for, and 1 where it runs along RAS+, else -1."""
    return _nearest_of(_bytes(affine))


def _bytes(affine: NDArray[np.float64]) -> bytes:
    return np.asarray(affine, np.float64).tobytes()


@lru_cache(maxsize=64)
def _nearest_of(affine: bytes) -> NDArray[np.float64]:
    """Each slice of a volume asks again, and the answer takes a singular value decomposition."""
    nearest = np.asarray(io_orientation(np.frombuffer(affine).reshape(4, 4)))  # type: ignore[no-untyped-call]
    nearest.flags.writeable = False
    return nearest


def _matrix(values: tuple[float, ...]) -> NDArray[np.float64]:
    return np.array(values, np.float64).reshape(3, 3)


def _flat(matrix: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple((matrix + 0.0).ravel().tolist())  # + 0.0: no negative zeros
