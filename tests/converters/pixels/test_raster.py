from __future__ import annotations

import io
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from medloom.converters.pixels.raster import decode, decode_grey_reduced, decode_indices, probe, upright
from medloom.schemas.errors import BadInput

BROKEN = {
    "broken.png": "corrupt",
    "broken_data_stream.png": "corrupt",
    "truncated_jpeg.jpg": "truncated",
    "hopper_bad_exif.jpg": "corrupt",  # its restart intervals are scrambled: Pillow shows stripes and says nothing
    "LICENSE": "not_a_picture",
    "SOURCE.json": "not_a_picture",
}


def reason_of(data: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        decode(data)
    return caught.value.reason


def test_every_messy_file_is_read_as_pillow_reads_it_or_refused(data_dir):
    read = 0
    for file in sorted((data_dir / "pillow_messy").iterdir()):
        data = file.read_bytes()
        if file.name in BROKEN:
            assert reason_of(data) == BROKEN[file.name], file.name
            continue
        with Image.open(file) as image:
            turned = ImageOps.exif_transpose(image)
            expected = np.asarray(turned.convert("RGB") if turned.mode == "CMYK" else turned)
        array = decode(data)
        assert array.dtype == expected.dtype, file.name
        np.testing.assert_array_equal(array, expected, file.name)
        read += 1
    assert read == 17


def test_real_jpegs_have_pillows_pixels(data_dir):
    for file in sorted((data_dir / "bccd_voc/BCCD/JPEGImages").glob("*.jpg"))[:25]:
        np.testing.assert_array_equal(decode(file.read_bytes()), np.asarray(Image.open(file)))


def test_opaque_alpha_of_real_pngs_is_dropped(data_dir):
    file = next(iter(sorted((data_dir / "dsb2018_nuclei").rglob("images/*.png"))))
    stored = np.asarray(Image.open(file))
    assert stored.shape[2] == 4
    np.testing.assert_array_equal(decode(file.read_bytes()), stored[..., :3])


WRITTEN = [
    (kind, mode)
    for kind in ("PNG", "TIFF", "BMP", "GIF", "WEBP")
    for mode in ("1", "L", "P", "RGB", "RGBA", "LA")
    if (kind, mode) != ("BMP", "LA")  # Pillow writes none
]


@pytest.mark.parametrize(("kind", "mode"), WRITTEN)
def test_modes_become_grey_or_rgb(pictures, kind, mode):
    image = Image.fromarray(pictures.scene(21, 34)).convert(mode)
    data = pictures.saved(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    stored = Image.open(io.BytesIO(data))
    array = decode(data)
    assert array.dtype == np.uint8
    expected = np.asarray(stored.convert("L" if array.ndim == 2 else "RGB"))
    np.testing.assert_array_equal(array, expected)
    assert array.ndim == (2 if stored.mode in ("1", "L", "LA") else 3)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_of_grey_reach_black_and_white(pictures, bits):
    row = np.arange(8) % (1 << bits)
    packed = np.packbits(((row[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)).tobytes()
    data = pictures.png(8, 2, bits, 0, (b"\0" + packed) * 2)
    np.testing.assert_array_equal(decode(data)[0], row * 255 // ((1 << bits) - 1))


def test_sixteen_bits_stay_sixteen(pictures):
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 65536, (13, 17), dtype=np.uint16)
    colour = rng.integers(0, 65536, (13, 17, 3), dtype=np.uint16)
    for array in (grey, colour):
        bgr = array if array.ndim == 2 else array[..., ::-1]
        for extension in (".png", ".tiff"):
            data = cv2.imencode(extension, bgr)[1].tobytes()
            found = decode(data)
            assert found.dtype == np.uint16
            np.testing.assert_array_equal(found, array)
    assert probe(cv2.imencode(".png", grey)[1].tobytes()).bits == 16


def tiff(array, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_turned_once(pictures, dtype, channels, orientation):
    array = pictures.scene(11, 19, channels).astype(dtype) * (257 if dtype is np.uint16 else 1)
    data = tiff(array, extratags=[(274, "H", 1, orientation, True)])
    found = decode(data)
    np.testing.assert_array_equal(found, upright(array, orientation))
    assert probe(data).upright == found.shape[1::-1]


def test_white_is_zero_is_turned_round(pictures):
    grey = pictures.scene(11, 19, 1)
    np.testing.assert_array_equal(decode(tiff(grey, photometric="miniswhite")), 255 - grey)
    deep = grey.astype(np.uint16) * 200
    np.testing.assert_array_equal(decode(tiff(deep, photometric="miniswhite")), 65535 - deep)


def test_samples_without_black_and_white_are_refused():
    assert reason_of(tiff(np.zeros((9, 9), np.float32))) == "unsupported_pixels"
    assert reason_of(tiff(np.full((9, 9), -5, np.int16))) == "unsupported_pixels"


def test_transparent_pixels_stay_hidden(pictures):
    array = np.dstack([pictures.scene(12, 12), np.full((12, 12), 255, np.uint8)])
    array[:3, :, 3] = 0
    array[5, 5, 3] = 128
    found = decode(pictures.saved(array, "PNG"))
    assert not found[:3].any()
    black = Image.new("RGBA", (12, 12), (0, 0, 0, 255))
    expected = np.asarray(Image.alpha_composite(black, Image.fromarray(array)).convert("RGB"))
    np.testing.assert_allclose(found.astype(int), expected, atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_pillows_transpose(pictures, orientation):
    array = pictures.scene(7, 12)
    image = Image.open(io.BytesIO(pictures.saved(array, "PNG", exif=pictures.exif(orientation))))
    np.testing.assert_array_equal(upright(array, orientation), np.asarray(ImageOps.exif_transpose(image)))


def test_a_cut_or_damaged_file_is_found(pictures):
    array = pictures.scene(200, 300)
    jpeg, png = pictures.saved(array, "JPEG", quality=90), pictures.saved(array, "PNG")
    for share in (0.3, 0.6, 0.9, 0.999):
        assert reason_of(jpeg[: int(len(jpeg) * share)]) == "truncated"
        assert reason_of(png[: int(len(png) * share)]) == "truncated"
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 0xFF
    assert reason_of(bytes(flipped)) == "corrupt"
    few_rows = pictures.png(64, 64, 8, 0, zlib.compress(b""))
    assert reason_of(few_rows) == "corrupt"
    hole = jpeg[: len(jpeg) // 2] + b"\xff\xd9" + jpeg[len(jpeg) // 2 + 40 :]
    assert reason_of(hole) in ("corrupt", "truncated")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
    st.floats(0.2, 1),
)
def test_no_damage_escapes_as_another_error(pictures, kind, changes, keep):
    data = bytearray(pictures.saved(pictures.scene(24, 33), kind))
    for at, value in changes:
        data[int(at * (len(data) - 1))] = value
    try:
        array = decode(bytes(data[: int(len(data) * keep)]))
    except BadInput:
        return
    assert array.dtype in (np.uint8, np.uint16)


@pytest.mark.parametrize("side", [300, 512, 1030])
def test_the_reduced_grey_is_the_area_average(pictures, side):
    array = cv2.GaussianBlur(pictures.scene(side, side + 90), (0, 0), 3)
    full = np.asarray(Image.fromarray(array).convert("L"))
    jpeg, png = pictures.saved(array, "JPEG", quality=98, subsampling=0), pictures.saved(array, "PNG")
    for data in (jpeg, png):
        small = decode_grey_reduced(data, min_side=64)
        assert 64 <= min(small.shape) <= max(127, -(-side // 8))
        expected = cv2.resize(full, small.shape[::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - expected).mean() < 2.5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_reduced_grey_is_upright(pictures, orientation):
    data = pictures.saved(pictures.scene(256, 512), "JPEG", exif=pictures.exif(orientation))
    small = decode_grey_reduced(data, min_side=32)
    expected = decode(data)
    assert small.shape == (expected.shape[0] // 8, expected.shape[1] // 8)
    grey = np.asarray(Image.fromarray(expected).convert("L").resize(small.shape[::-1], Image.Resampling.BOX))
    assert np.abs(small.astype(int) - grey).mean() < 3


def test_palette_indices_are_kept_for_masks():
    labels = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    image = Image.fromarray(labels, "P")
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    np.testing.assert_array_equal(decode_indices(buffer.getvalue()), labels)
    assert decode(buffer.getvalue())[0, 1].tolist() == [200, 0, 0]
