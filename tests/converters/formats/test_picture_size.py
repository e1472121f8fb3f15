import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from medloom.converters.formats.picture_size import picture_size
from medloom.schemas.errors import BadInput


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp"])
def test_sizes_of_files_that_another_library_wrote(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (31, 47, 3), np.uint8))
    assert picture_size(path) == (47, 31)


def test_a_header_longer_than_the_first_look(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "x" * 60_000
    path = tmp_path / "a.jpg"
    image = Image.new("RGB", (47, 31))
    image.save(path, exif=exif, comment=b"y" * 60_000, icc_profile=b"z" * 100_000)
    assert path.stat().st_size > 1 << 16
    assert picture_size(path) == (47, 31)


def test_as_shown_not_as_stored(data_dir):
    upright = picture_size(data_dir / "pillow_messy/hopper_orientation_2.jpg")
    turned = data_dir / "pillow_messy/hopper_orientation_6.jpg"
    with Image.open(turned) as image:
        assert picture_size(turned) == (image.height, image.width)
    assert len(upright) == 2


def test_a_dicom_states_columns_and_rows(tmp_path):
    dataset = pydicom.dcmread(get_testdata_file("MR_small.dcm"))
    dataset.Rows, dataset.Columns = 31, 47
    dataset.save_as(tmp_path / "a.dcm")
    assert picture_size(tmp_path / "a.dcm") == (47, 31)
    del dataset.Rows
    dataset.save_as(tmp_path / "b.dcm")
    with pytest.raises(BadInput, match="corrupt"):
        picture_size(tmp_path / "b.dcm")


def test_files_that_are_none(tmp_path):
    for name, data, reason in (("a.png", b"text", "not_a_picture"), ("b.png", b"\x89PNG\r\n\x1a\n", "truncated")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadInput) as caught:
            picture_size(tmp_path / name)
        assert caught.value.reason == reason
