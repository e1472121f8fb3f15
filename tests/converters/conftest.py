"""DICOM series written for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def uid(*parts: object) -> str:
    """The same UID for the same parts."""
    return str(generate_uid(entropy_srcs=[repr(parts)]))


def ct_slice(
    pixels: np.ndarray, position: Sequence[float], series: str = "s", axes: Sequence[float] = AXIAL, **attributes: Any
) -> FileDataset:
    """One CT slice of stored values (HU + 1024), 1 mm pixels, with everything that highdicom asks of a source image."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    one = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, uid(series, *position, *axes, *attributes.items())
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = uid("study"), uid(series), uid("place")
    one.Modality, one.PatientID, one.PatientName = "CT", "P1", "Doe^Jane"
    one.PatientBirthDate = one.PatientSex = one.StudyID = one.AccessionNumber = one.ReferringPhysicianName = ""
    one.StudyDate, one.StudyTime, one.SeriesNumber, one.InstanceNumber = "20200102", "101112", 1, 1
    one.Rows, one.Columns = pixels.shape
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated = one.BitsStored = 16
    one.HighBit, one.PixelRepresentation = 15, 0
    one.RescaleSlope, one.RescaleIntercept = 1, -1024
    one.PixelSpacing, one.SliceThickness = [1, 1], 2
    one.ImageOrientationPatient, one.ImagePositionPatient = list(axes), list(position)
    for name, value in attributes.items():
        setattr(one, name, value)
    one.PixelData = pixels.astype("<u2").tobytes()
    meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    return one


class Scanner:
    """Writes series into a folder."""

    slice = staticmethod(ct_slice)
    uid = staticmethod(uid)

    @staticmethod
    def series(
        folder: Path, places: Sequence[float], name: str = "s", shape: tuple[int, int] = (24, 32), **attributes: Any
    ) -> list[FileDataset]:
        """Axial slices at these z, mm; slice n has values 1024 + 10 n. Files are called in no order."""
        folder.mkdir(parents=True, exist_ok=True)
        made = [
            ct_slice(np.full(shape, 1024 + 10 * number), (-10, -20, z), name, **attributes)
            for number, z in enumerate(places)
        ]
        for number, one in enumerate(made):
            one.save_as(folder / f"{(7 * number + 3) % 101:03d}.dcm", enforce_file_format=True)
        return made


@pytest.fixture
def scanner() -> Scanner:
    """A CT scanner of the tests."""
    return Scanner()
