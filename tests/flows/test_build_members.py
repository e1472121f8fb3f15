"""Whole builds over questions and arrays: what is missing is told, what is there is asked in the source's own words."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import h5py
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import tifffile

from medloom.flows.run import run_build

CATALOG = """\
corpus: members
version: 1.0.0
release: {{licence: LicenseRef-Internal-Use, to: private}}
sources:
  - {{use: omnimedvqa, path: omni}}
  - {{use: path_vqa, path: "{paths}/PathVQA"}}
  - {{use: vqa_med_2019, path: "{paths}/VQA-Med-2019"}}
  - {{use: pneumoniamnist, path: arrays}}
  - {{use: made_h5, path: arrays}}
  - {{use: made_slide, path: arrays, views: {{tiles: {{size: 128, per_picture: 2}}}}}}
tasks: [caption, question.given, vqa.closed, grounding.box]
filters: [structure, geometry, image, text, prompt_answer]
"""
CARD = "title: Made\nlicence: CC0-1.0\ncitation: none\nget: made\npatient: unknown\nverified: layout\n"
HDF5 = """source: made_h5
modality: microscopy
converter: hdf5
params: {files: "cells\\\\.h5", array: x, masks: [{array: mask, name: cell, instance: true}]}
labels: {cell: platelet}
exhaustive: {regions: true}
"""
SLIDE = """source: made_slide
modality: histopathology
anatomy: tissue
converter: tiff_stack
params: {files: ".+\\\\.ome\\\\.tif", pages: slide}
"""


def blurred(seed: int, shape: tuple[int, int]) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(128, 120, shape)
    return cv2.GaussianBlur(noise, (0, 0), 2.5).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    folder = tmp_path_factory.mktemp("members")
    (folder / "sources").mkdir()
    (folder / "sources" / "made_h5.yaml").write_text(HDF5 + CARD)
    (folder / "sources" / "made_slide.yaml").write_text(SLIDE + CARD)
    (folder / "catalog.yaml").write_text(CATALOG.format(paths=data_dir / "vqa_json_noimages"))
    _omni(folder / "omni")
    _arrays(folder / "arrays")
    run_build(folder / "catalog.yaml", folder / "corpus")
    return folder / "corpus"


def _omni(root: Path) -> None:
    pictures = root / "Images" / "malignant_melanoma"
    pictures.mkdir(parents=True)
    rows = []
    for number in range(6):
        cv2.imwrite(str(pictures / f"{number}.png"), blurred(number, (120, 150)))
        rows.append(
            {
                "question_id": f"q{number}", "question": "Which modality is this?",
                "question_type": "Modality Recognition", "gt_answer": "Dermoscopy",
                "image_path": f"Images/malignant_melanoma/{number}.png", "option_A": "MRI",
                "option_B": "Dermoscopy", "modality_type": "Dermoscopy",
            }
        )  # fmt: skip
    table = root / "QA_information" / "Open-access" / "x.json"
    table.parent.mkdir(parents=True)
    table.write_text(json.dumps(rows))


def _arrays(root: Path) -> None:
    root.mkdir()
    data = io.BytesIO()
    arrays: dict[str, np.ndarray] = {}
    for at, (split, count) in enumerate((("train", 5), ("val", 2), ("test", 2))):
        arrays[f"{split}_images"] = np.stack([blurred(100 * at + n + 10, (128, 128)) for n in range(count)])
        arrays[f"{split}_labels"] = (np.arange(count) % 2)[:, None]
    np.savez_compressed(data, **arrays)
    (root / "pneumoniamnist_128.npz").write_bytes(data.getvalue())
    with h5py.File(root / "cells.h5", "w") as file:
        file["x"] = np.stack([blurred(500 + n, (96, 96)) for n in range(4)])
        masks = np.zeros((4, 96, 96), np.uint8)
        masks[:, 20:40, 30:60] = 1
        file["mask"] = masks
    slide = np.full((512, 640, 3), 245, np.uint8)
    slide[100:400, 100:400] = cv2.applyColorMap(blurred(900, (300, 300)), cv2.COLORMAP_JET)
    tifffile.imwrite(root / "a.ome.tif", slide, tile=(128, 128), photometric="rgb", metadata={"axes": "YXS"})


def kept(built: Path) -> pl.DataFrame:
    return pl.read_parquet(built / "lineage.parquet").filter(pl.col("filter").is_null())


def test_every_source_gives_what_it_has(built: Path) -> None:
    counts = dict(kept(built).group_by("source").agg(pl.col("sample").n_unique()).iter_rows())
    assert counts == {"omnimedvqa": 6, "pneumoniamnist": 9, "made_h5": 4, "made_slide": 1}
    given = kept(built).filter(pl.col("task") == "question.given")
    assert given["source"].unique().to_list() == ["omnimedvqa"]
    assert given["evidence"].explode().struct.field("source_name").unique().to_list() == [
        "Modality Recognition (template)"
    ]


def test_missing_pictures_are_told_one_by_one(built: Path) -> None:
    told = pl.read_parquet(built / "quarantine.parquet").group_by("source", "reason").len()
    assert sorted(told.iter_rows()) == [
        ("path_vqa", "missing_picture", 400), ("path_vqa", "repeated_question", 10),
        ("vqa_med_2019", "missing_picture", 500),
    ]  # fmt: skip


def test_folders_that_name_the_class_reach_no_text(built: Path) -> None:
    for shard in (built / "data").rglob("*.parquet"):
        for row in pq.read_table(shard, columns=["records"]).to_pylist():
            for record in row["records"]:
                said = json.dumps([record[part] for part in ("turns", "options", "answer", "texts", "reason")])
                assert "melanoma" not in said


def test_published_splits_of_an_archive(built: Path) -> None:
    splits = kept(built).filter(pl.col("source") == "pneumoniamnist").group_by("split").agg(pl.col("sample").n_unique())
    assert dict(splits.iter_rows()) == {"train": 5, "validation": 2, "test": 2}
