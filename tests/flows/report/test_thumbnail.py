from __future__ import annotations

import base64

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.flows.report.thumbnail import SIDE, fitted, thumbnail
from medloom.schemas.errors import BadInput


def pixels(uri):
    data = base64.b64decode(uri.split(",", 1)[1])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_fitted_never_enlarges_and_keeps_the_shape(width, height):
    small = fitted(width, height)
    assert min(small) >= 1 and max(small) <= min(SIDE, max(width, height))
    scale = min(1.0, SIDE / max(width, height))
    assert abs(small[0] - width * scale) <= 0.5 or small[0] == 1
    assert abs(small[1] - height * scale) <= 0.5 or small[1] == 1


def test_a_thumbnail_is_the_area_average(drawing):
    ramp = np.tile(np.linspace(0, 255, 1600).astype(np.uint8), (800, 1))
    view, data = drawing.stored("s", ramp, "ramp")
    small = pixels(thumbnail(data, view).uri)
    assert small.shape == (192, 384)
    wanted = ramp[0].reshape(-1, 25)[::6].mean()  # the mean of a ramp is its middle however it is cut
    assert abs(small.mean() - ramp.mean()) < 1.5 and abs(wanted - 127) < 10
    assert np.abs(small[96].astype(int) - np.linspace(0, 255, 384)).max() <= 5


@pytest.mark.parametrize("pixels_in", [
    np.full((50, 40), 40_000, np.uint16), np.full((50, 40, 4), 180, np.uint8), np.full((50, 40, 3), 77, np.uint8),
])  # fmt: skip
def test_sixteen_bit_alpha_and_colour_all_become_eight_bit(drawing, pixels_in):
    view, data = drawing.stored("s", pixels_in, "odd")
    small = pixels(thumbnail(data, view).uri)
    assert small.dtype == np.uint8 and small.shape[:2] == (50, 40)
    assert abs(small.mean() - (pixels_in.flat[0] / 257 if pixels_in.dtype == np.uint16 else pixels_in.flat[0])) < 3


def test_what_is_no_picture_or_another_one_is_refused(drawing):
    view, data = drawing.stored("s", np.zeros((20, 30), np.uint8), "black")
    for bad in (b"", b"not a picture", data[:40]):
        with pytest.raises(BadInput, match="undecodable"):
            thumbnail(bad, view)
    with pytest.raises(BadInput, match="wrong_size: 30×20 stored, 31×20 stated"):
        thumbnail(data, msgspec.structs.replace(view, width=31))
