"""DICOM SEG: segments as masks on the grid of the volume that they were drawn on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.dicom_file import attribute, frame_count, items, numbers, whole
from medloom.converters.pixels.dicom_frame_check import check_frames
from medloom.converters.pixels.nifti_file import MAX_BYTES
from medloom.converters.pixels.volume import Volume
from medloom.schemas.errors import BadInput

FRACTION = 0.5
"""A fractional segment is where probability or occupancy is at least half."""
OFF_GRID = 0.1
"""Voxels by which a frame may miss the volume's grid: rounding of decimal strings."""
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One segment. `mask` is I×J×K on the volume's own grid; `kind` is the meaning of its coded type."""

    number: int
    label: str
    kind: str | None
    mask: NDArray[np.bool_]


def read_seg(path: Path, volume: Volume, wanted: set[int] | None = None) -> dict[int, Segment]:
    """The segments of a SEG object by number, `wanted` ones only, each on the grid of `volume`.

    BINARY, FRACTIONAL (at `FRACTION` of the maximum) and LABELMAP; segments may overlap, and frames without content may
    be left out, which means that nothing is there. Frames are placed by their own position and orientation, never by
    their order, and axes may run in any direction as long as voxel falls on voxel.

    Raises BadInput ``not_a_seg``, ``decompression_bomb``, what `check_frames` raises, ``undecodable``, ``no_position``,
    ``grid_mismatch`` (frames between the voxels of the volume, or content outside it), ``unknown_series`` (another
    frame of reference).
    """
    import highdicom as hd

    try:
        found = hd.seg.segread(path)
        size = int(found.Rows) * int(found.Columns) * frame_count(found)
        if size > MAX_BYTES:
            raise BadInput("decompression_bomb", f"{size} pixels of segments, at most {MAX_BYTES} are read")
        check_frames(found, None)
        frames = np.asarray(found.pixel_array)
    except BadInput:
        raise
    except Exception as error:  # highdicom and its decoders raise almost anything on broken objects
        raise BadInput("not_a_seg", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from None
    frames = frames[None] if frames.ndim == 2 else frames
    _same_space(found, volume)
    kind = str(found.get("SegmentationType"))
    if kind == "FRACTIONAL":
        frames = frames >= FRACTION * (whole(found, "MaximumFractionalValue") or 255)
    described = {number: item for item in items(found, "SegmentSequence") if (number := whole(item, "SegmentNumber"))}
    if kind == "LABELMAP":  # what is neither drawn nor named is 0, or the padding value
        described = {number: item for number, item in described.items() if number not in _background(found)}
    numbers_wanted = sorted(described if wanted is None else wanted & described.keys())
    masks = {number: np.zeros(volume.shape, bool) for number in numbers_wanted}
    inverse = np.linalg.inv(volume.affine)
    for index, frame in enumerate(frames):
        if kind == "LABELMAP":
            here = {number: frame == number for number in numbers_wanted if (frame == number).any()}
        else:
            stated = attribute(found, "ReferencedSegmentNumber", index, "SegmentIdentificationSequence")
            number = stated if isinstance(stated, int) else 0
            here = {number: frame.astype(bool)} if number in masks and frame.any() else {}
        if here:
            to_voxel = inverse @ _to_ras(found, index)
            for number, shown in here.items():
                _place(shown, to_voxel, masks[number])
    return {number: _segment(number, described[number], masks[number]) for number in numbers_wanted}


def _segment(number: int, item: Any, mask: NDArray[np.bool_]) -> Segment:
    coded = items(item, "SegmentedPropertyTypeCodeSequence")
    kind = str(coded[0].get("CodeMeaning")) if coded else None
    return Segment(number=number, label=str(item.get("SegmentLabel")), kind=kind, mask=mask)


def _background(found: Any) -> set[int]:
    return {0, whole(found, "PixelPaddingValue") or 0}


def _same_space(found: Any, volume: Volume) -> None:
    theirs = str(found.get("FrameOfReferenceUID") or "")
    ours = None if volume.series is None else volume.series.frame_of_reference
    if theirs and ours and theirs != ours:
        raise BadInput("unknown_series", "it lies in another frame of reference than the series")


def _to_ras(found: Any, frame: int) -> NDArray[np.float64]:
    """4×4 from (column, row, 0, 1) of a frame's pixel centres to RAS mm."""
    position = numbers(attribute(found, "ImagePositionPatient", frame, "PlanePositionSequence") or (), 3)
    orientation = numbers(attribute(found, "ImageOrientationPatient", frame, "PlaneOrientationSequence") or (), 6)
    spacing = numbers(attribute(found, "PixelSpacing", frame, "PixelMeasuresSequence") or (), 2)
    if position is None or orientation is None or spacing is None:
        raise BadInput("no_position", f"frame {frame} doesn't say where it lies")
    matrix = np.eye(4)
    matrix[:3, 0] = np.asarray(orientation[:3]) * spacing[1]
    matrix[:3, 1] = np.asarray(orientation[3:]) * spacing[0]
    matrix[:3, 2] = np.cross(orientation[:3], orientation[3:])
    matrix[:3, 3] = position
    matrix[:3] = LPS_TO_RAS @ matrix[:3]
    return matrix


def _place(shown: NDArray[np.bool_], to_voxel: NDArray[np.float64], mask: NDArray[np.bool_]) -> None:
    rows, columns = np.nonzero(shown)
    points = to_voxel[:3, [0, 1, 3]] @ np.stack([columns, rows, np.ones_like(rows)]).astype(np.float64)
    voxels = np.rint(points).astype(np.int64)
    apart = float(np.abs(points - voxels).max())
    if apart > OFF_GRID:
        raise BadInput("grid_mismatch", f"a frame lies {apart:.2f} voxels off the grid of the volume")
    if (voxels < 0).any() or (voxels >= np.asarray(mask.shape)[:, None]).any():
        raise BadInput("grid_mismatch", "a segment reaches beyond the volume: slices of its series are missing here")
    mask[tuple(voxels)] = True
