"""What holds of every source whose card ships, real or phantom."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from ruamel.yaml import YAML

from medloom.converters.phantom.clinic import write_clinic
from medloom.converters.registry import load_converter
from medloom.schemas.card import PatientRule, SourceCard
from medloom.schemas.sample import Refusal, Sample

CARDS = Path(__file__).parents[3] / "catalogs/sources"
NAMES = sorted(path.stem for path in CARDS.glob("*.yaml"))
PLACES = {
    "totalseg_dicom": "totalseg_ref", "open_ms_long": "open_ms_long_p12",
    "totalseg_ct": "totalseg_ref", "totalseg_ct_classes": "totalseg_ref", "totalseg_mr": "totalseg_ref",
    "sct_spinal_cord": "sct_testing", "phantom_ct": "ct_msd", "phantom_mr": "mr_per_class", "phantom_xray": "xray_coco",
    "phantom_bids": "mr_bids", "phantom_clips": "us_clips", "phantom_queries": "queries", "phantom_reports": "reports",
    "phantom_skin": "derm_class_folders", "phantom_nuclei": "cells_masks", "phantom_smears": "cells_colour",
    "phantom_voc": "cells_voc", "phantom_yolo": "cells_yolo", "path_vqa": "vqa_json_noimages/PathVQA",
    "vqa_med_2019": "vqa_json_noimages/VQA-Med-2019",
}  # fmt: skip


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    return write_clinic(tmp_path_factory.mktemp("clinic"), seed=11, patients=3).root


@pytest.fixture
def root(name, request, card_files, tree):
    if name in card_files:
        return tree(card_files[name])
    if name.startswith("phantom_"):
        return request.getfixturevalue("clinic") / PLACES[name]
    if name == "pydicom_samples":
        return Path(pydicom.__file__).parent / "data/test_files"
    return request.getfixturevalue("data_dir") / PLACES.get(name, name)


@pytest.fixture
def card(name):
    return SourceCard.model_validate(YAML(typ="safe").load((CARDS / f"{name}.yaml").read_text("utf-8")))


def listed(card, root):
    found = list(load_converter(card.converter).samples(root, card))
    return [one for one in found if isinstance(one, Sample)], [one for one in found if isinstance(one, Refusal)]


def times(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_whole(name, card):
    assert card.source == name
    assert card.phantom == name.startswith("phantom_")
    load_converter(card.converter).Params.model_validate(card.params)
    assert load_converter(card.converter).gives(card) or name == "pillow_messy"  # which is a photograph, and no more
    assert card.phantom or card.get


@pytest.mark.parametrize("name", NAMES)
def test_a_second_listing_is_the_same_and_nothing_is_written(card, root):
    before = times(root)
    first = listed(card, root)
    assert first[0]
    assert first == listed(card, root)
    assert times(root) == before


@pytest.mark.parametrize("name", NAMES)
def test_keys_patients_and_splits(card, root):
    samples, refusals = listed(card, root)
    assert len({one.key for one in samples}) == len(samples)
    whole = [one for one in refusals if not one.part]
    assert len(whole) <= card.max_refused * (len(whole) + len(samples))
    if card.patient == "unknown":
        assert {one.patient for one in samples} == {None}
    elif not (isinstance(card.patient, PatientRule) and card.patient.column == "PatientID"):  # which may be empty
        assert None not in {one.patient for one in samples}
    splits: dict[str, set[str | None]] = {}
    for one in samples:
        splits.setdefault(one.patient or one.key, set()).add(one.split)
    assert all(len(found) == 1 for found in splits.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_the_cards_and_every_file_is_there(card, root):
    for one in listed(card, root)[0]:
        names = {label.name for label in one.labels} | {
            region.name for region in one.regions if region.name is not None
        }
        names |= {name.name for region in one.regions for name in region.names}
        names |= {name.name for points in one.landmark_maps for name in points.names}
        assert {*names, *one.complete_labels, *one.complete_regions} <= set(card.labels)
        files = [file for media in one.media for file in media.files]
        files += [region.file for region in one.regions if region.file] + [points.file for points in one.landmark_maps]
        assert all((root / file).is_file() for file in files)
        pointers = [region.pointer for region in one.regions] + [label.pointer for label in one.labels]
        assert all((root / pointer.partition("#")[0]).exists() for pointer in pointers)


@pytest.mark.parametrize("name", NAMES)
def test_regions_lie_on_their_media(card, root):
    for one in listed(card, root)[0]:
        keys = {media.key for media in one.media}
        assert len(keys) == len(one.media)
        assert {*(region.media for region in one.regions), *(points.media for points in one.landmark_maps)} <= keys
        size = one.media[0].size if one.media else None
        for region in one.regions:
            if region.box is not None and size is not None:
                x0, y0, x1, y1 = region.box
                assert 0 <= x0 < x1 <= size[0]
                assert 0 <= y0 < y1 <= size[1]
