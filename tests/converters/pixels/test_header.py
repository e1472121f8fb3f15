from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medloom.converters.pixels.exif import tiff_orientation
from medloom.converters.pixels.header import RasterInfo, probe
from medloom.schemas.errors import BadInput


def refused(data: bytes, **options: int) -> str:
    with pytest.raises(BadInput) as caught:
        probe(data, **options)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000"])
def test_the_header_tells_what_pillow_finds(pictures, kind):
    info = probe(pictures.saved(pictures.scene(40, 70), kind))
    assert (info.format, info.width, info.height, info.channels, info.bits) == (kind.lower(), 70, 40, 3, 8)
    assert info.upright == (70, 40)
    assert info.web == (kind in ("JPEG", "PNG"))


def test_every_real_jpeg_and_png_is_probed_as_pillow_reads_it(data_dir):
    files = sorted((data_dir / "bccd_voc/BCCD/JPEGImages").glob("*.jpg"))[:40]
    files += sorted((data_dir / "covid_cxr_gb").rglob("*.jpg")) + sorted((data_dir / "dsb2018_nuclei").rglob("*.png"))
    assert len(files) > 100
    for file in files:
        info = probe(file.read_bytes())
        with Image.open(file) as image:
            assert (info.width, info.height, info.format) == (*image.size, str(image.format).lower())
            assert info.channels == len(image.getbands())
            assert info.exif_orientation == image.getexif().get(0x0112, 1)


def test_the_name_does_not_matter_but_the_bytes_do(data_dir):
    mask = next((data_dir / "covid_cxr_gb/semantic_masks_v7labs_lungs").glob("*.jpg"))
    assert probe(mask.read_bytes()).format == "png"
    assert refused((data_dir / "pillow_messy/LICENSE").read_bytes()) == "not_a_picture"
    assert refused(b"") == "empty_file"
    assert refused(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "not_a_picture"
    assert refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n") == "not_a_picture"


def test_a_bomb_is_refused_by_its_header_alone(pictures):
    bomb = pictures.png(60_000, 60_000, 8, 0, b"")
    assert refused(bomb) == "decompression_bomb"
    jpeg = bytearray(pictures.saved(pictures.scene(16, 16), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    assert refused(bytes(jpeg)) == "decompression_bomb"
    tiff = io.BytesIO()
    tifffile.imwrite(tiff, np.zeros((40, 40), np.uint8))
    assert refused(tiff.getvalue(), max_pixels=1000) == "decompression_bomb"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_file_cut_in_its_header_is_truncated(pictures, kind):
    data = pictures.saved(pictures.scene(40, 70), kind)
    for length in (9, 30, 100):
        assert refused(data[:length]) == "truncated"


def test_depth_alpha_palette_and_interlacing_are_told(pictures):
    array = pictures.scene(20, 30)
    grey = Image.fromarray(pictures.scene(20, 30, 1))
    assert probe(pictures.saved(Image.fromarray(array).convert("RGBA"), "PNG")).alpha
    assert probe(pictures.saved(Image.fromarray(array).convert("P"), "PNG")).palette
    assert probe(pictures.saved(grey.convert("1"), "PNG")).bits == 1
    deep = probe(pictures.saved(Image.fromarray(np.full((20, 30), 999, np.uint16)), "PNG"))
    assert (deep.bits, deep.web) == (16, False)
    assert probe(pictures.saved(array, "JPEG", progressive=True)).interlaced
    cmyk = probe(pictures.saved(Image.fromarray(array).convert("CMYK"), "JPEG"))
    assert (cmyk.cmyk, cmyk.web, cmyk.channels) == (True, False, 4)
    moving = io.BytesIO()
    grey.save(moving, "GIF", save_all=True, append_images=[grey.point(lambda v: 255 - v)])
    assert probe(moving.getvalue()).frames == 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_read_from_jpeg_png_webp_and_xmp(pictures, orientation):
    array = pictures.scene(20, 30)
    for kind in ("JPEG", "PNG", "WEBP"):
        info = probe(pictures.saved(array, kind, exif=pictures.exif(orientation)))
        assert info.exif_orientation == orientation
        assert info.upright == ((20, 30) if orientation > 4 else (30, 20))
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation="%d"/>' % orientation
    plain = pictures.saved(array, "JPEG")
    assert probe(plain[:2] + pictures.segment(0xE1, xmp) + plain[2:]).exif_orientation == orientation


@given(st.binary(max_size=80))
def test_a_broken_exif_block_is_upright_and_never_an_error(block):
    assert 1 <= tiff_orientation(block) <= 8
    assert 1 <= tiff_orientation(b"II*\0" + block) <= 8
    assert 1 <= tiff_orientation(b"MM\0*\0\0\0\x08" + block) <= 8


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=300)
@given(
    st.sampled_from(["jpg", "png", "tif"]), st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=8)
)
def test_no_damage_to_the_header_escapes_as_another_error(damaged_sources, kind, changes):
    data = bytearray(damaged_sources[kind])
    for at, value in changes:
        data[at % len(data)] = value
    try:
        info = probe(bytes(data))
    except BadInput:
        return
    assert isinstance(info, RasterInfo)


@pytest.fixture(scope="session")
def damaged_sources(pictures) -> dict[str, bytes]:
    array = pictures.scene(24, 33)
    tiff = pictures.saved(array, "TIFF")
    return {
        "jpg": pictures.saved(array, "JPEG", exif=pictures.exif(1)),
        "png": pictures.saved(array, "PNG"),
        "tif": tiff,
    }


def test_messy_files_are_refused_for_the_right_reason(data_dir: Path):
    messy = data_dir / "pillow_messy"
    assert refused((messy / "broken.png").read_bytes()) == "corrupt"
    assert refused((messy / "broken_data_stream.png").read_bytes()) == "corrupt"
