from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from medloom.converters.pixels.mask import binary, bounding_box
from medloom.converters.pixels.raster import decode
from medloom.converters.pixels.rle import polygon_to_mask, rle_area, rle_decode, rle_encode, rle_encode_crop, rle_iou
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Rle

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(masks)
def test_rle_comes_back_and_counts_its_pixels(mask):
    rle = rle_encode(mask)
    assert rle.size == mask.shape
    np.testing.assert_array_equal(rle_decode(rle), mask)
    assert rle_area(rle) == mask.sum()
    if mask.size > 1:
        with pytest.raises(BadInput, match="bad_rle"):
            rle_decode(Rle(size=(mask.shape[0], mask.shape[1] + 1), counts=rle.counts))
    assert rle_encode(np.asfortranarray(mask).astype(np.uint8) * 255) == rle


@given(masks, st.tuples(*[st.integers(0, 3)] * 4))
def test_rle_of_a_crop_is_that_of_the_whole_mask(crop, around):
    left, top, right, below = around
    mask = np.pad(crop, ((top, below), (left, right)))
    assert rle_encode_crop(crop, (left, top), mask.shape) == rle_encode(mask)


def test_rle_of_large_real_masks_comes_back(data_dir):
    for file in sorted((data_dir / "covid_cxr_gb/semantic_masks_v7labs_lungs").iterdir())[:5]:
        mask = binary(decode(file.read_bytes()))
        np.testing.assert_array_equal(rle_decode(rle_encode(mask)), mask)


@given(hnp.arrays(np.bool_, (2, 7, 9)))
def test_rle_iou_is_numpys(pair):
    a, b = pair
    union = (a | b).sum()
    assert rle_iou(rle_encode(a), rle_encode(b)) == pytest.approx((a & b).sum() / union if union else 0)


@pytest.mark.parametrize(
    "rle", [Rle(size=(4, 4), counts="zzzzzzzz"), Rle(size=(4, 4), counts="1"), Rle(size=(4, 4), counts=""),
            Rle(size=(4, 4), counts="é"), Rle(size=(4, 4), counts="`1`1`1`1`1`1`1"), Rle(size=(-4, 4), counts="d0")],
)  # fmt: skip
def test_runs_that_do_not_fill_the_picture_are_refused(rle):
    with pytest.raises(BadInput, match="bad_rle"):
        rle_decode(rle)


@settings(max_examples=300)
@given(st.text(st.characters(min_codepoint=40, max_codepoint=125), max_size=12))
def test_no_string_of_counts_escapes_as_another_error(counts):
    try:
        assert rle_decode(Rle(size=(5, 6), counts=counts)).shape == (5, 6)
    except BadInput as error:
        assert error.reason == "bad_rle"


def test_polygons_are_filled_as_coco_fills_them():
    square = [2.0, 1.0, 8.0, 1.0, 8.0, 5.0, 2.0, 5.0]
    triangle = [10.0, 10.0, 18.0, 10.0, 10.0, 18.0]
    found = polygon_to_mask([square, triangle], 20, 24)
    parts = coco.frPyObjects([square, triangle], 20, 24)
    np.testing.assert_array_equal(found, coco.decode(parts).any(axis=2))
    assert bounding_box(found[:8]) == (2, 1, 8, 5)
    assert found[1:5, 2:8].all()
    assert not polygon_to_mask([], 5, 5).any()
    for bad in ([1.0, 2.0, 3.0, 4.0], [1.0] * 7, [1.0, 2.0, 3.0, 4.0, 5.0, float("nan")]):
        with pytest.raises(BadInput, match="bad_polygon"):
            polygon_to_mask([bad], 5, 5)
