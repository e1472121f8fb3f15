from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from medloom.converters.pixels.raster import decode, probe, strip_metadata
from medloom.schemas.errors import BadInput

NAME = b"Doe^Jane"


def stripped(data: bytes) -> bytes:
    return strip_metadata(data, probe(data))


def marked_jpeg(pictures, **options) -> bytes:
    data = pictures.saved(pictures.scene(40, 60), "JPEG", exif=pictures.exif(1), comment=NAME, **options)
    extra = [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + NAME), (0xED, b"Photoshop 3.0\0" + NAME), (0xEC, NAME),
             (0xE2, b"MPF\0" + NAME), (0xE0, b"JFXX\0" + NAME)]  # fmt: skip
    return data[:2] + b"".join(pictures.segment(*part) for part in extra) + data[2:]


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_loses_names_and_keeps_pixels_and_profile(pictures, progressive):
    data = marked_jpeg(pictures, icc_profile=b"a profile" * 20, progressive=progressive)
    assert data.count(NAME) == 7
    found = stripped(data)
    assert NAME not in found
    np.testing.assert_array_equal(pictures.pillow(found), pictures.pillow(data))
    image = Image.open(io.BytesIO(found))
    assert image.info["icc_profile"] == b"a profile" * 20
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "icc_profile",
                               "progressive", "progression"}  # fmt: skip
    assert stripped(found) is found


def test_comments_between_scans_and_bytes_behind_the_end_go(pictures):
    data = pictures.saved(pictures.scene(40, 60), "JPEG", progressive=True)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    between = data[:second] + pictures.segment(0xFE, NAME) + data[second:]
    appended = data + pictures.saved(pictures.scene(8, 8), "JPEG", comment=NAME)
    for marked in (between, appended):
        assert NAME in marked
        assert stripped(marked) == data


def test_a_jfif_thumbnail_goes_and_the_density_stays(pictures):
    data = pictures.saved(pictures.scene(40, 60), "JPEG", dpi=(300, 300))
    assert data[2:4] == b"\xff\xe0"
    small = pictures.segment(0xE0, data[6:18] + b"\x02\x02" + bytes(range(12)))
    marked = data[:2] + small + data[20:]
    assert stripped(marked) == data


def test_an_adobe_transform_stays(pictures):
    rgb = Image.fromarray(pictures.scene(40, 60))
    data = pictures.saved(rgb, "JPEG", keep_rgb=True, comment=NAME)
    found = stripped(data)
    assert NAME not in found
    np.testing.assert_array_equal(decode(found), decode(data))


def test_a_png_loses_text_times_and_exif(pictures):
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", NAME.decode())
    info.add_itxt("XML:com.adobe.xmp", NAME.decode())
    data = pictures.saved(
        pictures.scene(40, 60), "PNG", pnginfo=info, exif=pictures.exif(1), dpi=(300, 300), icc_profile=b"profile"
    )
    late = (
        data[:-12] + pictures.chunk(b"tEXt", b"Late\0" + NAME) + pictures.chunk(b"tIME", bytes(7)) + data[-12:] + NAME
    )
    found = stripped(late)
    assert NAME not in found
    assert b"tIME" not in found
    np.testing.assert_array_equal(pictures.pillow(found), pictures.pillow(data))
    assert {"dpi", "icc_profile"} <= set(Image.open(io.BytesIO(found)).info)
    assert stripped(found) is found


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_nothing_to_drop_is_the_same_object(pictures, kind):
    data = pictures.saved(pictures.scene(40, 60), kind)
    assert stripped(data) is data


def test_an_orientation_is_never_lost(pictures):
    data = pictures.saved(pictures.scene(40, 60), "JPEG", exif=pictures.exif(6))
    with pytest.raises(ValueError, match="orientation"):
        stripped(data)


def test_a_jpeg_without_end_is_truncated(pictures):
    data = pictures.saved(pictures.scene(40, 60), "JPEG")
    with pytest.raises(BadInput, match="truncated"):
        stripped(data[:-2])


def test_real_pictures_keep_their_pixels(data_dir):
    messy = data_dir / "pillow_messy"
    names = ("exif_gps.jpg", "exif-72dpi-int.jpg", "invalid-exif.jpg", "multiple_exif.jpg", "hopper.png")
    for file in [messy / name for name in names] + sorted((data_dir / "covid_cxr_gb/images").iterdir())[:20]:
        data = file.read_bytes()
        if probe(data).exif_orientation == 1:
            found = stripped(data)
            assert b"Exif\0\0" not in found[:4000]
            np.testing.assert_array_equal(decode(found), decode(data))


@given(st.lists(st.tuples(st.sampled_from([0xE1, 0xE3, 0xED, 0xEF, 0xFE]), st.binary(max_size=300)), max_size=6))
def test_any_segments_are_cut_without_a_trace(pictures, parts):
    data = pictures.saved(pictures.scene(16, 16), "JPEG")
    marked = data[:2] + b"".join(pictures.segment(*part) for part in parts) + data[2:]
    assert stripped(marked) == data
