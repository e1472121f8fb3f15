"""Skin lesions: class folders as the truth lists them, classes that can be told apart, and faults that are faults."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from medloom.converters.phantom.clinic import Clinic
from medloom.converters.phantom.skin import KINDS, skin_lesion
from medloom.converters.phantom.skin_folder import FOLDER, NAMES


def test_every_file_of_the_tree_is_a_picture_or_a_fault(clinic: Clinic) -> None:
    listed = [one.file for one in clinic.truth.pictures if one.source == FOLDER]
    listed += [one.file for one in clinic.truth.defects]
    found = sorted(str(path.relative_to(clinic.root)) for path in (clinic.root / FOLDER).rglob("*") if path.is_file())
    assert sorted(listed) == found


def test_pictures_lie_in_the_folder_of_their_class_and_split(clinic: Clinic) -> None:
    pictures = [one for one in clinic.truth.pictures if one.source == FOLDER]
    for one in pictures:
        split, name, file = one.file.split("/")[1:]
        assert (split, name) == (one.split, NAMES[str(one.concept)])
        assert re.fullmatch(r"(D\d+)_[ab]\.jpg", file)
        assert file.startswith(f"{one.patient}_")
        picture = cv2.imread(str(clinic.root / one.file))
        assert picture.shape == (one.size[1], one.size[0], 3)
    counts = Counter((one.concept, one.split) for one in pictures)
    assert set(counts) == {(concept, split) for concept in KINDS for split in ("train", "test")}
    splits: dict[str | None, set[str | None]] = {}
    for one in pictures:
        splits.setdefault(one.patient, set()).add(one.split)
    assert all(len(found) == 1 for found in splits.values())
    assert len(splits) < len(pictures)


def test_the_box_holds_what_is_not_skin(clinic: Clinic) -> None:
    """Inside the box colours differ from the skin's around it."""
    for one in (found for found in clinic.truth.pictures if found.source == FOLDER):
        picture = cv2.imread(str(clinic.root / one.file)).astype(float)
        x0, y0, x1, y1 = one.objects[0].box
        middle = picture[(y0 + y1) // 2 - 6 : (y0 + y1) // 2 + 6, (x0 + x1) // 2 - 6 : (x0 + x1) // 2 + 6]
        rim = np.concatenate([picture[:, :6].reshape(-1, 3), picture[:, -6:].reshape(-1, 3)])
        colour = [part.reshape(-1, 3).mean(axis=0) for part in (middle, rim)]
        ratio = [value[0] / value[2] for value in colour]
        assert np.linalg.norm(colour[0] - colour[1]) > 20 or abs(ratio[0] - ratio[1]) > 0.05
        assert 0.3 < one.objects[0].area_px / ((x1 - x0) * (y1 - y0)) <= 1


@pytest.mark.parametrize("seed", range(4))
def test_kinds_differ_as_they_should(seed: int) -> None:
    """Melanomas are the darkest and of the most hues, carcinomas the brightest."""
    found = {}
    for concept in KINDS:
        picture, mask = skin_lesion(concept, np.random.default_rng(seed))
        inside = cv2.erode(mask.astype(np.uint8), np.ones((9, 9))) > 0
        pixels = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 3)[inside]
        found[concept] = (pixels.mean(), (pixels[:, 2] / pixels[:, 0]).std())
    assert min(found, key=lambda concept: found[concept][0]) == "melanoma"
    assert max(found, key=lambda concept: found[concept][1]) == "melanoma"
    assert found["basal_cell_carcinoma"][0] == max(one[0] for one in found.values())


def faults(clinic: Clinic) -> dict[str, tuple[Path, Path | None]]:
    return {
        one.kind: (clinic.root / one.file, clinic.root / one.same_as if one.same_as else None)
        for one in clinic.truth.defects
    }


def grey(path: Path) -> np.ndarray:
    """Reduced to 64 pixels across, as picture statistics are."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return cv2.resize(picture, (64, 48), interpolation=cv2.INTER_AREA).astype(float)


def test_duplicates_repeat_what_they_say(clinic: Clinic) -> None:
    copy, first = faults(clinic)["exact_duplicate"]
    assert first is not None
    assert copy.read_bytes() == first.read_bytes()
    near, second = faults(clinic)["near_duplicate"]
    assert second is not None
    assert near.read_bytes() != second.read_bytes()
    assert imagehash.phash(Image.open(near)) - imagehash.phash(Image.open(second)) <= 4
    assert (near.parts[-3], second.parts[-3]) == ("test", "train")


def test_no_other_pictures_are_near_duplicates(clinic: Clinic) -> None:
    planted = {one.file for one in clinic.truth.defects}
    files = [
        clinic.root / one.file for one in clinic.truth.pictures if one.source == FOLDER and one.file not in planted
    ]
    hashes = np.array([imagehash.phash(Image.open(file)).hash.ravel() for file in files])
    apart = (hashes[:, None] != hashes[None]).sum(axis=-1) + 64 * np.eye(len(hashes), dtype=int)
    assert apart.min() > 4


def test_what_shows_nothing_shows_nothing(clinic: Clinic) -> None:
    found = faults(clinic)
    assert grey(found["blank"][0]).std() < 0.5
    white = grey(found["overexposed"][0])
    assert white.mean() > 252
    assert 1 < white.std() < 10
    assert (white >= 250).mean() > 0.995
    assert max(Image.open(found["too_small"][0]).size) < 32


def test_broken_files_are_broken(clinic: Clinic) -> None:
    found = faults(clinic)
    truncated = found["truncated"][0]
    with pytest.raises(OSError, match="truncated"):
        Image.open(truncated).load()
    assert found["empty_file"][0].stat().st_size == 0
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(found["not_a_picture"][0])
    assert {one.caught_by for one in clinic.truth.defects} == {
        "exact_duplicates",
        "near_duplicates",
        "image",
        "decode",
        "list",
    }
