from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medloom.converters.pixels.resize import resize, resize_crop, resize_mask


def test_whole_factors_are_exact_means(pictures):
    array = pictures.scene(64, 96)
    mean = array.reshape(16, 4, 24, 4, 3).mean(axis=(1, 3))
    assert np.abs(resize(array, 24, 16) - mean).max() <= 0.5


@pytest.mark.parametrize(("width", "height"), [(75, 50), (40, 27), (210, 140), (150, 100)])
def test_other_factors_agree_with_pillow(pictures, width, height):
    import cv2

    array = cv2.GaussianBlur(pictures.scene(100, 150, 1), (0, 0), 3)
    found = resize(array, width, height)
    assert found.shape == (height, width)
    expected = np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.BICUBIC))
    assert np.abs(found.astype(int) - expected).mean() < 1.5
    assert resize(array, 150, 100) is array


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 60), st.integers(1, 60))
def test_masks_take_the_pixel_under_their_centre(height, width, new_height, new_width):
    labels = np.arange(height * width).reshape(height, width)
    found = resize_mask(labels, new_width, new_height)
    for y in range(new_height):
        for x in range(new_width):
            at = floor(Fraction(2 * y + 1, 2) * height / new_height), floor(Fraction(2 * x + 1, 2) * width / new_width)
            assert found[y, x] == labels[at]


def test_a_mask_and_its_picture_stay_together():
    picture = np.zeros((90, 120), np.uint8)
    picture[30:60, 40:80] = 255
    small = resize(picture, 80, 60)
    mask = resize_mask(picture > 0, 80, 60)
    np.testing.assert_array_equal(small > 127, mask)


@given(st.data())
def test_a_crop_is_resized_as_in_the_whole_mask(data):
    (width, height), new = (data.draw(st.tuples(st.integers(1, 30), st.integers(1, 30))) for _ in range(2))
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    part = np.random.default_rng(data.draw(st.integers(0, 99))).random((y1 - y0, x1 - x0)) < 0.7
    whole = np.zeros((height, width), bool)
    whole[y0:y1, x0:x1] = part
    crop, (left, top) = resize_crop(part, (x0, y0), (width, height), new)
    found = np.zeros(new[::-1], bool)
    found[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    assert np.array_equal(found, resize_mask(whole, *new))
