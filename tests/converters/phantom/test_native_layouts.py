"""The converters read every folder of the clinic with the cards that ship, and find what the truth says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from medloom.converters.phantom.clinic import FOLDERS, Clinic
from medloom.converters.registry import load_converter
from medloom.flows.check import load_card
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Refusal, Sample

CARDS = {
    "ct_msd": "phantom_ct", "mr_per_class": "phantom_mr", "xray_coco": "phantom_xray",
    "derm_class_folders": "phantom_skin", "cells_masks": "phantom_nuclei", "cells_colour": "phantom_smears",
    "cells_voc": "phantom_voc", "cells_yolo": "phantom_yolo", "mr_bids": "phantom_bids",
}  # fmt: skip


def read(root: Path, folder: str) -> tuple[SourceCard, list[Sample], list[Refusal]]:
    card = load_card(CARDS[folder])
    found = list(load_converter(card.converter).samples(root / folder, card))
    return card, [one for one in found if isinstance(one, Sample)], [one for one in found if isinstance(one, Refusal)]


@pytest.mark.parametrize("folder", CARDS)
def test_a_card_maps_the_names_that_the_folder_uses(folder: str) -> None:
    card = load_card(CARDS[folder])
    assert card.phantom
    assert dict(card.labels) == FOLDERS[folder].labels
    assert card.modality == FOLDERS[folder].modality


@pytest.mark.parametrize("folder", [folder for folder in CARDS if folder != "derm_class_folders"])
def test_nothing_is_refused(root: Path, folder: str) -> None:
    _, samples, refusals = read(root, folder)
    assert refusals == []
    assert len(samples) >= 2


def test_volumes_are_found_with_patients_and_split(clinic: Clinic) -> None:
    for folder in ("ct_msd", "mr_per_class"):
        _, samples, _ = read(clinic.root, folder)
        truth = {one.files[0].removeprefix(f"{folder}/"): one for one in clinic.truth.volumes if one.source == folder}
        assert {sample.media[0].files[0] for sample in samples} == set(truth)
        for sample in samples:
            volume = truth[sample.media[0].files[0]]
            assert sample.patient == volume.patient
            assert sample.split == volume.split
            assert bool(sample.regions) == (volume.labels is not None)


def test_films_carry_regions_labels_visits_and_spacing(clinic: Clinic) -> None:
    card, samples, _ = read(clinic.root, "xray_coco")
    visits = {
        visit.film.removeprefix("xray_coco/"): (person, visit)
        for person in clinic.truth.patients
        for visit in person.visits
    }
    assert {sample.media[0].files[0] for sample in samples} == set(visits)
    for sample in samples:
        person, visit = visits[sample.media[0].files[0]]
        assert (sample.patient, sample.media[0].size) == (person.key, visit.size)
        assert sample.visit is not None
        assert sample.visit.day == visit.day
        assert sample.acquisition.spacing_mm == (visit.spacing_mm, visit.spacing_mm)
        assert (sample.acquisition.view, sample.acquisition.sex) == (visit.view, person.sex)
        regions = Counter(card.labels[region.name or ""] for region in sample.regions)
        assert regions == Counter(one.concept for one in visit.objects)
        stated = {card.labels[label.name]: label.polarity for label in sample.labels}
        assert stated == {name: state for name, state in visit.findings.items() if state != "not_stated"}
        assert [text.body for text in sample.texts] == [visit.report]


def test_skin_gives_samples_but_for_the_file_without_a_byte(clinic: Clinic) -> None:
    card, samples, refusals = read(clinic.root, "derm_class_folders")
    pictures = {one.file.removeprefix("derm_class_folders/"): one for one in clinic.truth.pictures}
    faults = {one.file.removeprefix("derm_class_folders/"): one for one in clinic.truth.defects}
    assert {(one.file, one.reason) for one in refusals} == {
        (file, one.kind) for file, one in faults.items() if one.caught_by == "list"
    }
    seen = {sample.key: sample for sample in samples}
    assert set(seen) == {*pictures, *faults} - {one.file for one in refusals} - {
        file for file, one in pictures.items() if one.source != "derm_class_folders"
    }
    for key, sample in seen.items():
        if key in pictures:
            assert (sample.patient, sample.split) == (pictures[key].patient, pictures[key].split)
            assert [card.labels[label.name] for label in sample.labels] == [pictures[key].concept]


@pytest.mark.parametrize("folder", ["cells_masks", "cells_voc", "cells_yolo"])
def test_cells_are_counted_and_boxed_alike(clinic: Clinic, folder: str) -> None:
    card, samples, _ = read(clinic.root, folder)
    truth = {one.file.removeprefix(f"{folder}/"): one for one in clinic.truth.pictures if one.source == folder}
    assert {sample.media[0].files[0] for sample in samples} == set(truth)
    for sample in samples:
        picture = truth[sample.media[0].files[0]]
        assert sample.split == picture.split
        assert Counter(card.labels[region.name or ""] for region in sample.regions) == Counter(picture.counts)
        assert all(region.instance for region in sample.regions)
        boxes = [region.box for region in sample.regions if region.box is not None]
        for box, part in zip(boxes, picture.objects, strict=False):
            assert box == pytest.approx(part.box, abs=1e-3)
