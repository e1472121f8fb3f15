"""The kit holds a sound converter sound, and catches each mutant with the check that is meant for it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import nibabel
import numpy as np
import pytest

from medloom.converters.registry import load_converter
from medloom.flows.cards import load_card
from medloom.flows.kit.check_bounds import round_trips
from medloom.flows.kit.conform import conform
from medloom.flows.kit.fixture import Fixture
from medloom.flows.kit.trial import try_out

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("conformance_mutants", HERE / "mutants.py")
mutants = importlib.util.module_from_spec(spec)
sys.modules["conformance_mutants"] = mutants
spec.loader.exec_module(mutants)

CASES = [
    {"image": "images/p1_a.png", "split": "train", "labels": ["nodule"], "boxes": [["nodule", [66, 8, 90, 30]]]},
    {"image": "images/p1_b.png", "split": "train", "labels": ["effusion"], "boxes": [["effusion", [10, 40, 50, 62]]]},
    {"image": "images/p2_a.png", "split": "train", "labels": ["nodule", "effusion"]},
    {"image": "images/p3_a.png", "split": "test", "labels": [], "boxes": [["nodule", [70, 34, 95, 60]]]},
    {"image": "volumes/p4_ct.nii.gz", "split": "train", "map": "volumes/p4_map.nii.gz"},
    {"image": "volumes/p5_ct.nii.gz", "split": "test", "map": "volumes/p5_map.nii.gz"},
]
TRUTH = """\
samples: 6
images/p1_a.png: {patient: p1, split: train, labels: {nodule: present}, boxes: {nodule: [[66, 8, 90, 30]]}}
images/p3_a.png: {patient: p3, labels: {}, boxes: {nodule: [[70, 34, 95, 60]]}}
volumes/p4_ct.nii.gz: {masks: {liver: [volumes/p4_map.nii.gz], spleen: [volumes/p4_map.nii.gz]}}
"""
CARD = """\
source: cases
title: Cases
licence: CC0-1.0
citation: Drawn in a test.
modality: ct
anatomy: abdomen
converter: {name}
patient: {{match: "/(p[0-9])_"}}
labels: {{nodule: lung_nodule, effusion: pleural_effusion, liver: liver, spleen: spleen}}
phantom: true
verified: layout
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory):
    """A folder with the fixture, and a package on the path with all the converters as entry points."""
    folder = tmp_path_factory.mktemp("bench")
    draw = np.random.default_rng(3)
    for case in CASES:
        path = folder / "fixture" / case["image"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if "map" not in case:
            path.write_bytes(cv2.imencode(".png", draw.integers(0, 255, (64, 96), np.uint8))[1].tobytes())
            continue
        shape, affine = (20, 24, 6 + int(case["image"][9])), np.diag([2.0, 2, 5, 1])
        labels = np.zeros(shape, np.uint8)
        labels[3:9, 4:12, 2:4], labels[12:16, 10:20, 3:5] = 1, 2
        voxels = (draw.normal(0, 30, shape) + 60 * labels).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
        nibabel.save(nibabel.Nifti1Image(labels, affine), folder / "fixture" / case["map"])
    (folder / "fixture/index.json").write_text(json.dumps(CASES))
    (folder / "fixture/names.json").write_text(json.dumps({"1": "liver", "2": "spleen"}))
    (folder / "truth.yaml").write_text(TRUTH)
    info = folder / "plugin/mutants-1.dist-info"
    info.mkdir(parents=True)
    shutil.copy(HERE / "mutants.py", folder / "plugin/conformance_mutants.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mutants\nVersion: 1\n")
    names = [kind.__name__ for kind in (mutants.Sound, *mutants.MUTANTS)]
    points = "".join(f"mutant_{name.lower()} = conformance_mutants:{name}\n" for name in names)
    (info / "entry_points.txt").write_text(f"[medloom.converters]\n{points}")
    sys.path.insert(0, str(folder / "plugin"))
    load_converter.cache_clear()
    yield folder
    sys.path.remove(str(folder / "plugin"))
    load_converter.cache_clear()


def judged(bench: Path, kind: type, tmp_path: Path, card: str = CARD) -> dict[str, tuple[str, ...]]:
    """What each check says of the converter; None where it found nothing to look at."""
    name = f"mutant_{kind.__name__.lower()}"
    path = tmp_path / "cases.yaml"
    path.write_text(card.format(name=name))
    ((_, findings),) = conform(name, bench / "fixture", path)
    return {one.check.name: one.faults for one in findings if one.skipped is None}


def test_nothing_is_wrong_with_the_sound_one(bench: Path, tmp_path: Path) -> None:
    found = judged(bench, mutants.Sound, tmp_path)
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert len(found) == 20  # every check found something to look at


@pytest.mark.parametrize("kind", mutants.MUTANTS, ids=lambda kind: f"{kind.__name__}-{kind.kills}")
def test_the_kit_catches(bench: Path, tmp_path: Path, kind: type) -> None:
    found = judged(bench, kind, tmp_path)
    assert found.get(kind.kills), {name: faults for name, faults in found.items() if faults}


def test_the_kit_catches_a_card_without_licence_or_citation(bench: Path, tmp_path: Path) -> None:
    card = CARD.replace("CC0-1.0", "LicenseRef-cases-unknown").replace("Drawn in a test.", "' '")
    assert len(judged(bench, mutants.Sound, tmp_path, card)["card"]) == 2


def test_every_check_but_that_of_geometry_kills_a_mutant() -> None:
    from medloom.flows.kit.checks import CHECKS

    names = {check.name for check in CHECKS}
    assert {kind.kills for kind in mutants.MUTANTS} == names - {"card", "affine"}


def test_the_kit_catches_views_that_lead_elsewhere(bench: Path, tmp_path: Path) -> None:
    """What the readers make is held by nibabel's own affine: half a pixel beside it is too much."""
    (tmp_path / "cases.yaml").write_text(CARD.format(name="mutant_sound"))
    card = load_card(tmp_path / "cases.yaml")
    fixture = Fixture("mutant_sound", card, tmp_path / "cases.yaml", bench / "fixture")
    (tmp_path / "scratch").mkdir()
    trial = try_out(fixture, tmp_path / "scratch")
    assert list(round_trips(trial)) == []

    def moved(view, matrix):
        return msgspec.structs.replace(view, to_patient=tuple((np.reshape(view.to_patient, (3, 3)) @ matrix).ravel()))

    for matrix in (np.diag([1.0, 1.0, 1.3]), np.diag([1.1, 1, 1]), [[1, 0, -0.6], [0, 1, 0], [0, 0, 1]]):
        shown = tuple(
            msgspec.structs.replace(one, views=tuple(moved(view, matrix) for view in one.views if view.to_patient))
            for one in trial.first.shown
        )
        assert list(round_trips(replace(trial, first=msgspec.structs.replace(trial.first, shown=shown))))
