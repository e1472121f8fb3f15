"""Radiographs with their COCO annotations and table, read by pycocotools and csv, against the truth."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from medloom.converters.phantom.chest import Chest
from medloom.converters.phantom.clinic import Clinic
from medloom.converters.phantom.course import COURSES, patients
from medloom.converters.phantom.film import film
from medloom.converters.phantom.film_folder import CATEGORIES, COLUMNS
from medloom.converters.phantom.truth import FilmObject, VisitTruth
from medloom.converters.pixels.phash import hamming, phash


@pytest.fixture(scope="module")
def coco(root: Path) -> COCO:
    return COCO(str(root / "xray_coco" / "annotations" / "annotations.json"))


def objects(clinic: Clinic) -> Iterator[tuple[VisitTruth, FilmObject]]:
    for patient in clinic.truth.patients:
        for visit in patient.visits:
            for one in visit.objects:
                yield visit, one


def test_pictures_have_the_size_that_coco_says_and_are_bright_and_dark(clinic: Clinic, coco: COCO) -> None:
    formats = set()
    for image in coco.dataset["images"]:
        picture = cv2.imread(str(clinic.root / "xray_coco" / image["file_name"]), cv2.IMREAD_UNCHANGED)
        assert picture.shape == (image["height"], image["width"])
        assert picture.dtype == np.uint8
        assert np.percentile(picture, 5) < 70
        assert np.percentile(picture, 95) > 180
        formats.add(image["file_name"][-4:])
    assert formats == {".jpg", ".png"}


def test_boxes_contain_their_masks_and_touch_them(clinic: Clinic, coco: COCO) -> None:
    forms = set()
    for _, one in objects(clinic):
        annotation = coco.anns[one.annotation]
        assert coco.cats[annotation["category_id"]]["name"] == CATEGORIES[one.concept]
        x, y, width, height = annotation["bbox"]
        assert (x, y, x + width, y + height) == one.box
        forms.add(type(annotation["segmentation"]))
        mask = coco.annToMask(annotation)
        rows, columns = np.nonzero(mask)
        assert x <= columns.min() <= x + 1
        assert y <= rows.min() <= y + 1
        assert x + width - 1 <= columns.max() + 1 <= x + width
        assert y + height - 1 <= rows.max() + 1 <= y + height
        assert mask.sum() == pytest.approx(one.area_px, rel=0.02, abs=12)
        assert annotation["area"] == one.area_px
    assert forms == {list, dict}
    assert len(coco.anns) == len(list(objects(clinic)))


def test_the_patients_left_is_on_the_right_of_the_film(clinic: Clinic) -> None:
    for visit, one in objects(clinic):
        middle = (one.box[0] + one.box[2]) / 2
        if one.concept in ("lung_left", "lung_right"):
            assert one.side == one.concept.removeprefix("lung_")
            assert (middle > visit.size[0] / 2) == (one.side == "left")
        if one.lesion is not None:
            lung = next(other for other in visit.objects if other.concept == f"lung_{one.side}")
            assert lung.box[0] <= one.box[0] < one.box[2] <= lung.box[2]


def test_nodules_are_as_large_as_their_shadow_and_stand_out(clinic: Clinic) -> None:
    seen = 0
    for visit, one in objects(clinic):
        if one.lesion is None:
            continue
        seen += 1
        ellipse = math.pi / 4 * one.lesion.long_axis_mm * one.lesion.short_axis_mm / visit.spacing_mm**2
        assert one.area_px == pytest.approx(ellipse, rel=0.05)
        x0, y0, x1, y1 = one.box
        reach = math.hypot(x1 - x0, y1 - y0) * visit.spacing_mm
        assert one.lesion.long_axis_mm / 1.5 < reach < one.lesion.long_axis_mm * math.sqrt(2) + 2
        picture = cv2.imread(str(clinic.root / visit.film), cv2.IMREAD_GRAYSCALE).astype(float)
        far = 2 * max(x1 - x0, y1 - y0)
        around = picture[max(0, y0 - far) : y1 + far, max(0, x0 - far) : x1 + far]
        assert picture[y0 + 3 : y1 - 3, x0 + 3 : x1 - 3].mean() > np.median(around) + 10
    assert seen >= 6


def test_the_heart_is_large_only_where_the_truth_says(clinic: Clinic, coco: COCO) -> None:
    """The ratio is measured again from the COCO masks."""
    for patient in clinic.truth.patients:
        for visit in patient.visits:
            masks = {one.concept: coco.annToMask(coco.anns[one.annotation]).any(axis=0) for one in visit.objects}
            heart = np.nonzero(masks["heart"])[0]
            chest = np.nonzero(np.logical_or.reduce(list(masks.values())))[0]
            ratio = (heart[-1] - heart[0] + 1) / (chest[-1] - chest[0] + 1)
            assert ratio == pytest.approx(visit.cardiothoracic_ratio, abs=0.01)
            assert (visit.findings["cardiomegaly"] == "present") == (ratio > 0.5)


def test_what_is_present_is_marked_and_nothing_else(clinic: Clinic) -> None:
    for patient in clinic.truth.patients:
        for visit in patient.visits:
            marked = {one.concept for one in visit.objects} - {"lung_left", "lung_right", "heart"}
            present = {name for name, state in visit.findings.items() if state == "present"} - {"cardiomegaly"}
            assert marked == present


def test_changes_follow_from_the_sizes(clinic: Clinic) -> None:
    classes = set()
    for patient in clinic.truth.patients:
        for before, after in zip(patient.visits, patient.visits[1:], strict=False):
            assert after.interval_days == after.day - before.day > 0
            sizes = [
                {one.key: one.lesion.long_axis_mm for one in visit.objects if one.lesion} for visit in (before, after)
            ]
            changes = {one.key: one for one in after.changes if one.concept == "lung_nodule"}
            assert set(changes) == {*sizes[0], *sizes[1]}
            for key, change in changes.items():
                classes.add(change.change)
                old, new = sizes[0].get(key), sizes[1].get(key)
                assert (change.before_mm, change.after_mm) == (pytest.approx(old), pytest.approx(new))
                expected = (
                    "new" if old is None else "gone" if new is None
                    else "grown" if new > 1.2 * old else "shrunk" if new < 0.8 * old else "same"
                )  # fmt: skip
                assert change.change == expected
    assert classes == {"new", "gone", "grown", "shrunk", "same"}


def test_no_two_films_are_near_duplicates(clinic: Clinic) -> None:
    """They share an anatomy, but must not look so alike that a filter of near-duplicates takes one for another."""
    films = [visit.film for patient in clinic.truth.patients for visit in patient.visits]
    hashes = np.array([phash(cv2.imread(str(clinic.root / film), cv2.IMREAD_GRAYSCALE)) for film in films], np.uint64)
    apart = hamming(hashes[:, None], hashes[None]) + 64 * np.eye(len(films), dtype=int)
    assert apart.min() > 4


def test_the_table_says_what_the_truth_says(clinic: Clinic) -> None:
    with (clinic.root / "xray_coco" / "labels.csv").open(newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    cells = set()
    visits = [(patient, visit) for patient in clinic.truth.patients for visit in patient.visits]
    assert len(rows) == len(visits)
    for patient, visit in visits:
        row = rows[visit.film.removeprefix("xray_coco/")]
        assert (row["patient"], row["visit"], int(row["day"])) == (patient.key, visit.key, visit.day)
        assert (row["sex"], int(row["age"]), row["view"]) == (patient.sex[0].upper(), patient.age_years, visit.view)
        assert float(row["spacing_mm"]) == visit.spacing_mm
        assert row["report"] == visit.report
        for finding, column in COLUMNS.items():
            assert {"1": "present", "0": "absent", "-1": "uncertain", "": "not_stated"}[row[column]] == visit.findings[
                finding
            ]
            cells.add(row[column])
    assert {"1", "0", ""} <= cells


@pytest.mark.parametrize("number", [5, 8, 9, 12, 13])
def test_effusions_and_consolidations_of_the_larger_clinic(number: int) -> None:
    """The courses that four patients don't reach: their masks are there, on the right side, and apart."""
    patient = patients(3, 16)[number]
    chest = Chest.of(patient, 3)
    course = COURSES[number]
    for visit in range(course.visits):
        shown = film(chest, visit, 3, portable=True)
        assert all(mask.any() for mask in shown.masks.values())
        keys = {key.rsplit("-", 2)[1]: key for key in shown.masks if key.startswith(patient.key)}
        assert ("effusion" in keys) == (patient.states("pleural_effusion", visit) == "present")
        assert ("consolidation" in keys) == (patient.states("consolidation", visit) == "present")
        if "effusion" in keys:
            side = keys["effusion"].rsplit("-", 1)[1]
            fluid = shown.masks[keys["effusion"]]
            assert not (fluid & shown.masks[f"lung_{side}"]).any()
            lung = shown.masks[f"lung_{side}"]
            assert shown.picture[fluid].mean() > shown.picture[lung].mean() + 30
            assert 100_000 < shown.volumes_mm3[keys["effusion"]] < 1_500_000


def test_every_course_is_uncertain_or_silent_only_where_it_is_not_present() -> None:
    states = {
        patient.states(name, visit)
        for patient in patients(1, 16)
        for visit in range(patient.course.visits)
        for name in COLUMNS
    }
    assert states == {"present", "absent", "uncertain", "not_stated"}
    for patient in patients(1, 16):
        last = patient.course.visits - 1
        for name in (*patient.course.uncertain, *patient.course.silent):
            assert patient.states(name, last) in ("uncertain", "not_stated")
