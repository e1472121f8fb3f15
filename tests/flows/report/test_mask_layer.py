from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from medloom.flows.report.mask_layer import mask_layer
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Rle

RED, GREEN = (255, 0, 0), (0, 200, 0)


def layer(masks, view, **options):
    uri = mask_layer(masks, view, **options)
    assert uri.startswith("data:image/png;base64,")
    return cv2.imdecode(np.frombuffer(base64.b64decode(uri.split(",")[1]), np.uint8), cv2.IMREAD_UNCHANGED)


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30))))
def test_at_native_size_exactly_the_mask_is_coloured(drawing, mask):
    view, _ = drawing.stored("s", np.zeros(mask.shape, np.uint8), "v")
    seen = layer([(drawing.rle_of(mask), RED)], view)
    assert np.array_equal(seen[..., 3] > 0, mask)
    assert (seen[mask][:, :3] == (0, 0, 255)).all()


def test_edges_are_firmer_than_the_inside(drawing):
    mask = np.zeros((40, 60), bool)
    mask[10:30, 20:50] = True
    view, _ = drawing.stored("s", np.zeros(mask.shape, np.uint8), "v")
    alpha = layer([(drawing.rle_of(mask), RED)], view)[..., 3]
    assert alpha[10, 20:50].min() > 200 and alpha[29, 20:50].min() > 200
    assert alpha[12:28, 22:48].max() < 120


def test_a_later_mask_lies_on_top(drawing):
    mask = np.ones((10, 10), bool)
    half = mask.copy()
    half[:, 5:] = False
    view, _ = drawing.stored("s", np.zeros((10, 10), np.uint8), "v")
    seen = layer([(drawing.rle_of(mask), RED), (drawing.rle_of(half), GREEN)], view)
    assert tuple(seen[5, 2, :3]) == (0, 200, 0) and tuple(seen[5, 8, :3]) == (0, 0, 255)


def test_a_speck_of_one_pixel_stays_visible_when_shrunk(drawing):
    mask = np.zeros((2000, 2000), bool)
    mask[1000, 1500] = True
    view, _ = drawing.stored("s", np.zeros((2000, 2000), np.uint8), "v")
    alpha = layer([(drawing.rle_of(mask), RED)], view)[..., 3]
    assert alpha.shape == (384, 384) and alpha.max() > 100
    y, x = np.unravel_index(alpha.argmax(), alpha.shape)
    assert (int(x), int(y)) == (1500 * 384 // 2000, 1000 * 384 // 2000)


def test_a_mask_of_another_grid_is_refused(drawing):
    view, _ = drawing.stored("s", np.zeros((10, 12), np.uint8), "v")
    with pytest.raises(BadInput, match="wrong_grid"):
        mask_layer([(Rle(size=(12, 10), counts="o3"), RED)], view)
