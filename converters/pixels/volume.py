"""Volumes with their place in the patient, and the grids that they share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels import nifti_file
from medloom.converters.pixels.plane import (
    PlaneGeometry,
    axis_codes,
    native_axes,
    obliquity,
    plane_count,
    plane_geometry,
    plane_spacing,
    slice_areas,
    slice_of,
)
from medloom.converters.pixels.series_index import SeriesIndex
from medloom.schemas.errors import BadInput
from medloom.schemas.view import Plane

__all__ = [
    "PlaneGeometry", "Volume", "label_map", "native_axes", "obliquity", "plane_count", "plane_geometry",
    "plane_spacing", "read_nifti", "require_same_grid", "same_grid", "slice_areas", "slice_plane",
]  # fmt: skip

_TO_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # xyzt_units: unknown, metre, millimetre, micron


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A volume file, or one frame of it.

    `data` holds the stored values, I×J×K or I×J×K×T; a value is stored × `slope` + `inter`. `affine` maps voxel index
    to patient RAS mm; where `oriented` is false it only carries `spacing` (i, j, k; mm), and left and right are not
    known. `codes` are the directions in which the axes run ("LAS"), empty where not oriented. `notes` tell what was
    odd and how it was taken. `series` tells the DICOM instances of the slices; `window` is the VOI window (center,
    width; LINEAR) that all of them state. Where `spaced` is false the spacing is made up: nothing is measured.
    """

    data: NDArray[Any]
    affine: NDArray[np.float64]
    spacing: tuple[float, float, float]
    oriented: bool = True
    codes: str = ""
    slope: float = 1.0
    inter: float = 0.0
    notes: tuple[str, ...] = ()
    series: SeriesIndex | None = None
    window: tuple[float, float] | None = None
    spaced: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """(I, J, K)."""
        i, j, k = self.data.shape[:3]
        return i, j, k

    @property
    def flat(self) -> bool:
        """Whether it is one slice, which has an area and no volume."""
        return min(self.shape) == 1

    @property
    def frames(self) -> int:
        """How many 3D volumes the file holds."""
        return self.data.shape[3] if self.data.ndim == 4 else 1

    def frame(self, index: int) -> Volume:
        """The 3D volume at `index` of a 4D file. Raises IndexError outside."""
        if not 0 <= index < self.frames:
            raise IndexError(f"frame {index} of {self.frames}")
        return replace(self, data=self.data[..., index]) if self.data.ndim == 4 else self

    def values(self) -> NDArray[Any]:
        """All values, scaled: the stored integers where there is nothing to scale, else float32."""
        return self._scaled(self.data)

    def count(self, plane: Plane) -> int:
        """How many slices there are in this plane."""
        return plane_count(self.shape, self.affine, plane)

    def slice(self, plane: Plane, index: int) -> tuple[NDArray[Any], PlaneGeometry]:
        """One slice in display orientation with its scaled values; see `slice_plane`."""
        if self.data.ndim == 4:
            raise ValueError("pick a frame of a 4D volume first")
        picked, geometry = slice_of(self.data, self.affine, plane, index, self.oriented)
        return np.ascontiguousarray(self._scaled(picked)), geometry

    def _scaled(self, array: NDArray[Any]) -> NDArray[Any]:
        if self.slope == 1 and self.inter == 0:
            return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
        with np.errstate(over="ignore", invalid="ignore"):
            return array.astype(np.float32) * np.float32(self.slope) + np.float32(self.inter)


def read_nifti(source: Path | bytes, max_bytes: int = nifti_file.MAX_BYTES) -> Volume:
    """A `.nii` or `.nii.gz` file (NIfTI-1 and NIfTI-2), or its bytes.

    The sform counts where its code is above 0, else the qform, else the file has no orientation, only spacing.
    Units other than mm are converted. A file of one slice is a picture: pictures are kept as NIfTI with an affine that
    says nothing of a patient.

    Raises BadInput: ``empty_file``, ``not_a_volume``, ``truncated``, ``corrupt``, ``decompression_bomb`` (more than
    `max_bytes`, decided before unpacking), ``unsupported_volume`` (colour, complex, more than 4D), ``bad_affine``.
    """
    header, data = nifti_file.read(source, max_bytes)
    with np.errstate(invalid="ignore", over="ignore"):  # what is no number is found below
        affine, oriented, notes = _affine(header)
    units = int(header["xyzt_units"]) & 7
    scale = _TO_MM.get(units, 1.0)
    if scale != 1:
        affine[:3] *= scale
        notes.append(f"spatial unit {units} converted to mm")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not (spacing.min() > 1e-6 and spacing.max() < 1e4):
        raise BadInput("bad_affine", f"voxels of {spacing.tolist()} mm")
    slope, inter = _scaling(header)
    if oriented and min(data.shape[:3]) == 1:
        oriented = False
        notes.append("one slice only: a picture, whose place in the patient isn't taken from the file")
    if oriented and (tilt := obliquity(affine)) > 1:
        notes.append(f"oblique by {tilt:.1f} degrees: slices follow the nearest patient axis")
    return Volume(
        data=data, affine=affine, spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])), oriented=oriented,
        codes=axis_codes(affine) if oriented else "", slope=slope, inter=inter, notes=tuple(notes),
    )  # fmt: skip


def _affine(header: Any) -> tuple[NDArray[np.float64], bool, list[str]]:
    notes: list[str] = []
    sform = np.asarray(header.get_sform(), np.float64) if int(header["sform_code"]) > 0 else None
    qform = _qform(header) if int(header["qform_code"]) > 0 else None
    if sform is not None and qform is not None and np.isfinite(sform).all() and np.isfinite(qform).all():
        apart = _corner_distance(sform, qform, tuple(int(n) for n in header["dim"][1:4]))
        if apart > 0.5 * float(np.abs(header["pixdim"][1:4]).min()):
            notes.append(f"sform and qform disagree by {apart:.2f} mm: the sform was taken")
    affine = sform if sform is not None else qform
    oriented = affine is not None
    if affine is None:
        notes.append("no orientation: neither sform nor qform is set")
        affine = np.diag([*np.abs(np.asarray(header["pixdim"][1:4], np.float64)), 1.0])
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or lengths.min() <= 0:
        raise BadInput("bad_affine", f"not a map of space: {np.round(affine, 3).tolist()}")
    if abs(np.linalg.det(affine[:3, :3] / lengths)) < 0.1:
        raise BadInput("bad_affine", f"its axes lie in one plane: {np.round(affine, 3).tolist()}")
    return affine, oriented, notes


def _qform(header: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(header.get_qform(), np.float64)
    except Exception as error:  # nibabel: quaternion longer than 1, pixdim below 0
        if int(header["sform_code"]) > 0:
            return np.full((4, 4), np.nan)
        raise BadInput("bad_affine", f"qform: {error}") from None


def _scaling(header: Any) -> tuple[float, float]:
    """NIfTI-1: a slope of 0 (and here, of NaN) means that the stored values are the values."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):
        return 1.0, 0.0
    return slope, inter if np.isfinite(inter) else 0.0


def label_map(volume: Volume) -> NDArray[Any]:
    """The values of a 3D label map as integers, in the dtype of the file where that is one, else int32.

    Raises BadInput ``not_a_label_map`` where a value is no whole number, or the volume has several frames.
    """
    if volume.data.ndim == 4:
        raise BadInput("not_a_label_map", f"{volume.frames} frames")
    values = volume.values()
    if values.dtype.kind in "iu":
        return values
    whole = np.empty(values.shape, np.int32, order="F")
    for k in range(values.shape[2]):
        plane = values[..., k]
        rounded = np.rint(plane)
        with np.errstate(invalid="ignore"):
            odd = plane[~((np.abs(plane - rounded) <= 1e-3) & (np.abs(rounded) < 2**31))]
        if odd.size:
            raise BadInput("not_a_label_map", f"{odd.size} voxels of slice {k} are no whole number, {odd[0]!s} for one")
        whole[..., k] = rounded
    return whole


def slice_plane(
    volume: Volume | NDArray[Any], affine: NDArray[np.float64] | None, plane: Plane, index: int
) -> tuple[NDArray[Any], PlaneGeometry]:
    """One slice in display orientation (axial and coronal with the patient's right on the left of the picture,
    sagittal with anterior on the left, superior or anterior on top) and its geometry.

    `affine` is needed with an array, and ignored with a Volume. `index` counts along RAS+. See `plane.slice_of`.
    """
    if isinstance(volume, Volume):
        return volume.slice(plane, index)
    if affine is None:
        raise ValueError("an array needs its affine")
    return slice_of(volume, affine, plane, index)


def same_grid(a: Volume, b: Volume, tol: float = 0.1) -> bool:
    """Whether voxels of the same index lie in the same place: equal shape, and no corner further apart than `tol` of
    the smallest spacing. A volume with orientation never fits one without."""
    return (
        a.shape == b.shape
        and a.oriented == b.oriented
        and _corner_distance(a.affine, b.affine, a.shape) <= tol * min(*a.spacing, *b.spacing)
    )


def require_same_grid(a: Volume, b: Volume, tol: float = 0.1) -> None:
    """Raises BadInput ``grid_mismatch``, with both shapes and affines, unless `same_grid`."""
    if not same_grid(a, b, tol):
        raise BadInput("grid_mismatch", f"{_grid(a)} against {_grid(b)}")


def _grid(volume: Volume) -> str:
    return f"{volume.shape} {volume.codes or 'no orientation'} {np.round(volume.affine[:3], 3).tolist()}"


def _corner_distance(a: NDArray[np.float64], b: NDArray[np.float64], shape: tuple[int, ...]) -> float:
    corners = np.array(np.meshgrid(*((0, n - 1) for n in shape), [1], indexing="ij")).reshape(4, -1)
    return float(np.linalg.norm(((a - b) @ corners)[:3], axis=0).max())
