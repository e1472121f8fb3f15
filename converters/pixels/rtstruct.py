"""RTSTRUCT: contours in patient space as masks on the grid of the volume that they were drawn on.

pydicom reads the sequences; rt-utils would bring the opencv wheel that clashes with the headless one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.dicom_file import items, numbers, read_dicom, whole
from medloom.converters.pixels.volume import Volume
from medloom.schemas.errors import BadInput

Points = NDArray[Any]
OFF_SLICE = 0.5
"""Slices by which a contour may leave its plane, or lie from the nearest slice."""


class Roi(msgspec.Struct, frozen=True, kw_only=True):
    """One region of interest. `mask` is I×J×K on the volume's own grid; `gaps` are slices within it that no contour
    lies on; `points` are its POINT contours in continuous voxels."""

    number: int
    name: str
    mask: NDArray[np.bool_]
    gaps: tuple[int, ...] = ()
    points: tuple[tuple[float, float, float], ...] = ()


def read_rtstruct(path: Path, volume: Volume, number: int, by_place: bool = False) -> Roi:
    """One ROI by its number, on the grid of `volume`.

    It has to name the instances of this series; with `by_place` the same frame of reference suffices (a series that was
    cropped or written anew, whose instances have other UIDs).

    A voxel belongs to it where its centre lies inside: of several closed contours on a slice inside an odd number of
    them, which makes holes of nested contours, and serves keyholes too (PS3.3 C.8.8.6.3). Contours follow the slices of
    the volume, whichever way its third axis runs.

    Raises BadInput ``not_an_rtstruct``, ``unknown_series`` (it refers to other images than these), ``no_contour``
    (the ROI is empty, or has open contours only), ``oblique_contour`` (not in one slice), ``missing_slices`` (contours
    lie outside the volume).
    """
    dataset = read_dicom(path, pixels=False)
    if str(dataset.get("Modality")) != "RTSTRUCT":
        raise BadInput("not_an_rtstruct", f"{dataset.get('Modality') or 'the object'} holds no structures")
    names = {whole(item, "ROINumber"): item for item in items(dataset, "StructureSetROISequence")}
    if number not in names:
        raise BadInput("no_contour", f"there is no ROI {number}")
    _refers_to(dataset, names[number], volume, by_place)
    contours = _contours(dataset, number)
    inverse = np.linalg.inv(volume.affine)
    by_slice: dict[int, list[Points]] = defaultdict(list)
    points: list[tuple[float, float, float]] = []
    for contour in contours:
        voxels = _voxels(contour, inverse)
        kind = str(contour.get("ContourGeometricType"))
        if kind == "POINT":
            points += [(float(i), float(j), float(k)) for i, j, k in voxels]
        elif kind.startswith("CLOSED") and len(voxels) >= 3:
            by_slice[_slice_of(voxels, volume)].append(voxels[:, :2])
    if not by_slice:
        raise BadInput("no_contour", f"ROI {number} has no closed contour")
    mask = np.zeros(volume.shape, bool)
    for k, polygons in by_slice.items():
        mask[:, :, k] = inside_polygons(polygons, mask.shape[:2])
    drawn = sorted(by_slice)
    gaps = tuple(k for k in range(drawn[0], drawn[-1]) if k not in by_slice)
    name = str(names[number].get("ROIName") or number)
    return Roi(number=number, name=name, mask=mask, gaps=gaps, points=tuple(points))


def _refers_to(dataset: Any, roi: Any, volume: Volume, by_place: bool) -> None:
    """The ROI's own frame of reference is the volume's, and the series that it names is this one."""
    series = volume.series
    if series is None:
        return
    frame = str(roi.get("ReferencedFrameOfReferenceUID") or "")
    if frame and series.frame_of_reference and frame != series.frame_of_reference:
        raise BadInput("unknown_series", "it lies in another frame of reference than the series")
    if by_place:
        if not frame or not series.frame_of_reference:
            raise BadInput("unknown_series", "nothing says that it lies where the series does")
        return
    named = {
        str(image.get("ReferencedSOPInstanceUID"))
        for contour in _contours(dataset, whole(roi, "ROINumber"))
        for image in items(contour, "ContourImageSequence")
    }
    missing = named - series.uids
    if missing:
        raise BadInput("missing_slices", f"{len(missing)} of the {len(named)} images that it was drawn on aren't here")


def _contours(dataset: Any, number: int | None) -> list[Any]:
    """All contours of an ROI."""
    return [
        contour
        for item in items(dataset, "ROIContourSequence")
        if number is not None and whole(item, "ReferencedROINumber") == number
        for contour in items(item, "ContourSequence")
    ]


def _voxels(contour: Any, inverse: NDArray[Any]) -> Points:
    data = contour.get("ContourData")
    flat = numbers(data, len(data)) if isinstance(data, Sequence) else None
    if not flat or len(flat) % 3:
        raise BadInput("not_an_rtstruct", "contour data that are no points")
    lps = np.asarray(flat).reshape(-1, 3)
    ras = np.concatenate([lps * (-1, -1, 1), np.ones((len(lps), 1))], axis=1)
    return np.asarray((ras @ inverse.T)[:, :3])


def _slice_of(voxels: Points, volume: Volume) -> int:
    depth = voxels[:, 2]
    middle = float(depth.mean())
    if float(np.abs(depth - middle).max()) > OFF_SLICE:
        raise BadInput("oblique_contour", f"a contour spans {float(np.ptp(depth)):.1f} slices")
    k = round(middle)
    inside = (voxels[:, :2] > -1).all() and (voxels[:, :2] < np.asarray(volume.shape[:2])).all()
    if not (0 <= k < volume.shape[2]) or abs(middle - k) > OFF_SLICE or not inside:
        raise BadInput("missing_slices", "a contour lies outside the volume: slices of its series are missing here")
    return k


def inside_polygons(polygons: list[Points], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """I×J of the pixels whose centres, at whole numbers, lie inside an odd number of closed polygons of (i, j)."""
    crossed = np.zeros((shape[0] + 1, shape[1]), bool)
    for polygon in polygons:
        for (i0, j0), (i1, j1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            if j0 == j1:
                continue
            low, high = sorted((j0, j1))
            rows = np.arange(max(0, int(np.ceil(low))), min(shape[1], int(np.ceil(high))))
            if rows.size:
                at = i0 + (rows - j0) * (i1 - i0) / (j1 - j0)
                first = np.clip(np.ceil(at), 0, shape[0]).astype(np.int64)
                crossed[first, rows] ^= True
    return np.asarray(np.logical_xor.accumulate(crossed, axis=0)[:-1])
