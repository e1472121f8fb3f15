"""A stranger's package adds a converter by the same door: the plugin of CONTRIBUTING.md, as it stands there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from medloom.converters.registry import converter_names, load_converter
from medloom.flows.run import run_build
from medloom.schemas.errors import MedloomError

REPO = Path(__file__).resolve().parents[2]
IMPORTS = """\
from collections.abc import Iterator
from pathlib import Path

from medloom.converters.base import Converter, Feature
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Label, Media, Refusal, Sample
"""
CARD = """\
source: frames
title: Frames
licence: CC0-1.0
citation: Nobody.
modality: microscopy
converter: frames_by_patient
patient: {match: "^([^/]+)/"}
labels: {blood: red_blood_cell}
verified: layout
"""
CATALOG = """\
corpus: frames
version: 1.0.0
release: {licence: CC0-1.0, to: public}
sources: [{use: frames, path: data}]
tasks: [caption]
"""


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on the path that the checkout knows nothing of."""
    source = re.search(r"```python\n(class FramesByPatient.*?)```", (REPO / "CONTRIBUTING.md").read_text(), re.S)
    assert source is not None and source.group(1).count("\n") <= 30
    (tmp_path / "plugin" / "frames-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "plugin" / "frames_plugin.py").write_text(f"{IMPORTS}\n\n{source.group(1)}")
    info = tmp_path / "plugin" / "frames-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: frames\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[medloom.converters]\nframes_by_patient = frames_plugin:FramesByPatient\n")
    monkeypatch.syspath_prepend(tmp_path / "plugin")
    load_converter.cache_clear()
    return tmp_path


def test_a_strangers_converter_builds_a_corpus(plugged: Path, data_dir: Path) -> None:
    assert "frames_by_patient" in converter_names() and "coco" in converter_names()
    pictures = sorted((data_dir / "bccd_voc" / "BCCD" / "JPEGImages").glob("*.jpg"))[:4]
    for number, picture in enumerate(pictures):
        folder = plugged / "data" / f"patient{number}"
        folder.mkdir(parents=True)
        shutil.copy(picture, folder / "frame.png")  # a JPEG by another name: bytes decide, not names
        (folder / "label.txt").write_text("blood\n")
    (plugged / "sources").mkdir()
    (plugged / "sources" / "frames.yaml").write_text(CARD)
    (plugged / "catalog.yaml").write_text(CATALOG)
    build = run_build(plugged / "catalog.yaml", plugged / "out")
    assert build.decisions is not None and len(build.decisions.kept) == 4


def test_an_unknown_converter_names_those_that_are_there() -> None:
    with pytest.raises(MedloomError, match="class_folders"):
        load_converter("nonsense")
