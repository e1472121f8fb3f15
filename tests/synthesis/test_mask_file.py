"""What mask files say: lossy ones, palettes, values that nobody names."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from medloom.converters.pixels.raster import decode
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import MaskName, Region
from medloom.synthesis.mask_file import mask_pixels, masks_in

OBJECT = np.zeros((64, 80), bool)
OBJECT[11:40, 21:50] = True
OBJECT[30:34, 50:60] = True
OTHER = np.zeros((64, 80), bool)
OTHER[11:40, 62:75] = True


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def grey(background: int, *painted: tuple[np.ndarray, int]) -> Image.Image:
    array = np.full(OBJECT.shape, background, np.uint8)
    for where, value in painted:
        array[where] = value
    return Image.fromarray(array)


def mask(value: int | None = None) -> Region:
    return Region(kind="mask", pointer="m", file="m", name="a", value=value)


def labels(*values: int) -> Region:
    names = tuple(MaskName(name=f"n{value}", value=value) for value in values)
    return Region(kind="label_map", pointer="m", file="m", names=names)


def colours(*names: tuple[int, int, int]) -> Region:
    told = tuple(MaskName(name=str(number), colour=colour) for number, colour in enumerate(names))
    return Region(kind="colour_mask", pointer="m", file="m", names=told)


def read(data: bytes, region: Region) -> list[np.ndarray]:
    return [where for _, where, _ in masks_in(region, *mask_pixels(data, region))[0]]


def reason_of(data: bytes, region: Region) -> str:
    with pytest.raises(BadInput) as bad:
        read(data, region)
    return bad.value.reason


@pytest.mark.parametrize(("form", "quality"), [("JPEG", 95), ("JPEG", 60), ("WEBP", 70)])
@pytest.mark.parametrize("value", [None, 255])
def test_a_lossy_mask_has_the_pixels_that_were_painted(form: str, quality: int, value: int | None) -> None:
    data = saved(grey(0, (OBJECT, 255)), form, quality=quality)
    assert np.array_equal(read(data, mask(value))[0], OBJECT)
    assert not read(saved(grey(0), form), mask(value))[0].any()


@pytest.mark.parametrize("form", ["WEBP", "JPEG2000"])
def test_a_lossless_file_of_a_codec_that_can_be_lossy_is_read_exactly(form: str) -> None:
    exact = {"lossless": True} if form == "WEBP" else {}
    assert np.array_equal(read(saved(grey(0, (OBJECT, 1)), form, **exact), mask())[0], OBJECT)


@pytest.mark.parametrize("form", ["JPEG", "JPEG2000"])
@pytest.mark.parametrize("values", [(1,), (100,), (128, 255)])
def test_lossy_values_that_are_not_black_and_white_are_refused(form: str, values: tuple[int, ...]) -> None:
    image = grey(0, *zip((OBJECT, OTHER), values, strict=False))
    data = saved(image, form, **({"irreversible": True} if form == "JPEG2000" else {}))
    assert reason_of(data, mask()) == "lossy_mask"


def test_lossy_values_and_colours_are_the_nearest_listed_ones() -> None:
    assert np.array_equal(read(saved(grey(0, (OBJECT, 200)), "JPEG"), labels(200))[0], OBJECT)
    assert np.array_equal(read(saved(grey(255, (OBJECT, 0)), "JPEG"), mask(0))[0], OBJECT)
    array = np.zeros((*OBJECT.shape, 3), np.uint8)
    array[OBJECT], array[OTHER] = (255, 0, 0), (0, 255, 0)
    data = saved(Image.fromarray(array), "JPEG", quality=90, subsampling=0)
    red, green = read(data, colours((255, 0, 0), (0, 255, 0)))
    assert np.array_equal(red, OBJECT) and np.array_equal(green, OTHER)


@pytest.mark.parametrize(
    "region",
    [labels(0, 128, 255), labels(1, 2), labels(255), mask(128), mask(255)],
    ids=["between", "too near", "unlisted", "value", "other value"],
)
def test_lossy_values_that_can_not_be_told_apart_are_refused(region: Region) -> None:
    assert reason_of(saved(grey(0, (OBJECT, 255), (OTHER, 128)), "JPEG", quality=90), region) == "lossy_mask"


def test_lossy_colours_that_can_not_be_told_apart_are_refused() -> None:
    data = saved(grey(255, (OBJECT, 0)).convert("RGB"), "JPEG")
    assert reason_of(data, colours((255, 0, 0))) == "lossy_mask"  # white is near red
    assert reason_of(data, colours((255, 0, 0), (255, 255, 255), (255, 128, 128))) == "lossy_mask"


def test_zero_may_have_a_name() -> None:
    cup, disc, background = read(saved(grey(255, (OBJECT, 128), (OTHER, 0)), "BMP"), labels(0, 128, 255))
    assert np.array_equal(cup, OTHER) and np.array_equal(disc, OBJECT)
    assert np.array_equal(background, ~(OBJECT | OTHER))


@pytest.mark.parametrize("form", ["GIF", "PNG"])
@pytest.mark.parametrize("value", [None, 255])
def test_a_palette_of_greys_is_read_as_displayed(form: str, value: int | None) -> None:
    image = Image.fromarray(np.where(OBJECT, 0, 1).astype(np.uint8), "P")
    image.putpalette([255, 255, 255, 0, 0, 0])  # white comes first
    assert np.array_equal(read(saved(image, form), mask(value))[0], OBJECT)
    quantised = grey(0, (OBJECT, 255)).convert("RGB").quantize(2)
    assert np.array_equal(read(saved(quantised, form), mask(value))[0], OBJECT)


def test_black_and_one_colour_are_read_as_displayed() -> None:
    image = Image.fromarray(np.where(OBJECT, 0, 1).astype(np.uint8), "P")
    image.putpalette([200, 0, 0, 0, 0, 0])
    assert np.array_equal(read(saved(image, "PNG"), mask())[0], OBJECT)


@pytest.mark.parametrize("region", [mask(1), labels(1)])
def test_indices_of_classes_stay_values(region: Region) -> None:
    image = Image.fromarray((OBJECT + 2 * OTHER).astype(np.uint8), "P")
    for palette in ([0, 0, 0, 128, 0, 0, 0, 128, 0], [9, 9, 9, 255, 255, 255, 0, 0, 0]):
        image.putpalette(palette)
        assert np.array_equal(read(saved(image, "PNG"), region)[0], OBJECT)


def test_colours_are_no_label_map() -> None:
    array = np.zeros((*OBJECT.shape, 3), np.uint8)
    array[OBJECT, 0] = 1
    assert reason_of(saved(Image.fromarray(array), "PNG"), labels(1)) == "not_a_label_map"
    assert np.array_equal(read(saved(grey(0, (OBJECT, 1)).convert("RGB"), "PNG"), labels(1))[0], OBJECT)


def test_what_nobody_names_is_told() -> None:
    data = saved(grey(0, (OBJECT, 1), (OTHER, 255)), "PNG")
    shown, bad = masks_in(labels(1), *mask_pixels(data, labels(1)))
    assert np.array_equal(shown[0][1], OBJECT)
    assert bad is not None and bad.reason == "unnamed_value" and "[255]" in str(bad)
    assert masks_in(labels(1, 255), *mask_pixels(data, labels(1, 255)))[1] is None
    coloured = saved(grey(0, (OBJECT, 255)).convert("RGB"), "PNG")
    bad = masks_in(colours((255, 0, 0)), *mask_pixels(coloured, colours((255, 0, 0))))[1]
    assert bad is not None and "[255, 255, 255]" in str(bad)


@pytest.mark.parametrize("form", ["TIFF", "GIF", "PNG"])
def test_a_mask_of_several_pages_is_refused(form: str) -> None:
    data = saved(grey(0, (OBJECT, 255)), form, save_all=True, append_images=[grey(0, (OTHER, 255))])
    assert reason_of(data, mask()) == "which_frame"


@pytest.mark.parametrize("depth", [bool, np.uint8])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_white_is_zero_as_the_tiff_says(tmp_path: Path, depth: type, compression: str | None) -> None:
    full = 1 if depth is bool else 255
    for photometric, stored in (("miniswhite", ~OBJECT), ("minisblack", OBJECT)):
        array = (stored * full).astype(depth)
        tifffile.imwrite(tmp_path / "m.tif", array, photometric=photometric, compression=compression)
        data = (tmp_path / "m.tif").read_bytes()
        assert np.array_equal(decode(data) > 0, OBJECT)
        assert np.array_equal(read(data, mask())[0], OBJECT)
