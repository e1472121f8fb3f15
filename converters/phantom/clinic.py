"""Clinic: a small made-up hospital on disk, in the layouts that public datasets have, with its whole truth beside it.

The same seed gives the same bytes. Nothing of it is real, and everything that it writes says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medloom.converters.phantom import (
    bids_folder,
    cell_folders,
    clip_folder,
    dicom_folder,
    film_folder,
    mr_folder,
    msd_folder,
    query_folder,
    report_folder,
    skin_folder,
)
from medloom.converters.phantom.course import patients as drawn_patients
from medloom.converters.phantom.truth import ClinicTruth, encode
from medloom.schemas.sample import Modality

PATIENTS = 16
"""How many there are by default: every course once."""


@dataclass(frozen=True)
class Folder:
    """One sub-folder: a source of its own. `labels` is the source's own name of each thing, and its concept's id.

    `patient` is the patient rule of a source card: a regular expression over paths, "one per case" or "unknown".
    """

    title: str
    layout: str
    modality: Modality
    labels: dict[str, str | None]
    patient: str
    exhaustive: Literal["labels", "regions", "none"]


FOLDERS: dict[str, Folder] = {
    msd_folder.FOLDER: Folder(
        "Phantom abdominal CT with liver lesions",
        "MSD: dataset.json, imagesTr, labelsTr, imagesTs",
        "ct",
        {name: concept for concept, name in msd_folder.NAMES.items()},
        r"phantom_(P\d+)\.nii\.gz",
        "regions",
    ),
    mr_folder.FOLDER: Folder(
        "Phantom brain MR with a mask file per class",
        "TotalSegmentator: CASE/mri.nii.gz, CASE/segmentations/CLASS.nii.gz",
        "mr",
        {name: concept for concept, name in mr_folder.NAMES.items()},
        r"^(P\d+)/",
        "regions",
    ),
    bids_folder.FOLDER: Folder(
        "Phantom brain MR of repeated visits in two contrasts",
        "BIDS: sub-X/ses-Y/anat, derivatives/manual with dseg and mask files, participants.tsv, sessions.tsv",
        "mr",
        {name: concept for concept, name in bids_folder.NAMES.items()},
        r"^sub-(P\d+)/",
        "regions",
    ),
    dicom_folder.FOLDER: Folder(
        "Phantom chest CT as DICOM series",
        "PATIENT/STUDY/SERIES/IMnnnn.dcm; labels/PATIENT.nii.gz (label map on the same grid, values from 1 as listed)",
        "ct",
        {name: concept for concept, name in dicom_folder.NAMES.items()},
        r"(?:^|/)(P\d+)(?:/|\.nii\.gz$)",
        "regions",
    ),
    film_folder.FOLDER: Folder(
        "Phantom chest radiographs with visits and reports",
        "COCO: annotations/annotations.json, images; labels.csv: 1, 0, -1 (uncertain), blank (not stated)",
        "xray",
        {name: concept for names in (film_folder.CATEGORIES, film_folder.COLUMNS) for concept, name in names.items()},
        r"images/(P\d+)_V",
        "regions",
    ),
    skin_folder.FOLDER: Folder(
        "Phantom skin lesions",
        "class folders: SPLIT/CLASS/PATIENT_PICTURE.jpg, with planted faults (truth.json, defects)",
        "dermoscopy",
        {name: concept for concept, name in skin_folder.NAMES.items()},
        r"/(D\d+)_[ab]\.jpg$",
        "labels",
    ),
    cell_folders.MASKS: Folder(
        "Phantom fluorescent nuclei",
        "Data Science Bowl 2018: stage1_train/ID/images/ID.png, stage1_train/ID/masks/*.png, one per nucleus",
        "microscopy",
        {cell_folders.NUCLEUS: "cell_nucleus"},
        "unknown",
        "regions",
    ),
    cell_folders.COLOUR: Folder(
        "Phantom blood smears with colour-coded masks",
        "images/NAME.png, masks/NAME.png; colours: "
        + ", ".join(
            f"{cell_folders.BLOOD_NAMES[concept]} {colour}" for concept, colour in cell_folders.COLOURS.items()
        ),
        "microscopy",
        {name: concept for concept, name in cell_folders.BLOOD_NAMES.items()},
        "unknown",
        "regions",
    ),
    cell_folders.VOC: Folder(
        "Phantom blood smears with Pascal VOC boxes",
        "Pascal VOC: Annotations, JPEGImages, ImageSets/Main; corners from 1, both inside",
        "microscopy",
        {name: concept for concept, name in cell_folders.BLOOD_NAMES.items()},
        "unknown",
        "regions",
    ),
    cell_folders.YOLO: Folder(
        "Phantom blood smears with YOLO boxes",
        "YOLO: images/{train,val}, labels/{train,val}, data.yaml",
        "microscopy",
        {name: concept for concept, name in cell_folders.BLOOD_NAMES.items()},
        "unknown",
        "regions",
    ),
    clip_folder.FOLDER: Folder(
        "Phantom lung ultrasound clips with events",
        "clips/NAME.gif, NAME.avi or NAME/frame_nnnn.jpg; clips.csv; events.csv: clip, start_s, end_s, event; "
        "said/NAME.vtt",
        "ultrasound",
        {name: concept for concept, name in clip_folder.NAMES.items()},
        r"(P\d+)_[LR]",
        "none",
    ),
    report_folder.FOLDER: Folder(
        "Phantom chest radiograph reports",
        "reports.csv: a column per section; xml/PATIENT_VISIT.xml in the manner of OpenI; pictures are in xray_coco",
        "xray",
        {},
        r"(P\d+)_V",
        "none",
    ),
    query_folder.FOLDER: Folder(
        "Phantom queries of patients",
        "queries.csv: id, patient, query",
        "other",
        {},
        "unknown",
        "none",
    ),
}
"""Every sub-folder by name."""

README = """\
# Phantom clinic: NOT REAL DATA

Nobody in these folders exists. Every picture, volume, clip, label and report was computed by medloom from formulas and
a seed, for tests and dry runs. It shows what medical data look like on disk, not what disease looks like: nothing that
is learnt or measured here says anything about patients.

Each folder is a source of its own, in the layout that public datasets have:

{folders}

`truth.json` is the complete ground truth of all of them. Licence: CC0-1.0. Seed: {seed}.
"""


@dataclass(frozen=True)
class Clinic:
    """What was written: how much there is of everything, and the truth."""

    root: Path
    truth: ClinicTruth
    files: int
    size_bytes: int


def write_clinic(root: Path, seed: int, patients: int = PATIENTS) -> Clinic:
    """Writes a clinic under `root`, which is made where it isn't there.

    A patient stays the same whatever `patients` is. Raises FileExistsError where `root` holds anything,
    ValueError for less than one patient.
    """
    if patients < 1:
        raise ValueError(f"a clinic needs a patient, not {patients}")
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty: give a new folder")
    people = drawn_patients(seed, patients)
    volumes = [
        *msd_folder.write_msd_folder(root, seed, people),
        *mr_folder.write_mr_folder(root, seed, people),
        *dicom_folder.write_dicom_folder(root, seed, people),
    ]
    films = film_folder.write_film_folder(root, seed, people)
    report_folder.write_report_folder(root, films)
    skin, defects = skin_folder.write_skin_folder(root, seed, patients)
    truth = ClinicTruth(
        seed=seed,
        patients=films,
        volumes=volumes,
        pictures=[*skin, *cell_folders.write_cell_folders(root, seed, patients)],
        clips=clip_folder.write_clip_folder(root, seed, people),
        scans=bids_folder.write_bids_folder(root, seed, people),
        queries=query_folder.write_query_folder(root, seed, people),
        defects=defects,
        concepts={name: folder.labels for name, folder in FOLDERS.items()},
    )
    (root / "truth.json").write_bytes(encode(truth))
    listed = "\n".join(f"- `{name}`: {folder.title}. {folder.layout}." for name, folder in FOLDERS.items())
    (root / "README.md").write_text(README.format(folders=listed, seed=seed), "utf-8", newline="\n")
    files = [path for path in root.rglob("*") if path.is_file()]
    return Clinic(root, truth, len(files), sum(path.stat().st_size for path in files))
