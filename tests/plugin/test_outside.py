"""An outside package adds a converter, a task and a filter by entry point, and a corpus is built with all three."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

CARD = """\
source: lines
title: Blood cells by the line
licence: MIT
citation: Nobody.
modality: microscopy
converter: outside_lines
patient: {column: patient}
labels: {RBC: red_blood_cell, WBC: white_blood_cell}
exhaustive: {regions: true}
verified: real
"""
CATALOG = """\
corpus: outside
version: 1.0.0
release: {licence: MIT, to: public}
sources: [{use: lines, path: data}]
tasks: [outside.half, counting.boxes]
filters: [structure, geometry, outside_landscape, prompt_answer]
"""


@pytest.fixture
def shop(outside, data_dir: Path, tmp_path: Path):
    """A folder with a catalog, a card, and eight pictures of blood with boxes, one of them turned on its side."""
    import cv2

    pictures = sorted((data_dir / "bccd_voc/BCCD/JPEGImages").glob("*.jpg"))[:8]
    (tmp_path / "data").mkdir()
    (tmp_path / "sources").mkdir()
    lines = []
    for number, picture in enumerate(pictures):
        copy = tmp_path / "data" / picture.name
        shutil.copy(picture, copy)
        if number == 3:
            cv2.imwrite(str(copy), cv2.rotate(cv2.imread(str(copy)), cv2.ROTATE_90_CLOCKWISE))
        boxes = [{"name": "WBC", "box": [20, 30, 200, 180]}, {"name": "RBC", "box": [300, 250, 400, 340]}]
        lines.append({"picture": picture.name, "patient": f"p{number // 2}", "boxes": boxes[: 1 + number % 2]})
    lines.append({"picture": "missing.jpg", "patient": "p9", "boxes": []})
    (tmp_path / "data/index.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    (tmp_path / "sources/lines.yaml").write_text(CARD)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    return tmp_path


def test_a_corpus_is_built_with_what_came_from_outside(outside, shop: Path) -> None:
    assert outside.run("medloom", "check", "catalog.yaml", cwd=shop).returncode == 0
    done = outside.run("medloom", "build", "catalog.yaml", "--out", "corpus", "--workers", "2", cwd=shop)
    assert done.returncode == 0, done.stderr
    lineage = pl.read_parquet(shop / "corpus/lineage.parquet")
    assert set(lineage["task"]) == {"outside.half", "counting.boxes"}
    dropped = lineage.filter(pl.col("filter").is_not_null())
    assert set(dropped["filter"]) == {"outside_landscape"} and dropped["sample"].n_unique() == 1
    lost = pl.read_parquet(shop / "corpus/quarantine.parquet")
    assert lost["reason"].to_list() == ["missing_file"]
    lock = json.loads((shop / "corpus/corpus.lock.json").read_text())
    assert lock["tasks"]["outside.half"]["version"] == "1"
    assert [one["name"] for one in lock["filters"]][2] == "outside_landscape"
    asked = pl.read_parquet(shop / "corpus/data/vqa/*.parquet")["records"].explode()
    answers = {one["answer"]["text"] for one in asked.to_list() if one["task"] == "outside.half"}
    assert answers <= {"upper half", "lower half"} and answers
    told = outside.run("medloom", "trace", lineage["id"][0], "--out", "corpus", cwd=shop).stdout
    assert "index.jsonl" in told


def test_here_nobody_knows_of_it(shop: Path) -> None:
    from medloom.flows.check import check, render_problems

    assert "no converter 'outside_lines' is installed" in render_problems(check(shop / "catalog.yaml"))


def test_the_kit_holds_it_to_the_rules(outside, shop: Path) -> None:
    arguments = ["conform", "outside_lines", "--fixture", "data", "--card", "sources/lines.yaml"]
    done = outside.run("medloom", *arguments, cwd=shop)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = (shop / "sources/lines.yaml").read_text().replace("RBC: red_blood_cell, ", "")
    (shop / "sources/lines.yaml").write_text(broken)
    done = outside.run("medloom", *arguments, cwd=shop)
    assert done.returncode == 1 and "✗ labels" in done.stdout and "'RBC'" in done.stdout
