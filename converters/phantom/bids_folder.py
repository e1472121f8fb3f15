"""`mr_bids`: brain MR of repeated visits in two contrasts, as a BIDS data set with derivatives of two kinds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.course import Patient
from medloom.converters.phantom.grid import Grid
from medloom.converters.phantom.head import head, painted_head, scanned
from medloom.converters.phantom.nifti import write_nifti
from medloom.converters.phantom.truth import Change, ScanTruth
from medloom.schemas.identity import seed

FOLDER = "mr_bids"
NAMES = {"brain": "brain", "lateral_ventricle": "ventricle", "brain_tumour": "tumor", "brain_oedema": "edema"}
"""What the masks call each concept; values of the discrete segmentation count from 1."""
SIZES: tuple[tuple[float | None, ...], ...] = ((0.72, 1.0, None), (1.0,), (1.0, 0.7), (None, 1.0), (1.0, 1.0))
"""Axes of the tumour at each visit, as a share of its largest; None where there is none."""
SAME = 0.2
GRID = ("LAS", (1.8, 1.8, 6.0), (98, 118, 22))
MIDDLE = (0.0, 0.0, 14.0)
FIRST_DAY = datetime(1921, 3, 4, 9, 30)
"""BIDS shifts dates of people to before 1925."""


def write_bids_folder(root: Path, clinic_seed: int, patients: list[Patient]) -> list[ScanTruth]:
    """Writes the scans of every fifth patient from the third on."""
    chosen = patients[2::5]
    top = root / FOLDER
    if not chosen:
        return []
    top.mkdir(parents=True, exist_ok=True)
    _json(top / "dataset_description.json", Name="Phantom heads, not real data", BIDSVersion="1.10.0", License="CC0")
    _json(
        top / "derivatives/manual/dataset_description.json", Name="Phantom masks, not real data", BIDSVersion="1.10.0",
        DatasetType="derivative", GeneratedBy=[{"Name": "medloom phantom"}],
    )  # fmt: skip
    lines = [[str(value), name, name[:2].upper()] for value, name in enumerate(NAMES.values(), start=1)]
    _table(top / "derivatives/manual/desc-tissue_dseg.tsv", ["index", "name", "abbreviation"], lines)
    _json(top / "T1w.json", Modality="MR", BodyPart="BRAIN", EchoTime=0.003)
    people = [[f"sub-{one.key}", str(one.age_years), one.sex[0].upper()] for one in chosen]
    _table(top / "participants.tsv", ["participant_id", "age", "sex"], people)
    return [truth for place, patient in enumerate(chosen) for truth in _person(top, clinic_seed, patient, place)]


def _person(top: Path, clinic_seed: int, patient: Patient, place: int) -> list[ScanTruth]:
    sizes = SIZES[place % len(SIZES)]
    days = [round(patient.days[0] + 97.0 * visit) for visit in range(len(sizes))]
    rows = [[f"ses-{visit + 1}", (FIRST_DAY + timedelta(days=day)).isoformat()] for visit, day in enumerate(days)]
    found: list[ScanTruth] = []
    before: float | None = None
    for visit, (size, day) in enumerate(zip(sizes, days, strict=True)):
        masks, grid, files = _scan(top, clinic_seed, patient, visit, size)
        volume = float(np.count_nonzero(masks["brain_tumour"])) * grid.voxel_mm3
        change = None if visit == 0 else _change(before, volume)
        found.append(
            ScanTruth(
                source=FOLDER, patient=patient.key, session=str(visit + 1), day=day, files=files,
                tumour_mm3=volume, change=change,
            )
        )  # fmt: skip
        before = volume
    _table(top / f"sub-{patient.key}/sub-{patient.key}_sessions.tsv", ["session_id", "acq_time"], rows)
    return found


def _scan(
    top: Path, clinic_seed: int, patient: Patient, visit: int, size: float | None
) -> tuple[dict[str, NDArray[np.bool_]], Grid, list[str]]:
    scene = head(patient, clinic_seed, tumour=size is not None, size=size or 1.0)
    draw = np.random.default_rng(seed(clinic_seed, FOLDER, patient.key, visit))
    painted = painted_head(scene, Grid.centred(*GRID, MIDDLE), draw)
    signal = scanned(painted, draw)
    fluid = np.where(signal > 0.04, np.maximum(1.3 - signal, 0.03), signal)  # what is dark with T1 is bright with T2
    session = f"sub-{patient.key}/ses-{visit + 1}/anat"
    stem = f"{session}/sub-{patient.key}_ses-{visit + 1}"
    files = []
    for contrast, shown in (("T1w", signal), ("T2w", fluid)):
        stored = np.rint(np.rint(shown * 64) / 64 * 640).astype(np.int16)
        write_nifti(top / f"{stem}_{contrast}.nii.gz", stored, painted.grid)
        files.append(f"{FOLDER}/{stem}_{contrast}.nii.gz")
    made = top / "derivatives/manual"
    values = {concept: value for value, concept in enumerate(NAMES, start=1)}
    discrete = painted.label_map(values).astype(np.uint8)
    write_nifti(made / f"{stem}_space-T1w_desc-tissue_dseg.nii.gz", discrete, painted.grid)
    masks = {concept: discrete == value for concept, value in values.items()}
    for concept, name in NAMES.items():
        file = f"{stem}_label-{name}_mask"
        write_nifti(made / f"{file}.nii.gz", masks[concept].astype(np.uint8), painted.grid)
        _json(made / f"{file}.json", Type="ROI", Sources=[f"bids:raw:{stem}_T2w.nii.gz"])
    return masks, painted.grid, files


def _change(before: float | None, after: float) -> Change | None:
    """By the length of an axis, as RECIST has it: volumes go with its third power."""
    if not before and not after:
        return None
    if not before or not after:
        return "gone" if before else "new"
    grown = (after / before) ** (1 / 3)
    if abs(grown - 1) < SAME:
        return "same"
    return "grown" if grown > 1 else "shrunk"


def _json(path: Path, **content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8", newline="\n")


def _table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(columns), *("\t".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8", newline="\n")
