"""`mr_per_class`: brain MR in the layout of TotalSegmentator: a folder per case, a mask file per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medloom.converters.phantom.course import Patient
from medloom.converters.phantom.grid import Grid
from medloom.converters.phantom.head import head, painted_head, scanned
from medloom.converters.phantom.measured import volume_truth
from medloom.converters.phantom.nifti import write_nifti
from medloom.converters.phantom.truth import VolumeTruth
from medloom.schemas.identity import seed

FOLDER = "mr_per_class"
NAMES = {
    "brain": "brain", "lateral_ventricle": "ventricle", "brain_tumour": "tumor", "brain_oedema": "edema",
    "intracranial_haemorrhage": "hemorrhage",
}  # fmt: skip
"""File name of each concept. Nobody here has a haemorrhage: its files are there and empty."""

# Codes, spacing along x, y, z in mm, voxels along x, y, z. The third is a sagittal scan.
GRIDS = (
    ("RAS", (1.4, 1.4, 5.0), (124, 150, 26)),
    ("LPS", (1.5, 1.5, 5.0), (116, 140, 26)),
    ("PSR", (5.0, 1.5, 1.5), (32, 140, 112)),
)
MIDDLE = (0.0, 0.0, 14.0)

# What white matter measures, how it is stored, and the header's slope: MR has no unit.
SCALES = ((310.0, np.int16, 1.0), (2900.0, np.uint16, 1.0), (190.0, np.int16, 0.25), (1.0, np.float32, 1.0))


def write_mr_folder(root: Path, clinic_seed: int, patients: list[Patient]) -> list[VolumeTruth]:
    """Writes ``CASE/mri.nii.gz`` and ``CASE/segmentations/CLASS.nii.gz`` of every third patient; half have a tumour."""
    return [_case(root, clinic_seed, patient) for patient in patients[::3]]


def _case(root: Path, clinic_seed: int, patient: Patient) -> VolumeTruth:
    place = patient.number // 3
    scene = head(patient, clinic_seed, tumour=place % 2 == 0)
    draw = np.random.default_rng(seed(clinic_seed, FOLDER, patient.key))
    painted = painted_head(scene, Grid.centred(*GRIDS[place % len(GRIDS)], MIDDLE), draw)
    white, stored, slope = SCALES[place % len(SCALES)]
    case = f"{FOLDER}/{patient.key}"
    signal = np.rint(scanned(painted, draw) * 128) / 128 * white  # in steps: noise packs badly
    write_nifti(
        root / case / "mri.nii.gz",
        (signal if stored == np.float32 else np.rint(signal)).astype(stored),
        painted.grid,
        slope,
    )
    inside = ("brain", "lateral_ventricle", "brain_tumour", "brain_oedema")
    masks = {concept: painted.mask(concept) > 0 for concept in NAMES}
    masks["brain"] = np.logical_or.reduce([masks[concept] for concept in inside])
    masks["brain_oedema"] |= masks["brain_tumour"]  # as "whole tumour" labels do: masks may overlap
    for concept, name in NAMES.items():
        write_nifti(root / case / "segmentations" / f"{name}.nii.gz", masks[concept].astype(np.uint8), painted.grid)
    return volume_truth(
        painted, FOLDER, patient, "mr", [f"{case}/mri.nii.gz"], f"{case}/segmentations", None, NAMES, masks
    )
