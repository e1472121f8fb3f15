"""Cells in four layouts, each read here from its files and counted against the truth."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy import ndimage

from medloom.converters.phantom.cell_folders import BLOOD_NAMES, COLOUR, COLOURS, MASKS, VOC, YOLO
from medloom.converters.phantom.cells import blood_smear, nuclei
from medloom.converters.phantom.clinic import Clinic
from medloom.converters.phantom.truth import PictureTruth

CONCEPTS = {name: concept for concept, name in BLOOD_NAMES.items()}


def pictures(clinic: Clinic, source: str) -> list[PictureTruth]:
    found = [one for one in clinic.truth.pictures if one.source == source]
    assert len(found) == 3
    for one in found:
        height, width = cv2.imread(str(clinic.root / one.file), cv2.IMREAD_UNCHANGED).shape[:2]
        assert one.size == (width, height)
        assert one.counts == dict(Counter(part.concept for part in one.objects))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_cells_are_whole_and_apart(seed: int) -> None:
    for picture, cells in (blood_smear(np.random.default_rng(seed)), nuclei(np.random.default_rng(seed))):
        total = np.sum([cell.mask for cell in cells], axis=0)
        assert total.max() == 1
        assert not (total[0].any() or total[-1].any() or total[:, 0].any() or total[:, -1].any())
        assert ndimage.label(total, np.ones((3, 3)))[1] == len(cells)
        assert picture.shape[:2] == total.shape


def test_nuclei_have_a_file_each(clinic: Clinic) -> None:
    for one in pictures(clinic, MASKS):
        files = sorted((clinic.root / str(one.annotation)).iterdir())
        assert len(files) == one.counts["cell_nucleus"] == len(one.objects)
        picture = cv2.imread(str(clinic.root / one.file), cv2.IMREAD_UNCHANGED).astype(float)
        union = np.zeros(picture.shape, int)
        for cell in one.objects:
            mask = cv2.imread(str(clinic.root / str(cell.mask)), cv2.IMREAD_UNCHANGED)
            assert set(np.unique(mask)) == {0, 255}
            rows, columns = np.nonzero(mask)
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == cell.box
            assert len(rows) == cell.area_px
            union += mask > 0
        assert union.max() == 1
        assert picture[union == 1].mean() > 4 * picture[union == 0].mean()


def test_colours_tell_the_classes(clinic: Clinic) -> None:
    for one in pictures(clinic, COLOUR):
        coded = cv2.imread(str(clinic.root / str(one.annotation)), cv2.IMREAD_UNCHANGED)[:, :, ::-1]
        assert {tuple(map(int, colour)) for colour in np.unique(coded.reshape(-1, 3), axis=0)} <= {
            (0, 0, 0),
            *COLOURS.values(),
        }
        for concept, colour in COLOURS.items():
            mask = (coded == colour).all(axis=-1)
            assert ndimage.label(mask, np.ones((3, 3)))[1] == one.counts.get(concept, 0)
            assert mask.sum() == sum(part.area_px for part in one.objects if part.concept == concept)


def test_voc_boxes_count_from_one_and_hold_the_last_pixel(clinic: Clinic) -> None:
    listed = {}
    for name, split in (("train", "train"), ("val", "validation"), ("test", "test")):
        for line in (clinic.root / VOC / "ImageSets" / "Main" / f"{name}.txt").read_text().split():
            listed[line] = split
    for one in pictures(clinic, VOC):
        tree = ElementTree.parse(clinic.root / str(one.annotation)).getroot()
        assert f"{VOC}/JPEGImages/{tree.findtext('filename')}" == one.file
        assert (int(tree.findtext("size/width") or 0), int(tree.findtext("size/height") or 0)) == one.size
        found = []
        for entry in tree.iterfind("object"):
            x0, y0, x1, y1 = (int(entry.findtext(f"bndbox/{side}") or 0) for side in ("xmin", "ymin", "xmax", "ymax"))
            found.append((CONCEPTS[entry.findtext("name") or ""], (x0 - 1, y0 - 1, x1, y1)))
        assert found == [(part.concept, part.box) for part in one.objects]
        assert listed[one.file.rsplit("/", 1)[1].removesuffix(".jpg")] == one.split


def test_yolo_boxes_are_shares_of_the_picture(clinic: Clinic) -> None:
    names = YAML(typ="safe").load((clinic.root / YOLO / "data.yaml").read_text())["names"]
    assert names == dict(enumerate(BLOOD_NAMES.values()))
    for one in pictures(clinic, YOLO):
        assert one.annotation == one.file.replace("/images/", "/labels/").replace(".jpg", ".txt")
        lines = (clinic.root / str(one.annotation)).read_text().splitlines()
        assert len(lines) == len(one.objects)
        for line, part in zip(lines, one.objects, strict=True):
            number, *shares = line.split()
            cx, cy, width, height = np.array(shares, float) * [*one.size, *one.size]
            assert CONCEPTS[names[int(number)]] == part.concept
            assert np.allclose([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], part.box, atol=1e-3)
        assert one.split == {"train": "train", "val": "validation"}[one.file.split("/")[2]]
