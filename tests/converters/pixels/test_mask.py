from __future__ import annotations

import cc3d
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco
from scipy import ndimage
from skimage import measure

from medloom.converters.pixels.mask import (
    binary,
    bounding_box,
    box3d,
    box_iou,
    boxes3d_of_labels,
    boxes_of_labels,
    colour_mask,
    components,
    components3d,
    rle_area,
    rle_encode,
)
from medloom.converters.pixels.raster import decode

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
volumes = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6))
labels2d = hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(-1, 6))


@given(masks)
def test_the_box_is_where_pixels_are(mask):
    y, x = np.nonzero(mask)
    expected = (x.min(), y.min(), x.max() + 1, y.max() + 1) if x.size else None
    assert bounding_box(mask) == expected
    assert bounding_box(mask.astype(np.uint8) * 255) == expected


@given(volumes)
def test_the_box_in_three_dimensions(mask):
    found = np.nonzero(mask)
    expected = (*(a.min() for a in found), *(a.max() + 1 for a in found)) if found[0].size else None
    assert box3d(mask) == expected


@given(labels2d, st.sampled_from([1, 20_000, 300_000_000]))
def test_boxes_of_labels_are_those_of_each_label(labels, factor):
    labels = labels * factor
    expected = {int(v): bounding_box(labels == v) for v in np.unique(labels) if v > 0}
    found = boxes_of_labels(labels)
    assert found == expected
    assert list(found) == sorted(found)
    solid = np.asfortranarray(np.stack([labels, np.roll(labels, 1)], axis=2))
    assert boxes3d_of_labels(np.ascontiguousarray(solid)) == boxes3d_of_labels(solid)
    assert boxes3d_of_labels(solid) == {int(v): box3d(solid == v) for v in np.unique(solid) if v > 0}


@given(masks, st.sampled_from([4, 8]))
def test_components_are_a_partition_and_scikit_images(mask, connectivity):
    found = components(mask, connectivity)
    painted = np.zeros(mask.shape, int)
    for component in found:
        x0, y0, x1, y1 = (int(v) for v in component.box)
        assert component.mask.shape == (y1 - y0, x1 - x0)
        painted[y0:y1, x0:x1] += component.mask
        assert bounding_box(component.mask) == (0, 0, x1 - x0, y1 - y0)
    np.testing.assert_array_equal(painted, mask)  # each pixel once
    regions = measure.regionprops(measure.label(mask, connectivity=1 if connectivity == 4 else 2))
    expected = sorted((r.bbox[:2], r.area, r.centroid) for r in regions)
    actual = sorted(((c.box[1], c.box[0]), c.area_px, (c.centroid[1] - 0.5, c.centroid[0] - 0.5)) for c in found)
    assert len(actual) == len(expected)
    for (a_at, a_area, a_centre), (e_at, e_area, e_centre) in zip(actual, expected, strict=True):
        assert (a_at, a_area) == (e_at, e_area)
        assert a_centre == pytest.approx(e_centre)
    order = [(c.box[1], c.box[0]) for c in found]
    assert order == sorted(order)


@pytest.mark.parametrize("side", [510, 514])
def test_there_may_be_more_components_than_sixteen_bits_count(side):
    mask = np.zeros((side, side), bool)
    mask[::2, ::2] = True  # no two touch: 65,025 of them, and 66,049
    found = components(mask)
    assert len(found) == (side // 2) ** 2
    assert [(part.box[0], part.box[1], part.area_px) for part in found[-2:]] == [
        (side - 4.0, side - 2.0, 1),
        (side - 2.0, side - 2.0, 1),
    ]


@given(volumes, st.sampled_from([6, 18, 26]))
def test_components_in_three_dimensions_are_cc3ds(mask, connectivity):
    found = components3d(mask, connectivity)
    padded = np.pad(mask, 2)  # cc3d 3 fails on arrays that are one voxel thin
    labels, count = cc3d.connected_components(padded, connectivity=connectivity, return_N=True)
    assert len(found) == count
    stats = cc3d.statistics(labels)
    assert sorted(c.voxels for c in found) == sorted(stats["voxel_counts"][1:].tolist())
    painted = np.zeros(mask.shape, int)
    for component in found:
        i0, j0, k0, i1, j1, k1 = component.box
        painted[i0:i1, j0:j1, k0:k1] += component.mask
        inner = ndimage.center_of_mass(component.mask)
        assert component.centroid == pytest.approx(tuple(np.add(inner, (i0, j0, k0)) + 0.5))
    np.testing.assert_array_equal(painted, mask)
    assert [c.voxels for c in found] == sorted((c.voxels for c in found), reverse=True)


def test_small_parts_are_left_out_and_empty_masks_have_none():
    mask = np.zeros((20, 20), bool)
    mask[2:6, 2:6] = mask[10, 10] = True
    assert [c.area_px for c in components(mask)] == [16, 1]
    assert [c.area_px for c in components(mask, min_area_px=2)] == [16]
    assert components(np.zeros((5, 5))) == []
    assert components3d(np.zeros((5, 5, 5))) == []
    solid = np.repeat(mask[..., None], 2, axis=2)
    assert [c.voxels for c in components3d(solid, min_voxels=3)] == [32]
    with pytest.raises(ValueError, match="connectivity"):
        components(mask, 26)


boxes = st.tuples(*[st.floats(0, 50)] * 2, *[st.floats(0.5, 50)] * 2).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(boxes, boxes)
def test_box_iou_is_cocos(a, b):
    def xywh(box):
        return [box[0], box[1], box[2] - box[0], box[3] - box[1]]

    expected = coco.iou(np.array([xywh(a)]), np.array([xywh(b)]), [0])[0, 0]
    assert box_iou(a, b) == pytest.approx(expected, abs=1e-9)
    assert box_iou(a, b) == box_iou(b, a)
    assert box_iou(a, a) == pytest.approx(1)


def test_a_mask_through_jpeg_comes_back_by_its_half(pictures):
    mask = np.zeros((100, 120), np.uint8)
    cv2.circle(mask, (60, 50), 30, 255, -1)
    lossy = pictures.pillow(pictures.saved(mask, "JPEG", quality=75))
    assert len(np.unique(lossy)) > 10
    assert binary(lossy).sum() > 1.05 * (mask > 0).sum()  # what threshold 0 would do
    found = binary(lossy, threshold=127.5)
    assert (found != (mask > 0)).mean() < 0.002


def test_values_and_channels_choose_pixels():
    array = np.array([[0, 1, 2], [255, 127, 0]], np.uint8)
    assert binary(array).sum() == 4
    assert binary(array, value=127).sum() == 1
    assert binary(array, threshold=127.5).sum() == 1
    coloured = np.dstack([array, np.zeros_like(array), np.zeros_like(array)])
    np.testing.assert_array_equal(binary(coloured), array != 0)
    np.testing.assert_array_equal(binary(np.dstack([array] * 3), value=127), array == 127)


def test_colours_are_matched_within_a_tolerance():
    image = np.zeros((4, 5, 3), np.uint8)
    image[0, 0] = (255, 0, 0)
    image[1, 1] = (250, 4, 3)
    image[2, 2] = (0, 255, 0)
    assert np.argwhere(colour_mask(image, [(255, 0, 0)])).tolist() == [[0, 0]]
    assert np.argwhere(colour_mask(image, [(255, 0, 0)], tolerance=5)).tolist() == [[0, 0], [1, 1]]
    assert colour_mask(image, [(255, 0, 0), (0, 255, 0)]).sum() == 2
    assert colour_mask(image[..., 0], [(250, 250, 250)]).sum() == 1


def test_real_nuclei_are_one_component_each_with_their_box(data_dir):
    folder = sorted((data_dir / "dsb2018_nuclei/stage1_train").iterdir())[0] / "masks"
    for file in sorted(folder.glob("*.png")):
        mask = binary(decode(file.read_bytes()))
        region = measure.regionprops(mask.astype(int))[0]
        y0, x0, y1, x1 = region.bbox
        assert bounding_box(mask) == (x0, y0, x1, y1)
        assert rle_area(rle_encode(mask)) == region.area


def test_real_lung_masks_are_two_lungs(data_dir):
    """Their third value, 127, is lung as well: a threshold of one half would cut a piece out."""
    for file in sorted((data_dir / "covid_cxr_gb/semantic_masks_v7labs_lungs").iterdir())[:6]:
        stored = decode(file.read_bytes())
        assert set(np.unique(stored)) <= {0, 127, 255}
        large = components(binary(stored), min_area_px=stored.size // 50)
        assert len(large) == 2
