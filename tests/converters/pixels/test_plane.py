from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.pixels.plane import (
    axis_codes,
    obliquity,
    plane_count,
    plane_geometry,
    plane_spacing,
    slice_areas,
    slice_of,
)

PLANES = ("axial", "coronal", "sagittal")
SHAPE = (5, 6, 7)
# Every way in which three array axes can run along three patient axes: 6 permutations times 8 flips.
WAYS = [(p, f) for p in itertools.permutations(range(3)) for f in itertools.product((1, -1), repeat=3)]
ways = st.sampled_from(WAYS)
spacings = st.tuples(*[st.floats(0.3, 5)] * 3)
origins = st.tuples(*[st.floats(-200, 200)] * 3)


def affine_of(way, spacing, origin):
    """4×4 whose array axis n runs along patient axis p[n], forwards or backwards."""
    order, flips = way
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis in range(3):
        affine[order[axis], axis] = flips[axis] * spacing[axis]
    affine[:3, 3] = origin
    return affine


def patient_values(shape, affine):
    """Three volumes that hold each voxel's own R, A and S in mm."""
    grid = np.stack([*np.indices(shape), np.ones(shape)])
    return np.einsum("rn,nijk->rijk", affine[:3], grid)


def test_there_are_48_ways():
    assert len({axis_codes(affine_of(way, (1, 1, 1), (0, 0, 0))) for way in WAYS}) == 48


@given(ways, spacings, origins, st.sampled_from(PLANES), st.data())
def test_the_patient_lies_as_the_radiologist_expects(way, spacing, origin, plane, data):
    affine = affine_of(way, spacing, origin)
    right, anterior, superior = patient_values(SHAPE, affine)
    index = data.draw(st.integers(0, plane_count(SHAPE, affine, plane) - 1))
    to_right = {"axial": right, "coronal": right, "sagittal": anterior}[plane]
    downwards = {"axial": anterior, "coronal": superior, "sagittal": superior}[plane]
    across = {"axial": superior, "coronal": anterior, "sagittal": right}[plane]
    # RAS grows towards the patient's right, front and head: on the picture all of it falls, to the right and downwards.
    assert (np.diff(slice_of(to_right, affine, plane, index)[0], axis=1) < 0).all()
    assert (np.diff(slice_of(downwards, affine, plane, index)[0], axis=0) < 0).all()
    assert slice_of(across, affine, plane, 0)[0].max() == pytest.approx(across.min())
    assert slice_of(across, affine, plane, index)[1].orientation == {
        "axial": ("L", "P"), "coronal": ("L", "I"), "sagittal": ("P", "I"),
    }[plane]  # fmt: skip


@given(ways, spacings, origins, st.sampled_from(PLANES), st.data())
def test_every_pixel_knows_its_voxel_and_its_place(way, spacing, origin, plane, data):
    affine = affine_of(way, spacing, origin)
    number = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    index = data.draw(st.integers(0, plane_count(SHAPE, affine, plane) - 1))
    picture, geometry = slice_of(number, affine, plane, index)
    assert picture.shape == (geometry.height, geometry.width)
    x, y = data.draw(st.integers(0, geometry.width - 1)), data.draw(st.integers(0, geometry.height - 1))
    voxel = geometry.voxel_of(x + 0.5, y + 0.5)
    assert picture[y, x] == number[tuple(round(v) for v in voxel)]
    assert geometry.point_of(voxel) == pytest.approx((x + 0.5, y + 0.5))
    expected = affine @ (*voxel, 1)
    assert geometry.patient_of(x + 0.5, y + 0.5) == pytest.approx(tuple(expected[:3]), abs=1e-6)
    matrix = np.array(geometry.to_patient).reshape(3, 3)
    assert geometry.spacing_mm == pytest.approx((np.linalg.norm(matrix[:, 1]), np.linalg.norm(matrix[:, 0])))
    assert matrix @ (x, y, 1) == pytest.approx(expected[:3], abs=1e-6)


@given(ways, spacings, st.sampled_from(PLANES))
def test_slices_are_those_of_nibabels_closest_canonical(way, spacing, plane):
    affine = affine_of(way, spacing, (1, 2, 3))
    array = np.random.default_rng(0).integers(0, 99, SHAPE).astype(np.int16)
    canonical = np.asarray(nib.as_closest_canonical(nib.Nifti1Image(array, affine)).dataobj)
    for index in range(plane_count(SHAPE, affine, plane)):
        expected = {
            "axial": canonical[::-1, ::-1, index].T if plane == "axial" else None,
            "coronal": canonical[::-1, index, ::-1].T if plane == "coronal" else None,
            "sagittal": canonical[index, ::-1, ::-1].T if plane == "sagittal" else None,
        }[plane]
        np.testing.assert_array_equal(slice_of(array, affine, plane, index)[0], expected)


@given(ways, spacings)
def test_slices_are_those_of_simpleitks_dicom_orient(way, spacing):
    affine = affine_of(way, spacing, (1, 2, 3))
    array = np.random.default_rng(0).integers(0, 99, SHAPE).astype(np.int16)
    image = sitk.GetImageFromArray(array.transpose(2, 1, 0))
    lps = np.diag([-1, -1, 1, 1]) @ affine
    image.SetSpacing(spacing)
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / np.array(spacing)).ravel().tolist())
    # LPS and its slices from head to feet: rows run towards the back, columns towards the patient's left.
    oriented = sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS"))
    for index, expected in enumerate(oriented):
        np.testing.assert_array_equal(slice_of(array, affine, "axial", index)[0], expected)
    coronal = sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LAI"))
    for index in range(coronal.shape[1]):
        np.testing.assert_array_equal(slice_of(array, affine, "coronal", index)[0], coronal[:, index])
    sagittal = sitk.GetArrayFromImage(sitk.DICOMOrient(image, "RPI"))
    assert plane_spacing(affine, "sagittal") == pytest.approx(sitk.DICOMOrient(image, "RPI").GetSpacing()[:0:-1])
    for index in range(sagittal.shape[2]):
        np.testing.assert_array_equal(slice_of(array, affine, "sagittal", index)[0], sagittal[:, :, index])


def test_a_marker_on_the_patients_left_is_on_the_right_of_the_picture():
    for way in WAYS:
        affine = affine_of(way, (1, 2, 3), (0, 0, 0))
        right, anterior, superior = patient_values(SHAPE, affine)
        marker = (right == right.min()) & (anterior == anterior.max()) & (superior == superior.max())
        assert marker.sum() == 1
        for plane in PLANES:
            index = int(slice_areas(marker, affine, plane).argmax())
            picture, geometry = slice_of(marker, affine, plane, index)
            y, x = (int(v[0]) for v in np.nonzero(picture))
            # Left, front, head: at the top; at the right of axial and coronal, at the left of sagittal.
            assert (x, y) == (0 if plane == "sagittal" else geometry.width - 1, 0)


@given(ways, st.floats(0.01, 0.6), st.sampled_from(PLANES))
def test_oblique_volumes_follow_the_nearest_axis_and_say_so(way, tilt, plane):
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    straight = affine_of(way, (0.7, 1.1, 2.5), (3, 4, 5))
    oblique = turn @ straight
    assert obliquity(straight) == pytest.approx(0, abs=1e-4)
    assert obliquity(oblique) == pytest.approx(np.degrees(tilt), abs=1e-4)
    number = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    picture, geometry = slice_of(number, oblique, plane, 2)
    np.testing.assert_array_equal(picture, slice_of(number, straight, plane, 2)[0])
    assert geometry.spacing_mm == pytest.approx(slice_of(number, straight, plane, 2)[1].spacing_mm)
    assert geometry.oblique_deg == pytest.approx(np.degrees(tilt), abs=1e-4)
    assert geometry.patient_of(0.5, 0.5) == pytest.approx(tuple((oblique @ (*geometry.voxel_of(0.5, 0.5), 1))[:3]))


def test_resizing_and_cropping_keep_the_field_of_view():
    _, geometry = slice_of(np.zeros((40, 60, 8)), affine_of(WAYS[13], (0.8, 2.5, 3), (5, 6, 7)), "axial", 3)
    small = geometry.resized(geometry.width // 2, geometry.height // 4)
    assert small.spacing_mm == pytest.approx((geometry.spacing_mm[0] * 4, geometry.spacing_mm[1] * 2))
    for x, y in ((0, 0), (geometry.width, geometry.height), (7, 3)):
        assert small.patient_of(x / 2, y / 4) == pytest.approx(geometry.patient_of(x, y))
        assert small.voxel_of(x / 2, y / 4) == pytest.approx(geometry.voxel_of(x, y))
    crop = geometry.cropped(3, 2, 9, 8)
    assert (crop.width, crop.height, crop.spacing_mm) == (6, 6, geometry.spacing_mm)
    assert crop.patient_of(1, 1) == pytest.approx(geometry.patient_of(4, 3))


def test_without_orientation_there_is_no_side():
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    geometry = plane_geometry(SHAPE, affine, "axial", 0, oriented=False)
    assert (geometry.orientation, geometry.to_patient, geometry.spacing_mm) == (None, None, (3, 2))
    with pytest.raises(ValueError, match="no orientation"):
        geometry.patient_of(0, 0)


def test_sheared_pixels_have_no_spacing():
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[1, 0] = 0.5
    assert plane_spacing(affine, "axial") is None
    assert plane_spacing(affine, "coronal") == pytest.approx((4, np.hypot(2, 0.5)))


@given(ways, st.integers(0, 2**32 - 1))
def test_slice_areas_count_what_the_slices_show(way, seed):
    mask = np.random.default_rng(seed).random(SHAPE) > 0.7
    affine = affine_of(way, (1, 2, 3), (0, 0, 0))
    for plane in PLANES:
        expected = [slice_of(mask, affine, plane, n)[0].sum() for n in range(plane_count(SHAPE, affine, plane))]
        assert slice_areas(mask, affine, plane).tolist() == expected


@pytest.mark.parametrize("index", [-1, 7])
def test_a_slice_outside_is_an_error(index):
    with pytest.raises(IndexError, match="axial slice"):
        slice_of(np.zeros(SHAPE), np.eye(4), "axial", index)
