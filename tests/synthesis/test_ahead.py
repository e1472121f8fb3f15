"""Pictures decoded ahead are those that would have been made one by one, and count as read once they are used."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Acquisition, Media, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.scenes import scenes_of
from medloom.synthesis.vocabulary import load_vocabulary

RNG = np.random.default_rng(0)


def origin_of(root: Path, **card: object) -> Origin:
    known = SourceCard(
        source="src", title="t", licence="CC0-1.0", citation="c", modality="photograph", converter="class_folders",
        patient="unknown", verified="layout", **card,  # type: ignore[arg-type]
    )  # fmt: skip
    return Origin(card=known, root=root, vocabulary=load_vocabulary(), key=b"k" * 32)


def sample(file: str, **more: object) -> Sample:
    return Sample(key=file, patient="p", split=None, media=(Media(files=(file,)),), **more)  # type: ignore[arg-type]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for number, shape in enumerate([(90, 120, 3), (90, 120, 3), (200, 140), (700, 900, 3)]):
        picture = RNG.integers(0, 255, shape, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), picture)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    cv2.imwrite(str(tmp_path / "deep.png"), RNG.integers(0, 65535, (80, 80), np.uint16))
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "0.jpg").read_bytes()[:900])
    (tmp_path / "none.png").write_bytes(b"")
    return sorted(file.name for file in tmp_path.iterdir())


@pytest.mark.parametrize("ids", ["pseudonyms", "identifying"])
def test_what_comes_ahead_is_what_would_have_come(tmp_path: Path, files: list[str], ids: str) -> None:
    samples = [sample(file) for file in [*files, "gone.png"]]
    samples.append(sample("deep.png", acquisition=Acquisition(window=(30000.0, 20000.0))))
    alone, together = origin_of(tmp_path, patient_ids=ids), origin_of(tmp_path, patient_ids=ids)
    for one in samples:
        together.ahead.begin(one, together)
    together.ahead.look()
    assert not together.marks
    for one in samples:
        expected, found = scenes_of(one, alone), scenes_of(one, together)
        assert [scene.view for scene in found.scenes] == [scene.view for scene in expected.scenes]
        assert (found.refused, found.pictures, found.looks) == (expected.refused, expected.pictures, expected.looks)
    assert together.marks == alone.marks


def test_a_picture_is_ready_once_and_not_beyond_its_batch(tmp_path: Path, files: list[str]) -> None:
    origin = origin_of(tmp_path)
    origin.ahead.begin(sample("0.jpg"), origin)
    origin.ahead.look()
    assert origin.ready("1.jpg") is None
    first = origin.ready("0.jpg")
    assert first is not None
    assert first.data == (tmp_path / "0.jpg").read_bytes()
    assert msgspec.structs.asdict(origin.marks["0.jpg"])["sha256"] == first.source_sha256
    assert origin.ready("0.jpg") is None
    origin.ahead.begin(sample("1.jpg"), origin)
    origin.ahead.look()
    origin.ahead.look()
    assert origin.ready("1.jpg") is None
