"""Pictures are known again after what happens to them on the way into another corpus, and others are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from medloom.converters.pixels.raster import reduce_grey
from medloom.converters.pixels.thumbnail import thumbnail
from medloom.quality.marks import DIFFERENCE, MarkIndex, asked_marks, kept_marks
from medloom.schemas.appearance import THUMB_SIDE


def thumbs(pictures):
    squeezed = b"".join(thumbnail(reduce_grey(each)) for each in pictures)
    return np.frombuffer(squeezed, np.uint8).reshape(-1, THUMB_SIDE, THUMB_SIDE)


def crop(grey, left, top, right, bottom):
    height, width = grey.shape
    rows = slice(round(top * height), height - round(bottom * height))
    return grey[rows, round(left * width) : width - round(right * width)]


def pad(grey, share, value):
    height, width = (round(share * side) for side in grey.shape)
    return cv2.copyMakeBorder(grey, height, height, width, width, cv2.BORDER_CONSTANT, value=value)


def jpeg(grey, quality):
    return cv2.imdecode(cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)


def gamma(grey, power):
    return np.uint8(255 * (grey / 255.0) ** power)


def some_cut(grey):
    return crop(grey, *np.random.default_rng(int(grey.sum())).uniform(0, 0.05, 4))


DISTORTIONS = {
    "same": (lambda grey: grey, 0.99),
    "half the size": (lambda grey: cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 0.98),
    "squeezed to a square": (lambda grey: cv2.resize(grey, (224, 224)), 0.98),
    "recompressed": (lambda grey: jpeg(grey, 40), 0.98),
    "cropped by 5 % a side": (lambda grey: crop(grey, *[0.05] * 4), 0.98),
    "cropped by up to 5 % a side": (some_cut, 0.96),
    "padded with black": (lambda grey: pad(grey, 0.1, 0), 0.98),
    "padded with white": (lambda grey: pad(grey, 0.2, 255), 0.9),
    "other grey levels": (lambda grey: gamma(grey, 0.6), 0.96),
    "more contrast": (lambda grey: np.uint8(np.clip(grey * 1.3 - 30.0, 0, 255)), 0.92),
}


@pytest.fixture(scope="module")
def real(data_dir):
    """40 blood smears, 52 chest films, 24 pictures of nuclei, in grey: of each second one the benchmark is made."""
    files = sorted((data_dir / "bccd_voc").rglob("*.jpg"))[:40]
    files += sorted((data_dir / "covid_cxr_gb" / "images").glob("*"))
    files += sorted((data_dir / "dsb2018_nuclei").rglob("images/*.png"))
    read = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files]
    return [grey for grey in read if grey is not None]


@pytest.fixture(scope="module")
def index(real):
    return MarkIndex(*kept_marks(thumbs(real[::2])))


@pytest.mark.parametrize("name", DISTORTIONS)
def test_real_pictures_are_known_again(real, index, name):
    distort, least = DISTORTIONS[name]
    changed = thumbs([distort(grey) for grey in real[::2]])
    marks, of = asked_marks(changed)
    row, item = index.find(marks)
    found = {(int(a), int(b)) for a, b in zip(of[row], item, strict=True)}
    assert sum((number, number) in found for number in range(len(changed))) >= least * len(changed)


def test_other_pictures_are_not_taken_for_them(real, index):
    others = thumbs(real[1::2])
    marks, of = asked_marks(others)
    row, _ = index.find(marks)
    assert len(set(of[row].tolist())) <= 0.04 * len(others)  # two of the films are of one patient


def test_flat_pictures_are_nothing():
    flat = np.full((3, THUMB_SIDE, THUMB_SIDE), 90, np.uint8)
    assert len(kept_marks(flat)[0]) == len(asked_marks(flat)[0]) == 0


def test_an_index_finds_what_comparing_everything_finds():
    draw = np.random.default_rng(4)
    kept = draw.integers(0, 2**64, (400, 7), np.uint64, endpoint=False)
    asked = kept[draw.integers(0, 400, 300)] ^ (np.uint64(1) << draw.integers(0, 64, (300, 7), np.uint64))
    asked[:, 3:] ^= np.uint64(1) << draw.integers(0, 64, (300, 4), np.uint64)
    row, item = MarkIndex(kept, np.arange(400)).find(asked)
    apart = np.bitwise_count(asked[:, None] ^ kept[None])
    near = (apart[..., :3].min(axis=2) <= 4) & (apart.sum(axis=2, dtype=int) <= DIFFERENCE)
    assert set(zip(row.tolist(), item.tolist(), strict=True)) == set(zip(*np.nonzero(near), strict=True))
    assert len(row) >= 300
