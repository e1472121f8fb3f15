"""`ct_dicom`: chest CT as DICOM series, one file per slice, with a NIfTI label map beside each.

Attributes follow the CT Image IOD (DICOM PS3.3 A.3). Names, dates and institution are made up, so that
de-identification has something to remove.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.chest import Chest
from medloom.converters.phantom.course import Patient
from medloom.converters.phantom.grid import Grid
from medloom.converters.phantom.measured import volume_truth
from medloom.converters.phantom.nifti import write_nifti
from medloom.converters.phantom.painting import grained, paint
from medloom.converters.phantom.truth import VolumeTruth
from medloom.schemas.identity import digest, seed, shuffled

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset
    from pydicom.uid import UID

FOLDER = "ct_dicom"
NAMES = {
    "lung_left": "lung_left", "lung_right": "lung_right", "heart": "heart", "aorta": "aorta", "liver": "liver",
    "vertebral_column": "spine", "lung_nodule": "nodule",
}  # fmt: skip
"""The label map's own name of each concept; its value is the place in this list, from 1."""

CT_IMAGE_STORAGE, EXPLICIT_LITTLE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
SPACING, SHAPE, MIDDLE = (2.6, 2.6, 9.0), (144, 96, 25), (0.0, 0.0, 96.0)
INTERCEPT = -1024
LPS = np.array([-1.0, -1.0, 1.0])


def write_dicom_folder(root: Path, clinic_seed: int, patients: list[Patient]) -> list[VolumeTruth]:
    """Writes ``PATIENT/STUDY/SERIES/IMnnnn.dcm`` and ``labels/PATIENT.nii.gz`` for every seventh patient.

    File numbers and instance numbers say nothing about where a slice lies; every other series is oblique.
    """
    return [_series(root, clinic_seed, patient) for patient in patients[::7]]


def uid(*parts: object) -> UID:
    """A DICOM UID from the parts' digest (PS3.5 B.2: 2.25 and a 128-bit number)."""
    from pydicom.uid import UID

    return UID(f"2.25.{int(digest('dicom', *parts), 16)}")


def _series(root: Path, clinic_seed: int, patient: Patient) -> VolumeTruth:
    chest = Chest.of(patient, clinic_seed)
    scene = chest.scene.with_parts(*chest.parts(0))
    tilt = 5.0 if patient.number % 2 else 0.0
    painted = paint(scene, Grid.centred("LPS", SPACING, SHAPE, MIDDLE, tilt))
    draw = np.random.default_rng(seed(clinic_seed, FOLDER, patient.key))
    stored = np.clip(np.rint(grained(painted, draw, noise=11.0)) - INTERCEPT, 0, 4095).astype(np.uint16)
    study, series = (uid(clinic_seed, patient.key, part) for part in ("study", "series"))
    folder = f"{FOLDER}/{patient.key}/{study}/{series}"
    (root / folder).mkdir(parents=True, exist_ok=True)
    order = shuffled(range(SHAPE[2]), clinic_seed, FOLDER, patient.key)
    files = [""] * SHAPE[2]
    for number, place in enumerate(order, start=1):
        files[place] = f"{folder}/IM{number:04d}.dcm"
        image = _image(stored[:, :, place], painted.grid, place, patient, study, series)
        image.SOPInstanceUID = uid(clinic_seed, patient.key, "image", place)
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.InstanceNumber = number
        image.save_as(root / files[place], enforce_file_format=True)
    values = {concept: value for value, concept in enumerate(NAMES, start=1)}
    labels = f"{FOLDER}/labels/{patient.key}.nii.gz"
    write_nifti(root / labels, painted.label_map(values), painted.grid)
    return volume_truth(painted, FOLDER, patient, "ct", files, labels, None, NAMES)


def _image(
    pixels: NDArray[np.uint16], grid: Grid, place: int, patient: Patient, study: str, series: str
) -> FileDataset:
    """One slice. `pixels` (column, row): i rises to the patient's left, j to the back, as in the NIfTI beside it."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(CT_IMAGE_STORAGE)
    meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE)
    meta.ImplementationClassUID = uid("implementation")
    meta.ImplementationVersionName = "MEDLOOM_PHANTOM"
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    for keyword, value in {**_who(patient), **_what(grid, place)}.items():
        setattr(image, keyword, value)
    image.SOPClassUID, image.StudyInstanceUID, image.SeriesInstanceUID = meta.MediaStorageSOPClassUID, study, series
    image.FrameOfReferenceUID = uid(str(study), "frame of reference")
    image.Columns, image.Rows = pixels.shape
    image.PixelData = pixels.T.astype("<u2").tobytes()
    return image


def _who(patient: Patient) -> dict[str, Any]:
    return {
        "PatientName": f"Phantom^{patient.key}",
        "PatientID": patient.key,
        "PatientBirthDate": f"{2000 - patient.age_years}0101",
        "PatientSex": patient.sex[0].upper(),
        "PatientAge": f"{patient.age_years:03d}Y",
        "StudyDate": "20000101",
        "StudyTime": "120000",
        "StudyID": "1",
        "AccessionNumber": f"ACC{patient.number:05d}",
        "ReferringPhysicianName": "Nobody^Ada",
        "InstitutionName": "Phantom Clinic (not real)",
        "Manufacturer": "medloom",
        "ManufacturerModelName": "phantom",
        "StudyDescription": "CT CHEST",
        "SeriesDescription": "AXIAL SOFT TISSUE",
    }


def _what(grid: Grid, place: int) -> dict[str, Any]:
    """Geometry and pixel description of slice `place`; DICOM's patient coordinates are LPS mm."""
    directions = grid.affine[:3, :3] / np.array(grid.spacing_mm)
    corner = (grid.affine[:3, 3] + place * grid.affine[:3, 2]) * LPS
    return {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["DERIVED", "SECONDARY", "AXIAL"],
        "Modality": "CT",
        "SeriesNumber": 1,
        "AcquisitionNumber": 1,
        "BodyPartExamined": "CHEST",
        "PatientPosition": "HFS",
        "KVP": "120",
        "SliceThickness": _decimal(grid.spacing_mm[2]),
        "ImagePositionPatient": [_decimal(value) for value in corner],
        "ImageOrientationPatient": [_decimal(value) for axis in (0, 1) for value in directions[:, axis] * LPS],
        "PixelSpacing": [_decimal(grid.spacing_mm[1]), _decimal(grid.spacing_mm[0])],
        "PositionReferenceIndicator": "",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleIntercept": str(INTERCEPT),
        "RescaleSlope": "1",
        "RescaleType": "HU",
        "WindowCenter": ["40", "-600"],
        "WindowWidth": ["400", "1500"],
        "WindowCenterWidthExplanation": ["MEDIASTINUM", "LUNG"],
    }


def _decimal(value: float) -> str:
    """A decimal string of at most 16 characters, as DICOM wants."""
    return f"{round(float(value), 8) + 0.0:.10g}"
