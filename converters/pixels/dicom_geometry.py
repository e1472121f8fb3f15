"""Where a DICOM picture lies in the patient: spacing, orientation, and the way from its pixels to RAS mm."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.dicom_file import attribute, numbers

# What these show is magnified, so that mm at the detector are not mm in the patient (PS3.3 section 10.7.1.3).
PROJECTIONS = frozenset(("CR", "DX", "MG", "RF", "XA", "PX", "IO", "RG"))
_LETTERS = (("L", "R"), ("P", "A"), ("S", "I"))
_FROM_DICOM = {"H": "S", "F": "I"}


def spacing_mm(dataset: Any, frame: int = 0) -> tuple[float, float] | None:
    """(down, right) mm between pixel centres, from PixelSpacing; None where it is absent or not in the patient.

    A projection's counts only where it says how it was calibrated.
    """
    if str(dataset.get("Modality")) in PROJECTIONS and dataset.get("PixelSpacingCalibrationType") not in (
        "GEOMETRY",
        "FIDUCIAL",
    ):
        return None
    found = numbers(attribute(dataset, "PixelSpacing", frame, "PixelMeasuresSequence"), 2)
    return (found[0], found[1]) if found is not None and min(found) > 0 else None


def orientation(dataset: Any, frame: int = 0) -> tuple[str, str] | None:
    """Patient directions to the right of the picture and downwards, as letters (("L", "P") for an axial slice).

    From ImageOrientationPatient, by its largest cosines; else from PatientOrientation, as radiographs state it.
    """
    axes = _axes(dataset, frame)
    if axes is not None:
        return _letter(axes[0]), _letter(axes[1])
    stated = attribute(dataset, "PatientOrientation")
    if not isinstance(stated, str) and stated is not None and len(stated) == 2:
        first = [_FROM_DICOM.get(str(part)[:1], str(part)[:1]) for part in stated]
        if all(letter in "LRPASI" and letter for letter in first):
            return first[0], first[1]
    return None


def to_patient(dataset: Any, frame: int = 0) -> NDArray[np.float64] | None:
    """3×3 matrix from (x, y, 1) of pixel centres to patient RAS mm, or None (PS3.3 C.7.6.2.1.1, with LPS turned)."""
    axes, spacing = _axes(dataset, frame), spacing_mm(dataset, frame)
    origin = numbers(attribute(dataset, "ImagePositionPatient", frame, "PlanePositionSequence"), 3)
    if axes is None or spacing is None or origin is None:
        return None
    down, right = spacing
    lps = np.column_stack((axes[0] * right, axes[1] * down, np.array(origin)))
    return np.asarray(np.diag([-1.0, -1.0, 1.0]) @ lps)


def _axes(dataset: Any, frame: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Unit directions in LPS to the right and downwards; None where they are no pair of perpendicular unit vectors."""
    found = numbers(attribute(dataset, "ImageOrientationPatient", frame, "PlaneOrientationSequence"), 6)
    if found is None:
        return None
    right, down = np.array(found[:3]), np.array(found[3:])
    unit = abs(np.linalg.norm(right) - 1) < 1e-2 and abs(np.linalg.norm(down) - 1) < 1e-2
    return (right, down) if unit and abs(right @ down) < 1e-2 else None


def _letter(direction: NDArray[np.float64]) -> str:
    axis = int(np.argmax(np.abs(direction)))
    return _LETTERS[axis][int(direction[axis] < 0)]
