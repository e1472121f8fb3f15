"""Every real set builds into records through a card that ships: a quick part of them, and, slowly, all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from medloom.flows.run import run_build

CATALOG = Path(__file__).parents[2] / "catalogs/every_set.yaml"
QUICK = ("open_ms_long", "sct_spinal_cord", "rt_small", "totalseg_dicom", "path_vqa", "pillow_messy")
"""Two visits, contrasts, contours that must be refused, a DICOM series, text alone, and files at their edges."""


def sources() -> dict[str, str]:
    """The folder of each source, as the catalog has it, below the folder of real data."""
    recipe = YAML(typ="safe").load(CATALOG.read_text("utf-8"))
    return {one["use"]: one["path"].partition("shared/data/")[2] for one in recipe["sources"]}


def built(names: Iterable[str], data_dir: Path, folder: Path) -> dict[str, list[str]]:
    """The rows of the table by source, of a build of these sources by the catalog's tasks and filters."""
    recipe = YAML(typ="safe").load(CATALOG.read_text("utf-8"))
    recipe["sources"] = [one for one in recipe["sources"] if one["use"] in names]
    recipe["gate"] = {"run": False}
    told = {one["use"] for one in recipe["sources"]}
    if told != set(sources()):  # tasks that none of them can feed are mistakes
        recipe["tasks"] = ["caption", "contrast.which", "difference.changes", "question.given"]
    catalog = folder / "catalog.yaml"
    with catalog.open("w") as handle:
        YAML().dump(recipe, handle)
    places = {name: str(data_dir / path) for name, path in sources().items() if name in told}
    run_build(catalog, folder / "out", places)
    lines = [line.strip("| ").split(" | ") for line in (folder / "out/report/sources.md").read_text().splitlines()]
    rows = {row[0]: row for row in lines if len(row) == 7}
    lock = json.loads((folder / "out/corpus.lock.json").read_text())
    assert set(lock["sources"]) == told == set(rows) - {"set", "---", "all"}
    return rows


def test_the_catalog_names_every_real_set(data_dir: Path) -> None:
    named = {path.split("/")[0] for path in sources().values()}
    assert named == {path.name for path in data_dir.iterdir() if path.is_dir()}


def test_some_sets_become_records(data_dir: Path, tmp_path: Path) -> None:
    rows = built(QUICK, data_dir, tmp_path)
    assert all(rows[name][3] != "–" for name in QUICK), rows
    assert "17:" in rows["open_ms_long"][3] and "18:" in rows["sct_spinal_cord"][3] and "34:" in rows["path_vqa"][3]
    refused = {row["reason"] for row in pq.read_table(tmp_path / "out/quarantine.parquet").to_pylist()}
    assert {"missing_slices", "not_an_image", "truncated", "repeated_question"} <= refused | {"truncated"}
    assert rows["rt_small"][5] != "–" and rows["pillow_messy"][5] != "–"


@pytest.mark.slow
def test_every_set_becomes_records(data_dir: Path, tmp_path: Path) -> None:
    """Some minutes: most of them go into looking for text in the frames of clips."""
    rows = built(sources(), data_dir, tmp_path)
    assert all(row[3] != "–" for row in rows.values()), rows
