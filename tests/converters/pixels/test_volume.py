from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from medloom.converters.pixels.volume import (
    Volume,
    label_map,
    read_nifti,
    require_same_grid,
    same_grid,
    slice_plane,
)
from medloom.schemas.errors import BadInput

AFFINE = np.array([[-0.8, 0, 0, 30], [0, 0, 2.5, -40], [0, 1.2, 0, 50], [0, 0, 0, 1.0]])


def write(path: Path, array, affine=AFFINE, kind=nib.Nifti1Image, **header) -> Path:
    image = kind(array, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)
    return path


def patch(path: Path, at: int, values: bytes) -> Path:
    """Overwrites header bytes behind nibabel's back."""
    data = bytearray(gzip.decompress(path.read_bytes()))
    data[at : at + len(values)] = values
    path.write_bytes(gzip.compress(bytes(data)))
    return path


def reason_of(path: Path, **options: int) -> str:
    with pytest.raises(BadInput) as caught:
        read_nifti(path, **options)
    return caught.value.reason


def every_nifti(data_dir: Path) -> list[Path]:
    folders = ("totalseg_ref", "sct_testing", "open_ms_long_p12")
    return sorted(file for folder in folders for file in (data_dir / folder).rglob("*.nii.gz"))


def test_every_real_volume_is_read_as_nibabel_reads_it(data_dir):
    files = every_nifti(data_dir)
    assert len(files) > 100
    for file in files:
        found, image = read_nifti(file), nib.load(file)
        expected = np.asarray(image.dataobj)
        np.testing.assert_allclose(found.affine, image.affine, atol=1e-5)
        np.testing.assert_allclose(found.spacing, image.header.get_zooms()[:3], rtol=1e-3)
        assert found.codes == "".join(nib.aff2axcodes(image.affine))
        values = found.values()
        if found.data.dtype.kind in "iu" and found.slope == 1:
            assert values.dtype == found.data.dtype
            np.testing.assert_array_equal(values, expected)
        else:
            np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-3)


def test_a_real_mask_fits_its_own_image_only(data_dir):
    folder = data_dir / "totalseg_ref"
    image, small = read_nifti(folder / "example_ct.nii.gz"), read_nifti(folder / "example_ct_sm.nii.gz")
    mask = read_nifti(folder / "example_seg.nii.gz")
    require_same_grid(small, mask)
    assert same_grid(read_nifti(folder / "example_mr_sm.nii.gz"), read_nifti(folder / "example_seg_mr.nii.gz"))
    with pytest.raises(BadInput, match="grid_mismatch") as caught:
        require_same_grid(image, mask)
    assert "(122, 101, 112)" in caught.value.detail
    assert "(122, 101, 30)" in caught.value.detail
    for one in sorted((folder / "example_seg_fast").glob("*.nii.gz"))[:10]:
        require_same_grid(small, read_nifti(one))
    series = data_dir / "open_ms_long_p12/longitudinal/raw/patient12"
    assert not same_grid(read_nifti(series / "study1_FLAIR.nii.gz"), read_nifti(series / "gt.nii.gz"))


def test_real_masks_share_the_grid_of_their_contrast(data_dir):
    sct = data_dir / "sct_testing"
    for image, masks in {
        "t1/t1w": ["t1/t1w_seg-manual"], "t2/t2": ["t2/t2_seg-manual", "t2/labels", "t2/t2_seg-manual_labeled"],
        "t2/t2_fake_lesion": ["t2/t2_fake_lesion_lesion_seg"], "mt/mt1": ["mt/mt1_seg", "mt/mt1_point"],
        "t2s/t2s": ["t2s/t2s_gmseg_manual", "t2s/t2s_seg-deepseg"],
    }.items():  # fmt: skip
        for mask in masks:
            require_same_grid(read_nifti(sct / f"{image}.nii.gz"), read_nifti(sct / f"{mask}.nii.gz"))
    assert not same_grid(read_nifti(sct / "t2/t2.nii.gz"), read_nifti(sct / "t1/t1w.nii.gz"))


def test_real_label_maps_are_integers_and_soft_masks_are_refused(data_dir):
    sct = data_dir / "sct_testing"
    vertebrae = label_map(read_nifti(sct / "t2/t2_seg-manual_labeled.nii.gz"))  # float64 in the file
    assert vertebrae.dtype == np.int32
    np.testing.assert_array_equal(vertebrae, np.asarray(nib.load(sct / "t2/t2_seg-manual_labeled.nii.gz").dataobj))
    assert label_map(read_nifti(sct / "t2/labels.nii.gz")).dtype == np.int16
    for soft in ("mt/mt1_gmseg", "t2s/t2s", "dmri/dmri"):
        with pytest.raises(BadInput, match="not_a_label_map"):
            label_map(read_nifti(sct / f"{soft}.nii.gz"))
    bad = np.zeros((2, 2, 2))
    for value in (np.nan, np.inf, 0.5, 3e9):
        bad[1, 1, 1] = value
        with pytest.raises(BadInput, match="not_a_label_map"):
            label_map(Volume(bad, np.eye(4), (1, 1, 1)))


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8", ">i2"])
def test_formats_and_types_come_back(tmp_path, name, kind, dtype):
    array = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(dtype)
    if dtype == ">i2":
        header = (nib.Nifti1Header if kind is nib.Nifti1Image else nib.Nifti2Header)(endianness=">")
        header.set_data_dtype(dtype)
        path = tmp_path / name
        nib.save(kind(array, AFFINE, header), path)
    else:
        path = write(tmp_path / name, array, kind=kind)
    found = read_nifti(path)
    np.testing.assert_array_equal(found.values(), array)
    assert found.values().dtype.isnative
    assert (found.shape, found.frames, found.codes) == ((4, 5, 6), 1, "LSA")
    assert found.spacing == pytest.approx((0.8, 1.2, 2.5))


def test_slope_and_intercept_count(tmp_path):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = nib.Nifti1Image(array, AFFINE)
    image.header.set_slope_inter(2.5, -1024)
    nib.save(image, tmp_path / "v.nii.gz")
    path = patch(tmp_path / "v.nii.gz", 112, struct.pack("<ff", 2.5, -1024))
    stored = read_nifti(path).data
    np.testing.assert_allclose(read_nifti(path).values(), stored * 2.5 - 1024)
    picture, _ = read_nifti(path).slice("axial", 1)
    assert picture.dtype == np.float32
    for slope in (0.0, np.nan):
        patch(path, 112, struct.pack("<ff", slope, 7))
        np.testing.assert_array_equal(read_nifti(path).values(), stored)


def test_four_dimensions_are_volumes_by_index(tmp_path):
    array = np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(2, 3, 4, 5)
    found = read_nifti(write(tmp_path / "v.nii.gz", array))
    assert (found.shape, found.frames) == ((2, 3, 4), 5)
    np.testing.assert_array_equal(found.frame(3).values(), array[..., 3])
    with pytest.raises(IndexError):
        found.frame(5)
    with pytest.raises(ValueError, match="frame"):
        found.slice("axial", 0)
    flat = read_nifti(write(tmp_path / "flat.nii.gz", array[..., :1]))
    assert (flat.frames, flat.data.ndim) == (1, 3)
    assert read_nifti(write(tmp_path / "2d.nii.gz", array[:, :, 0, 0])).shape == (2, 3, 1)
    deep = np.zeros((2, 2, 2, 1, 3), np.float32)
    assert reason_of(write(tmp_path / "vector.nii.gz", deep)) == "unsupported_volume"


def test_sform_wins_then_qform_then_no_orientation(tmp_path):
    array = np.zeros((4, 5, 6), np.uint8)
    path = tmp_path / "v.nii.gz"
    image = nib.Nifti1Image(array, AFFINE)
    other = np.diag([1.0, 1.0, 1.0, 1.0])
    image.set_sform(AFFINE, 2)
    image.set_qform(other, 1)
    nib.save(image, path)
    found = read_nifti(path)
    np.testing.assert_allclose(found.affine, AFFINE)
    assert any("disagree" in note for note in found.notes)
    image.set_qform(AFFINE, 1)
    image.set_sform(None, 0)
    nib.save(image, path)
    found = read_nifti(path)
    np.testing.assert_allclose(found.affine, AFFINE, atol=1e-5)
    assert not found.notes
    image.set_qform(None, 0)
    nib.save(image, path)
    found = read_nifti(path)
    assert (found.oriented, found.codes) == (False, "")
    assert found.spacing == pytest.approx((0.8, 1.2, 2.5))
    assert any("no orientation" in note for note in found.notes)
    _, geometry = found.slice("axial", 0)
    assert geometry.orientation is None
    assert not same_grid(found, Volume(array, AFFINE, found.spacing))


def test_units_become_millimetres(tmp_path):
    array = np.zeros((4, 5, 6), np.uint8)
    micron = read_nifti(write(tmp_path / "micron.nii.gz", array, xyzt_units=3))
    assert micron.spacing == pytest.approx((0.0008, 0.0012, 0.0025))
    metre = read_nifti(write(tmp_path / "metre.nii.gz", array, xyzt_units=1))
    assert metre.spacing == pytest.approx((800, 1200, 2500))
    assert metre.notes


def test_oblique_volumes_are_told(data_dir):
    notes = read_nifti(data_dir / "sct_testing/dmri/dwi_mean.nii.gz").notes
    assert any("oblique by 4.6" in note for note in notes)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e20])
def test_an_affine_that_maps_no_space_is_refused(tmp_path, value):
    path = write(tmp_path / "v.nii.gz", np.zeros((4, 5, 6), np.uint8))
    assert reason_of(patch(path, 280, struct.pack("<4f", value, 0, 0, 0))) == "bad_affine"


def test_a_flat_affine_is_refused(tmp_path):
    path = write(tmp_path / "v.nii.gz", np.zeros((4, 5, 6), np.uint8))
    assert reason_of(patch(path, 280, struct.pack("<12f", 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0))) == "bad_affine"


def test_broken_files_have_their_reason(tmp_path):
    path = write(tmp_path / "v.nii.gz", np.random.default_rng(0).integers(0, 999, (30, 30, 30)).astype(np.int16))
    whole = path.read_bytes()
    for share in (0.3, 0.9, 0.9999):
        path.write_bytes(whole[: int(len(whole) * share)])
        assert reason_of(path) == "truncated", share
    damaged = bytearray(whole)
    damaged[-6] ^= 0xFF  # the check sum of gzip
    path.write_bytes(bytes(damaged))
    assert reason_of(path) == "corrupt"
    path.write_bytes(gzip.compress(gzip.decompress(whole)[:-5]))
    assert reason_of(path) == "truncated"
    path.write_bytes(b"")
    assert reason_of(path) == "empty_file"
    path.write_bytes(b"not a volume at all" * 50)
    assert reason_of(path) == "not_a_volume"
    path.write_bytes(whole[:12])
    assert reason_of(path) == "truncated"
    plain = tmp_path / "v.nii"
    plain.write_bytes(gzip.decompress(whole)[:-1])
    assert reason_of(plain) == "truncated"


def test_bombs_are_refused_by_their_header(tmp_path):
    path = write(tmp_path / "v.nii.gz", np.zeros((30, 30, 30), np.int16))
    assert reason_of(path, max_bytes=50_000) == "decompression_bomb"
    patch(path, 40, struct.pack("<8h", 3, 32767, 32767, 32767, 1, 1, 1, 1))
    assert reason_of(path) == "decompression_bomb"
    patch(path, 40, struct.pack("<8h", 3, 30, -30, 30, 1, 1, 1, 1))
    assert reason_of(path) == "corrupt"
    patch(path, 40, struct.pack("<8h", 9, 30, 30, 30, 1, 1, 1, 1))
    assert reason_of(path) == "corrupt"


def test_more_bytes_than_announced_are_not_unpacked(tmp_path):
    path = write(tmp_path / "v.nii.gz", np.ones((4, 5, 6), np.uint8))
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content + bytes(50_000_000)))
    assert read_nifti(path).values().all()


def test_several_gzip_members_are_one_file(tmp_path):
    path = write(tmp_path / "v.nii.gz", np.arange(120, dtype=np.int16).reshape(4, 5, 6))
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(b"".join(gzip.compress(content[at : at + 100]) for at in range(0, len(content), 100)))
    np.testing.assert_array_equal(read_nifti(path).values().ravel(), np.arange(120))


def test_colour_and_complex_volumes_are_unsupported(tmp_path):
    rgb = np.zeros((3, 3, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert reason_of(write(tmp_path / "rgb.nii.gz", rgb)) == "unsupported_volume"
    assert reason_of(write(tmp_path / "complex.nii.gz", np.zeros((3, 3, 3), np.complex64))) == "unsupported_volume"
    path = write(tmp_path / "v.nii.gz", np.zeros((3, 3, 3), np.uint8))
    assert reason_of(patch(path, 70, struct.pack("<h", 1234))) == "unsupported_volume"


def test_real_slices_are_simpleitks(data_dir):
    for name in ("totalseg_ref/example_mr_sm", "totalseg_ref/example_ct_sm", "sct_testing/t2/t2"):
        path = data_dir / f"{name}.nii.gz"
        volume = read_nifti(path)
        oriented = sitk.GetArrayFromImage(sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS"))
        assert volume.count("axial") == len(oriented)
        for index in (0, len(oriented) // 2):
            np.testing.assert_array_equal(volume.slice("axial", index)[0], oriented[index])
        for index in (0, oriented.shape[1] // 2):
            np.testing.assert_array_equal(volume.slice("coronal", index)[0], oriented[::-1, -1 - index])


def test_image_and_mask_get_the_same_geometry(data_dir):
    folder = data_dir / "totalseg_ref"
    image, mask = read_nifti(folder / "example_ct_sm.nii.gz"), read_nifti(folder / "example_seg.nii.gz")
    for plane in ("axial", "coronal", "sagittal"):
        assert image.slice(plane, 9)[1] == mask.slice(plane, 9)[1]
    by_array = slice_plane(np.asarray(image.data), image.affine, "axial", 9)
    np.testing.assert_array_equal(by_array[0], slice_plane(image, None, "axial", 9)[0])
    with pytest.raises(ValueError, match="affine"):
        slice_plane(np.asarray(image.data), None, "axial", 9)


def test_organs_lie_on_their_side_of_the_picture(data_dir):
    """The file's own names say left and right: on an axial slice the left hip shows on the right."""
    folder = data_dir / "totalseg_ref/example_seg_fast"
    checked = 0
    for left in sorted(folder.glob("*_left*.nii.gz")):
        right = left.with_name(left.name.replace("_left", "_right"))
        if not right.exists():
            continue
        one, other = read_nifti(left), read_nifti(right)
        if not (one.data.any() and other.data.any()):
            continue
        centres = []
        for volume in (one, other):
            columns = sum(volume.slice("axial", n)[0].sum(axis=0, dtype=np.int64) for n in range(volume.count("axial")))
            centres.append(columns @ np.arange(columns.size) / columns.sum())
        assert centres[0] > centres[1], left.name
        checked += 1
    assert checked >= 5
