"""Phantoms are read as what they are: every count, box, side and day against the truth that was written with them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from medloom.converters.phantom.clinic import write_clinic
from medloom.converters.registry import load_converter
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Refusal, Sample
from medloom.synthesis.evidence.claims import claims_of

CARDS = Path(__file__).parents[3] / "catalogs/sources"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    return write_clinic(tmp_path_factory.mktemp("clinic"), seed=5, patients=5)


@pytest.fixture
def listed(clinic):
    def run(name, folder):
        text = (CARDS / f"phantom_{name}.yaml").read_text("utf-8")
        card = SourceCard.model_validate(YAML(typ="safe").load(text))
        found = list(load_converter(card.converter).samples(clinic.root / folder, card))
        refusals = [one for one in found if isinstance(one, Refusal)]
        return card, {one.media[0].files[0]: one for one in found if isinstance(one, Sample)}, refusals

    return run


@pytest.mark.parametrize(
    ("name", "folder"),
    [("nuclei", "cells_masks"), ("smears", "cells_colour"), ("voc", "cells_voc"), ("yolo", "cells_yolo")],
)
def test_cells(clinic, listed, name, folder):
    card, samples, refusals = listed(name, folder)
    truths = {one.file.removeprefix(f"{folder}/"): one for one in clinic.truth.pictures if one.source == folder}
    assert set(samples) == set(truths)
    assert not refusals
    for file, truth in truths.items():
        one = samples[file]
        assert one.split == truth.split or folder in ("cells_masks", "cells_colour")
        if folder == "cells_colour":
            assert {card.labels[name.name] for name in one.regions[0].names} >= set(truth.counts)
            continue
        assert Counter(card.labels[region.name] for region in one.regions) == Counter(truth.counts)
        if folder == "cells_masks":
            assert {f"{folder}/{region.file}" for region in one.regions} == {cell.mask for cell in truth.objects}
        else:
            found = sorted((card.labels[region.name], *region.box) for region in one.regions)
            expected = sorted((cell.concept, *cell.box) for cell in truth.objects)
            assert [row[0] for row in found] == [row[0] for row in expected]
            for left, right in zip(found, expected, strict=True):
                assert left[1:] == pytest.approx(right[1:], abs=0.01)


def test_radiographs(clinic, listed):
    card, samples, refusals = listed("xray", "xray_coco")
    assert not refusals
    visits = {
        visit.film.removeprefix("xray_coco/"): (patient, visit)
        for patient in clinic.truth.patients
        for visit in patient.visits
    }
    assert set(samples) == set(visits)
    for file, (patient, visit) in visits.items():
        one = samples[file]
        assert (one.patient, one.visit.day, one.acquisition.view) == (patient.key, visit.day, visit.view)
        assert (one.acquisition.sex, one.acquisition.age_years) == (patient.sex, patient.age_years)
        assert (one.media[0].size, one.acquisition.spacing_mm) == (visit.size, (visit.spacing_mm, visit.spacing_mm))
        stated = {card.labels[label.name]: label.polarity for label in one.labels}
        assert stated == {concept: state for concept, state in visit.findings.items() if state != "not_stated"}
        assert Counter(card.labels[region.name] for region in one.regions) == Counter(
            item.concept for item in visit.objects
        )
        assert {region.pointer.rpartition("=")[2] for region in one.regions} == {
            str(item.annotation) for item in visit.objects
        }
        assert [text.body for text in one.texts] == [visit.report.strip()]


def test_volumes(clinic, listed):
    for name, folder in (("ct", "ct_msd"), ("mr", "mr_per_class")):
        card, samples, refusals = listed(name, folder)
        assert not refusals
        truths = {one.files[0].removeprefix(f"{folder}/"): one for one in clinic.truth.volumes if one.source == folder}
        assert set(samples) == set(truths)
        for file, truth in truths.items():
            one = samples[file]
            assert (one.patient, one.split) == (truth.patient, truth.split)
            if truth.labels is None:
                assert (one.regions, one.complete_regions) == ((), ())
                continue
            assert {card.labels[name] for name in one.complete_regions} == set(card.labels.values())
            for region in one.regions:
                assert f"{folder}/{region.file}".startswith(truth.labels)
            if folder == "ct_msd":
                named = {(name.value, name.name) for name in one.regions[0].names}
                assert {(item.value, item.name) for item in truth.objects} <= named


def test_skin(clinic, listed):
    card, samples, refusals = listed("skin", "derm_class_folders")
    planted = {one.file for one in clinic.truth.defects if one.caught_by == "list"}
    assert {f"derm_class_folders/{one.file}" for one in refusals} == planted
    for truth in clinic.truth.pictures:
        if truth.source == "derm_class_folders":
            one = samples[truth.file.removeprefix("derm_class_folders/")]
            assert (one.patient, one.split) == (truth.patient, truth.split)
            assert [card.labels[label.name] for label in one.labels] == [truth.concept]


def test_clips_with_what_is_said(clinic, listed):
    _, samples, refusals = listed("clips", "us_clips")
    assert not refusals
    truths = {one.files[0].removeprefix("us_clips/"): one for one in clinic.truth.clips if len(one.files) == 1}
    assert set(samples) == set(truths)
    for file, truth in truths.items():
        one = samples[file]
        assert one.patient == truth.patient
        assert one.texts[-1].end_s == pytest.approx(truth.frames / truth.frames_per_second)
        assert {text.kind for text in one.texts} == {"transcript"}


def test_queries_of_patients(clinic, listed):
    card = SourceCard.model_validate(YAML(typ="safe").load((CARDS / "phantom_queries.yaml").read_text("utf-8")))
    samples = list(load_converter(card.converter).samples(clinic.root / "queries", card))
    assert {one.patient: one.texts[0].body for one in samples} == {
        one.patient: one.text for one in clinic.truth.queries
    }
    for truth in clinic.truth.queries:
        claims = {claim.term: claim for claim in claims_of(truth.text).claims if claim.sort == "finding"}
        assert {term for term, claim in claims.items() if claim.stance == "present"} == set(truth.present)
        assert {term for term, claim in claims.items() if claim.stance == "absent"} == set(truth.absent)
        sides = {side for claim in claims.values() for side in claim.sides}
        assert sides == ({truth.side} if truth.side else set())
        assert (float(truth.days), "days") in {(one.value, one.unit) for one in claims_of(truth.text).numbers}
