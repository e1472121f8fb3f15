"""`ct_msd`: abdominal CT in the layout of the Medical Segmentation Decathlon, with liver lesions."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from medloom.converters.phantom.abdomen import abdomen
from medloom.converters.phantom.course import Patient
from medloom.converters.phantom.grid import Grid
from medloom.converters.phantom.measured import volume_truth
from medloom.converters.phantom.nifti import write_nifti
from medloom.converters.phantom.painting import grained, paint
from medloom.converters.phantom.truth import VolumeTruth
from medloom.schemas.identity import seed

FOLDER = "ct_msd"
NAMES = {
    "liver": "liver", "liver_lesion": "liver tumour", "spleen": "spleen", "kidney_left": "left kidney",
    "kidney_right": "right kidney", "aorta": "aorta", "vertebral_column": "spine", "lung_left": "left lung",
    "lung_right": "right lung", "heart": "heart",
}  # fmt: skip
"""The source's own name of each concept; its value is the place in this list, from 1."""

# Codes, spacing along x, y, z in mm, voxels along x, y, z, tilt in degrees.
GRIDS = (
    ("LAS", (2.4, 2.4, 5.0), (160, 112, 32), 0.0),
    ("RAS", (2.2, 2.6, 6.0), (168, 104, 26), 0.0),
    ("LPS", (2.4, 2.4, 5.0), (160, 112, 32), 0.0),
    ("RAS", (2.4, 2.4, 5.0), (160, 116, 32), 6.0),
    ("LPI", (2.8, 2.8, 4.0), (136, 96, 38), 0.0),
)
MIDDLE = (0.0, 0.0, -68.0)
STEP_HU = 4


def write_msd_folder(root: Path, clinic_seed: int, patients: list[Patient]) -> list[VolumeTruth]:
    """Writes ``dataset.json``, ``imagesTr``, ``labelsTr`` and ``imagesTs``.

    Every fifth patient, from the fourth on, is a test case whose label map is not published.
    """
    found = [_case(root / FOLDER, clinic_seed, patient) for patient in patients[: 3 + len(patients) * 6 // 16]]
    training = [{"image": _dotted(case.files[0]), "label": _dotted(case.labels or "")} for case in found if case.labels]
    test = [_dotted(case.files[0]) for case in found if not case.labels]
    index = {
        "name": "Phantom abdomen",
        "description": "Made-up abdominal CT with liver lesions: not real data",
        "reference": "medloom phantom clinic",
        "licence": "CC0-1.0",
        "release": "1.0",
        "tensorImageSize": "3D",
        "modality": {"0": "CT"},
        "labels": {"0": "background", **{str(value): name for value, name in enumerate(NAMES.values(), start=1)}},
        "numTraining": len(training),
        "numTest": len(test),
        "training": training,
        "test": test,
    }
    (root / FOLDER / "dataset.json").write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n")
    return found


def _dotted(path: str) -> str:
    return "." + path.removeprefix(FOLDER)


def _grid(patient: Patient, draw: np.random.Generator) -> Grid:
    """Fields of view differ, and nobody lies in the middle of the table."""
    codes, (x, y, z), shape, tilt = GRIDS[patient.number % len(GRIDS)]
    zoom = float(draw.uniform(0.9, 1.16))
    middle = np.array(MIDDLE) + draw.uniform((-26, -24, -6), (26, 24, 6))
    centre = (round(float(middle[0]), 2), round(float(middle[1]), 2), round(float(middle[2]), 2))
    return Grid.centred(codes, (round(x * zoom, 3), round(y * zoom, 3), z), shape, centre, tilt)


def _case(folder: Path, clinic_seed: int, patient: Patient) -> VolumeTruth:
    draw = np.random.default_rng(seed(clinic_seed, FOLDER, patient.key))
    painted = paint(abdomen(patient, clinic_seed), _grid(patient, draw))
    hounsfield = grained(painted, draw, noise=9.0)
    hounsfield = np.clip(np.rint(hounsfield / STEP_HU) * STEP_HU, -1000, 3071).astype(np.int16)
    train = patient.number % 5 != 3
    image, label = (f"{part}{'Tr' if train else 'Ts'}/phantom_{patient.key}.nii.gz" for part in ("images", "labels"))
    if patient.number % 5 == 2:  # stored without a sign, as some exports are: only the header's intercept tells
        write_nifti(folder / image, (hounsfield + 1024).astype(np.uint16), painted.grid, inter=-1024.0)
    else:
        write_nifti(folder / image, hounsfield, painted.grid)
    if train:
        values = {concept: value for value, concept in enumerate(NAMES, start=1)}
        write_nifti(folder / label, painted.label_map(values), painted.grid)
    return volume_truth(
        painted,
        FOLDER,
        patient,
        "ct",
        [f"{FOLDER}/{image}"],
        f"{FOLDER}/{label}" if train else None,
        "train" if train else "test",
        NAMES,
    )
