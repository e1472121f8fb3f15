from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from medloom.converters.pixels.phash import hamming
from medloom.converters.pixels.picture import PicturePolicy, from_array, prepare
from medloom.converters.pixels.raster import decode
from medloom.converters.pixels.window import Window, apply_window
from medloom.schemas.errors import BadInput

AS_IS = PicturePolicy()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_bytes_pass_where_no_pixel_changes(pictures, kind):
    data = pictures.saved(pictures.scene(300, 400), kind)
    found = prepare(data, PicturePolicy(short_side=300))
    assert found.data is data
    assert (found.passthrough, found.stripped, found.reencoded, found.format) == (True, False, None, kind.lower())
    assert found.sha256 == found.source_sha256 == hashlib.sha256(data).hexdigest()
    assert (found.width, found.height, found.native_width, found.native_height) == (400, 300, 400, 300)
    assert (found.scale_x, found.scale_y, found.colour) == (1, 1, True)


def test_metadata_goes_and_pixels_stay(pictures):
    data = pictures.saved(pictures.scene(300, 400), "JPEG", exif=pictures.exif(1))
    found = prepare(data, AS_IS)
    assert (found.passthrough, found.stripped, found.reencoded) == (False, True, None)
    assert b"Doe" not in found.data
    assert found.sha256 == hashlib.sha256(found.data).hexdigest()
    assert found.source_sha256 == hashlib.sha256(data).hexdigest()
    np.testing.assert_array_equal(decode(found.data), decode(data))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_orientation_is_applied_once(pictures, orientation):
    data = pictures.saved(pictures.scene(60, 90), "JPEG", exif=pictures.exif(orientation))
    found = prepare(data, AS_IS)
    assert (found.reencoded, found.exif_orientation) == ("png", orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(pictures.pillow(found.data), expected)
    assert (found.native_width, found.native_height) == expected.shape[1::-1]


def odd_files(pictures) -> dict[str, bytes]:
    array = pictures.scene(50, 70)
    holes = np.dstack([array, np.full((50, 70), 255, np.uint8)])
    holes[:9, :9, 3] = 0
    moving = io.BytesIO()
    Image.fromarray(array).save(moving, "PNG", save_all=True, append_images=[Image.fromarray(255 - array)])
    return {
        "cmyk": pictures.saved(Image.fromarray(array).convert("CMYK"), "JPEG"),
        "transparent": pictures.saved(holes, "PNG"),
        "tiff": pictures.saved(array, "TIFF"),
        "gif": pictures.saved(array, "GIF"),
        "animated png": moving.getvalue(),
        "16 bits": pictures.saved(Image.fromarray(array[..., 0].astype(np.uint16) * 200), "PNG"),
    }


@pytest.mark.parametrize("name", ["cmyk", "transparent", "tiff", "gif", "animated png", "16 bits"])
@pytest.mark.parametrize("policy", [AS_IS, PicturePolicy(reencode="jpeg", quality=95)])
def test_what_a_browser_or_trainer_could_not_show_is_encoded_anew(pictures, name, policy):
    found = prepare(odd_files(pictures)[name], policy)
    assert (found.passthrough, found.reencoded, found.format) == (False, policy.reencode, policy.reencode)
    stored = pictures.pillow(found.data)
    assert stored.dtype == np.uint8
    assert (found.height, found.width) == stored.shape[:2] == (50, 70)
    assert found.colour == (stored.ndim == 3) == (name != "16 bits")


def test_sixteen_bits_go_through_a_window_that_is_told(pictures):
    deep = pictures.scene(50, 70, 1).astype(np.uint16) * 200 + 17
    data = pictures.saved(Image.fromarray(deep), "PNG")
    stated = prepare(data, AS_IS, Window(30000, 20000, how="stated"))
    np.testing.assert_array_equal(pictures.pillow(stated.data), apply_window(deep, 30000, 20000))
    assert stated.window == Window(30000, 20000, how="stated")
    chosen = prepare(data, AS_IS).window
    assert chosen is not None
    assert chosen.how == "percentile"
    low, high = np.percentile(deep, (0.5, 99.5))
    assert (chosen.center, chosen.width) == pytest.approx(((low + high) / 2, high - low))


@pytest.mark.parametrize(("height", "width"), [(600, 800), (513, 700), (1030, 1030), (2100, 1111), (777, 4001)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_larger_picture_gets_the_short_side_and_nothing_moves(pictures, kind, height, width):
    array = np.full((height, width), 30, np.uint8)
    left, top, right, bottom = width // 5, height // 4, width * 9 // 10, height * 2 // 3
    array[top:bottom, left:right] = 220
    data = pictures.saved(array, kind, **({"quality": 98} if kind == "JPEG" else {}))
    found = prepare(data, PicturePolicy(short_side=256))
    assert min(found.width, found.height) == 256
    assert found.width / found.height == pytest.approx(width / height, abs=0.5 / 256 * max(width / height, 1))
    assert (found.scale_x, found.scale_y) == (found.width / width, found.height / height)
    stored = pictures.pillow(found.data)
    # Sub-pixel edges of the bright box: covered length along lines through its middle.
    row, column = stored[found.height // 2].astype(float), stored[:, found.width // 2].astype(float)
    assert ((row - 30) / 190).sum() == pytest.approx((right - left) * found.scale_x, abs=0.75)
    assert ((column - 30) / 190).sum() == pytest.approx((bottom - top) * found.scale_y, abs=0.75)
    ramp = np.arange(found.width) + 0.5
    centre = (ramp @ (row - 30)) / (row - 30).sum()
    assert centre == pytest.approx((left + right) / 2 * found.scale_x, abs=0.5)


def test_a_smaller_picture_is_kept_unless_asked(pictures):
    data = pictures.saved(pictures.scene(100, 150), "JPEG")
    assert prepare(data, PicturePolicy(short_side=200)).passthrough
    grown = prepare(data, PicturePolicy(short_side=200, keep_if_smaller=False))
    assert (grown.width, grown.height, grown.scale_x) == (300, 200, 2.0)


def test_the_same_picture_hashes_alike_however_it_is_stored(data_dir):
    for file in sorted((data_dir / "covid_cxr_gb/images").glob("*.jpg"))[:8]:
        data = file.read_bytes()
        passed = prepare(data, AS_IS)
        others = [from_array(decode(data), AS_IS), prepare(data, PicturePolicy(short_side=256, reencode="jpeg"))]
        for other in others:
            assert hamming(passed.phash, other.phash) <= 4
            assert other.stats.mean == pytest.approx(passed.stats.mean, abs=2)


def test_every_messy_file_is_prepared_or_refused(data_dir):
    reasons: dict[str, str] = {}
    for file in sorted((data_dir / "pillow_messy").iterdir()):
        try:
            found = prepare(file.read_bytes(), PicturePolicy(short_side=64))
        except BadInput as error:
            reasons[file.name] = error.reason
            continue
        with Image.open(io.BytesIO(found.data)) as image:
            image.load()
            assert image.size == (found.width, found.height)
            assert not image.getexif()
    assert reasons == {
        "LICENSE": "not_a_picture", "SOURCE.json": "not_a_picture", "broken.png": "corrupt",
        "broken_data_stream.png": "corrupt", "hopper_bad_exif.jpg": "corrupt", "truncated_jpeg.jpg": "truncated",
    }  # fmt: skip


def test_a_bomb_is_refused_before_any_pixel(pictures):
    with pytest.raises(BadInput, match="decompression_bomb"):
        prepare(pictures.png(50_000, 50_000, 8, 0, b""), AS_IS)
    with pytest.raises(BadInput, match="decompression_bomb"):
        prepare(pictures.saved(pictures.scene(50, 50), "PNG"), PicturePolicy(max_pixels=2499))


def test_a_cut_file_never_passes(pictures):
    for kind in ("JPEG", "PNG"):
        data = pictures.saved(pictures.scene(300, 400), kind)
        for length in (len(data) - 1, len(data) - 2, len(data) - 13, len(data) // 2):
            with pytest.raises(BadInput, match=r"truncated|corrupt"):
                prepare(data[:length], AS_IS)


def test_a_png_whose_side_chunk_is_damaged_never_passes(pictures):
    data = bytearray(pictures.saved(pictures.scene(30, 40), "PNG", dpi=(300, 300)))
    data[data.index(b"pHYs") + 5] ^= 1
    with pytest.raises(BadInput, match="corrupt"):
        prepare(bytes(data), AS_IS)


def test_rendered_pixels_become_png(pictures):
    array = pictures.scene(120, 160, 1)
    found = from_array(array[:, ::-1], AS_IS)
    np.testing.assert_array_equal(pictures.pillow(found.data), array[:, ::-1])
    assert (found.format, found.colour, found.source_sha256, found.scale_x) == ("png", False, "", 1)
    assert found == from_array(array[:, ::-1].copy(), AS_IS)
