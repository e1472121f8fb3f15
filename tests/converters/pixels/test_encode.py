from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.pixels.encode import encode_jpeg, encode_png


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.integers(0, 2**32))
def test_png_comes_back_bit_for_bit_by_two_readers(pictures, height, width, channels, seed):
    array = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    array = array if channels == 3 else array[..., 0]
    data = encode_png(array)
    np.testing.assert_array_equal(pictures.pillow(data), array)
    by_cv2 = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(by_cv2 if channels == 1 else by_cv2[..., ::-1], array)
    assert encode_png(np.asfortranarray(array)) == data


def test_png_is_not_larger_than_libpngs_fast_level(pictures):
    array = pictures.scene(512, 512, 1)
    assert len(encode_png(array)) < 1.1 * len(cv2.imencode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_close_and_the_same_every_time(pictures, channels):
    array = pictures.scene(100, 150, channels)
    data = encode_jpeg(array, 95)
    assert data == encode_jpeg(array.copy(), 95)
    found = pictures.pillow(data)
    assert found.shape == array.shape
    assert np.abs(found.astype(int) - array).mean() < 3
    assert len(encode_jpeg(array, 50)) < len(data)


@pytest.mark.parametrize("array", [np.zeros((4, 4), np.uint16), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_other_arrays_are_refused(array):
    with pytest.raises(ValueError, match="uint8 H×W"):
        encode_png(array)
