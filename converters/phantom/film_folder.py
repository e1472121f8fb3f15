"""`xray_coco`: frontal chest radiographs with COCO annotations, and a table of findings and reports beside them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from medloom.converters.phantom.chest import Chest
from medloom.converters.phantom.course import FINDINGS, Patient
from medloom.converters.phantom.film import Film, film
from medloom.converters.phantom.measured import lesion_truth, side_of
from medloom.converters.phantom.outlines import box_of, polygons, run_lengths
from medloom.converters.phantom.pictures import write_jpeg, write_png
from medloom.converters.phantom.reports import report, written
from medloom.converters.phantom.truth import ChangeTruth, FilmObject, PatientTruth, VisitTruth
from medloom.converters.phantom.visits import changes_since

FOLDER = "xray_coco"
CATEGORIES = {
    "lung_left": "Left lung", "lung_right": "Right lung", "heart": "Heart", "lung_nodule": "Nodule",
    "pleural_effusion": "Effusion", "consolidation": "Consolidation",
}  # fmt: skip
"""The COCO file's name of each concept; its id is the place in this list, from 1."""

COLUMNS = {
    "lung_nodule": "Nodule", "pleural_effusion": "Effusion", "cardiomegaly": "Cardiomegaly",
    "consolidation": "Consolidation", "pneumothorax": "Pneumothorax",
}  # fmt: skip
"""The table's column of each finding."""

_CELLS = {"present": "1", "absent": "0", "uncertain": "-1", "not_stated": ""}


def write_film_folder(root: Path, clinic_seed: int, patients: list[Patient]) -> list[PatientTruth]:
    """Writes ``images``, ``annotations/annotations.json`` and ``labels.csv``. Every third patient's films are PNG."""
    (root / FOLDER / "images").mkdir(parents=True, exist_ok=True)
    coco: dict[str, list[Any]] = {"images": [], "annotations": []}
    found = []
    for patient in patients:
        chest = Chest.of(patient, clinic_seed)
        visits: list[VisitTruth] = []
        for number in range(patient.course.visits):
            visits.append(_visit(root, clinic_seed, chest, number, visits, coco))
        truth = PatientTruth(
            key=patient.key,
            sex=patient.sex,
            age_years=patient.age_years,
            situs_inversus=patient.course.inverted,
            visits=visits,
        )
        found.append(truth)
    _write_coco(root / FOLDER / "annotations" / "annotations.json", coco)
    _write_table(root / FOLDER / "labels.csv", found)
    return found


def _visit(
    root: Path, clinic_seed: int, chest: Chest, number: int, before: list[VisitTruth], coco: dict[str, list[Any]]
) -> VisitTruth:
    patient = chest.patient
    view: Literal["PA", "AP"] = "AP" if (patient.number + number) % 4 == 3 else "PA"
    shown = film(chest, number, clinic_seed, portable=view == "AP")
    name = f"{patient.key}_V{number + 1}.{'png' if patient.number % 3 == 2 else 'jpg'}"
    (write_png if name.endswith("png") else write_jpeg)(root / FOLDER / "images" / name, shown.picture)
    height, width = shown.picture.shape
    image = len(coco["images"]) + 1
    coco["images"].append({"id": image, "file_name": f"images/{name}", "width": width, "height": height})
    objects = [_object(chest, number, key, shown, image, coco["annotations"]) for key in shown.masks]
    interval = patient.days[number] - patient.days[number - 1] if number else None
    findings = {finding: patient.states(finding, number) for finding in FINDINGS}
    changes: list[ChangeTruth] = changes_since(patient, number) if before else []
    key = f"{patient.key}_V{number + 1}"
    return VisitTruth(
        key=f"V{number + 1}",
        day=patient.days[number],
        view=view,
        film=f"{FOLDER}/images/{name}",
        size=(width, height),
        spacing_mm=shown.plate.spacing_mm,
        findings=findings,
        cardiothoracic_ratio=shown.cardiothoracic_ratio,
        objects=objects,
        interval_days=interval,
        changes=changes,
        report=written(report(key, interval, findings, objects, changes, shown.cardiothoracic_ratio)),
        report_xml=f"reports/xml/{key}.xml",
    )


def _object(
    chest: Chest, visit: int, key: str, shown: Film, image: int, annotations: list[dict[str, Any]]
) -> FilmObject:
    """The truth of one mask; its annotation is appended: run lengths for what has a ragged border, else polygons."""
    mask = shown.masks[key]
    x0, y0, x1, y1 = box_of(mask)
    concept = _concept(key)
    ragged = concept in ("pleural_effusion", "consolidation")
    annotations.append(
        {
            "id": len(annotations) + 1,
            "image_id": image,
            "category_id": 1 + list(CATEGORIES).index(concept),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": int(mask.sum()),
            "segmentation": run_lengths(mask) if ragged else polygons(mask),
            "iscrowd": 0,
        }
    )
    nodule = next((one.shapes[visit] for one in chest.nodules if one.key == key), None)
    rows, columns = np.nonzero(mask)
    x, z = shown.plate.plane()
    middle = int(rows.mean()), int(columns.mean())
    return FilmObject(
        key=key,
        concept=concept,
        side=None if concept == "heart" else side_of(float(x[middle])),
        box=(x0, y0, x1, y1),
        area_px=int(mask.sum()),
        annotation=len(annotations),
        zone=chest.zone(float(z[middle])) if concept in ("lung_nodule", "consolidation") else None,
        lesion=None if nodule is None else lesion_truth(key, concept, nodule, (np.eye(3)[0], np.eye(3)[2])),
        volume_mm3=shown.volumes_mm3.get(key),
    )


def _concept(key: str) -> str:
    for part, concept in (
        ("nodule", "lung_nodule"),
        ("effusion", "pleural_effusion"),
        ("consolidation", "consolidation"),
    ):
        if f"-{part}-" in key:
            return concept
    return key


def _write_coco(path: Path, coco: dict[str, list[Any]]) -> None:
    content = {
        "info": {"description": "Phantom chest radiographs: made up, not real data", "version": "1.0"},
        "licenses": [{"id": 1, "name": "CC0-1.0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"}],
        "images": [{**image, "license": 1} for image in coco["images"]],
        "annotations": coco["annotations"],
        "categories": [
            {"id": number, "name": name, "supercategory": "chest"}
            for number, name in enumerate(CATEGORIES.values(), start=1)
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(content) + b"\n")


def _write_table(path: Path, patients: list[PatientTruth]) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["image", "patient", "visit", "day", "view", "sex", "age", "spacing_mm", *COLUMNS.values(), "report"])
    for patient in patients:
        for visit in patient.visits:
            image = visit.film.removeprefix(f"{FOLDER}/")
            who = [image, patient.key, visit.key, visit.day, visit.view, patient.sex[0].upper(), patient.age_years]
            cells = [_CELLS[visit.findings[finding]] for finding in COLUMNS]
            rows.writerow([*who, visit.spacing_mm, *cells, visit.report])
    path.write_bytes(text.getvalue().encode())
