"""What pictures look like, against numpy and OpenCV, alone and in company."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from medloom.converters.pixels.look import look
from medloom.converters.pixels.phash import phash
from medloom.schemas.appearance import THUMB_SIDE


def test_statistics_are_numpys(pictures):
    grey = pictures.scene(64, 80, 1)
    found = look([grey])[0]
    assert found.stats.mean == pytest.approx(grey.mean())
    assert found.stats.std == pytest.approx(grey.std())
    assert found.stats.dark_fraction == pytest.approx((grey <= 10).mean())
    assert found.stats.bright_fraction == pytest.approx((grey >= 245).mean())
    assert found.stats.sharpness == pytest.approx(cv2.Laplacian(grey, cv2.CV_64F).var())
    assert (found.phash, found.chroma) == (phash(grey), 0)
    squeezed = cv2.resize(grey, (THUMB_SIDE, THUMB_SIDE), interpolation=cv2.INTER_AREA)
    assert found.thumb == squeezed.tobytes()


def test_colour_is_the_spread_of_its_channels(pictures):
    colour = pictures.scene(70, 64, 3)
    found = look([colour])[0]
    assert found.chroma == pytest.approx(np.ptp(colour, axis=2).mean())
    assert found.stats.mean == pytest.approx(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY).mean())


def test_a_constant_picture_has_no_spread_at_all():
    for value in (0, 7, 255):
        stats = look([np.full((64, 67), value, np.uint8)])[0].stats
        assert (stats.mean, stats.std, stats.sharpness) == (value, 0, 0)


def test_a_picture_looks_the_same_in_any_company(pictures):
    shapes = [(64, 64, 3), (64, 64, 1), (64, 91, 3), (1, 1, 1), (1, 500, 1), (700, 1, 3)] * 20
    several = [pictures.scene(height, width, channels, seed) for seed, (height, width, channels) in enumerate(shapes)]
    assert look(several) == [look([one])[0] for one in several]
    assert look([]) == []
