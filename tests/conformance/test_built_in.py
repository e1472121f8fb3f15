"""Every converter of ours passes the kit, on the phantom clinic, on arrays written here, or on real files."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from ruamel.yaml import YAML

from medloom.converters.phantom.clinic import FOLDERS, write_clinic
from medloom.converters.registry import converter_names
from medloom.flows.kit.conform import conform, render

CARDS = Path(__file__).parents[2] / "catalogs/sources"
SHIPPED = {
    "bids": ("phantom_bids", "mr_bids"),
    "class_folders": ("phantom_skin", "derm_class_folders"),
    "joined": ("phantom_xray", "xray_coco"),
    "mask_pairs": ("phantom_smears", "cells_colour"),
    "msd": ("phantom_ct", "ct_msd"),
    "nifti_classes": ("phantom_mr", "mr_per_class"),
    "pascal_voc": ("phantom_voc", "cells_voc"),
    "yolo": ("phantom_yolo", "cells_yolo"),
    "nifti_pairs": ("sct_spinal_cord", "real:sct_testing"),
    "openi": ("openi_reports", "real:openi_reports"),
    "vqa_table": ("vqa_med_2019", "real:vqa_json_noimages/VQA-Med-2019"),
    "npz": ("pneumoniamnist", "arrays"),
    "picture_texts": ("roco_v2", "captions"),
    "clips": ("pocus_lus", "real:pocus_lus"),
}
"""By converter: a card that ships, and a folder of the clinic, of the real data, or written below."""
ONE_HOT = ["Nodule", "Effusion", "Cardiomegaly", "Consolidation", "Pneumothorax"]
OURS = {
    "coco": ("xray_coco", {"annotations": ["annotations/annotations.json"], "picture": "{file_name}"}),
    "csv_labels": ("xray_coco", {"tables": ["labels.csv"], "picture": "{image}", "one_hot": ONE_HOT}),
    "csv_boxes": ("boxes", {"tables": ["boxes.csv"], "picture": "{file}", "box": list("abcd"), "label": "name"}),
    "clip_files": ("us_clips", {"clips": r"clips/P\d+_[LR]\.(?:gif|avi)"}),
    "dicom_pictures": ("ct_dicom", {"states": []}),
    "dicom_series": ("ct_dicom", {"states": [], "segments": False}),
    "hdf5": ("arrays", {"files": r".+\.h5", "array": "(?P<split>train|test)/volumes", "spacing_mm": [1.0, 1.0]}),
    "tiff_stack": ("arrays", {"files": r".+\.tif", "pages": "pictures"}),
}
"""By converter: a folder, and the parameters of a card written here."""
NEEDS_MORE = {
    "vqa_slake": "tests/converters/formats/test_conformance.py reads its card on files written there",
}


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_clinic(tmp_path_factory.mktemp("clinic"), seed=11, patients=3).root
    draw = np.random.default_rng(1)
    arrays = root / "arrays"
    arrays.mkdir()
    pictures = draw.integers(0, 255, (3, 28, 28), np.uint8)
    labels = np.array([[0], [1], [1]])
    np.savez(
        arrays / "pneumoniamnist.npz", train_images=pictures, train_labels=labels, test_images=pictures[::-1],
        test_labels=labels[::-1],
    )  # fmt: skip
    with h5py.File(arrays / "volumes.h5", "w") as file:
        for split in ("train", "test"):
            file[f"{split}/volumes"] = draw.integers(0, 200, (2, 8, 24, 20), np.uint8)
    tifffile.imwrite(arrays / "pages.tif", draw.integers(0, 255, (4, 40, 60), np.uint8), photometric="minisblack")
    captions = root / "captions"
    for split in ("train", "valid", "test"):
        (captions / split).mkdir(parents=True)
        lines = ["ID,Caption"]
        for number, path in enumerate(sorted((root / "derm_class_folders").rglob("*_a.jpg"))[:2]):
            shutil.copy(path, captions / split / f"ROCOv2_{split}_{number}.jpg")
            lines.append(f'ROCOv2_{split}_{number},"A lesion of the skin, number {number}."')
        (captions / f"{split}_captions.csv").write_text("\n".join(lines) + "\n")
    boxes = root / "boxes"
    boxes.mkdir()
    with (boxes / "boxes.csv").open("w", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(["file", "name", *"abcd"])
        for number, path in enumerate(sorted((root / "xray_coco/images").iterdir())[:4]):
            shutil.copy(path, boxes)
            table.writerow([path.name, "nodule", 300, 200 + number, 330, 240])
    return root


@pytest.fixture
def place(request: pytest.FixtureRequest, clinic: Path):
    def find(folder: str) -> Path:
        if folder.startswith("real:"):
            return request.getfixturevalue("data_dir") / folder.removeprefix("real:")
        return clinic / folder

    return find


def conforms(name: str, root: Path, card: Path) -> None:
    ((fixture, findings),) = conform(name, root, card)
    assert not any(one.faults for one in findings), render(fixture, findings)


SLOW = {"clips": pytest.mark.slow}
"""Real ultrasound, whose every frame is searched for burned-in text, some forty times over: a minute."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW.get(name, ())) for name in sorted(SHIPPED)])
def test_by_a_card_that_ships(name: str, place) -> None:
    card, folder = SHIPPED[name]
    conforms(name, place(folder), CARDS / f"{card}.yaml")


@pytest.mark.parametrize("name", sorted(OURS))
def test_by_a_card_written_here(name: str, place, tmp_path: Path) -> None:
    folder, params = OURS[name]
    known = FOLDERS.get(folder)
    card = {
        "source": "ours", "title": "Ours", "licence": "CC0-1.0", "citation": "Written in a test.", "verified": "layout",
        "modality": known.modality if known else "other", "converter": name, "params": params, "phantom": True,
        "labels": known.labels if known else {"nodule": "lung_nodule"},
        "patient": {"match": known.patient} if known else "unknown",
    }  # fmt: skip
    with (tmp_path / "ours.yaml").open("w") as handle:
        YAML().dump(card, handle)
    conforms(name, place(folder), tmp_path / "ours.yaml")


def test_no_converter_is_left_out() -> None:
    assert {*SHIPPED, *OURS, *NEEDS_MORE} == set(converter_names())
