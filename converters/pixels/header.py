"""What a 2D file says of itself before any pixel is decoded."""

from __future__ import annotations

import io
import struct
import warnings
from functools import cache
from typing import Any, Literal
from zlib import crc32

import msgspec

from medloom.converters.pixels.exif import app1_orientation, png_orientation
from medloom.schemas.errors import BadInput

RasterFormat = Literal["jpeg", "png", "tiff", "bmp", "gif", "webp", "ppm", "jpeg2000"]

MAX_PIXELS = 178_956_970  # Pillow's own limit: a quarter of a gibibyte of RGB, twice over

# The only readers that Pillow may use on strangers' bytes: no PostScript, no metafiles.
_PILLOW: dict[str, RasterFormat] = {
    "TIFF": "tiff", "BMP": "bmp", "DIB": "bmp", "GIF": "gif", "WEBP": "webp", "PPM": "ppm", "JPEG2000": "jpeg2000",
}  # fmt: skip
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
# Everything else may name a patient, an author or a place, and changes no pixel.
PNG_KEPT = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT pHYs bKGD cICP".split())


def has_preamble(head: bytes) -> bool:
    """Whether the first 132 bytes of a file are those of a DICOM file (PS3.10, 7.1), which is no picture of its own."""
    return head[128:132] == b"DICM"


class RasterInfo(msgspec.Struct, frozen=True):
    """The header of a 2D file.

    `width` and `height` are as stored, of a TIFF upright; `upright` gives them after the EXIF orientation.
    `channels` counts alpha, and a palette counts as 3. `scan` is where the compressed pixels of a JPEG begin.
    `web` says that any browser shows these bytes as they are. `has_metadata` says that segments or chunks precede or
    follow the pixels that could tell who, where or when.
    """

    format: RasterFormat
    width: int
    height: int
    channels: int
    bits: int
    exif_orientation: int = 1
    cmyk: bool = False
    palette: bool = False
    alpha: bool = False
    interlaced: bool = False
    frames: int = 1
    has_metadata: bool = False
    web: bool = False
    scan: int = 0

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) after the EXIF orientation."""
        return (self.height, self.width) if self.exif_orientation > 4 else (self.width, self.height)


def probe(data: bytes, max_pixels: int = MAX_PIXELS) -> RasterInfo:
    """Reads the header; the magic bytes decide, never a file name.

    Raises BadInput: ``empty_file``, ``not_a_picture``, ``truncated`` (no scan, no IEND), ``corrupt``,
    ``decompression_bomb`` (more than `max_pixels`).
    """
    if data[:2] == b"\xff\xd8":
        info = _jpeg(data)
    elif data[:8] == _PNG_MAGIC:
        info = _png(data)
    elif not data:
        raise BadInput("empty_file", "no bytes")
    else:
        info = _other(data)
    if info.width * info.height > max_pixels:
        raise BadInput("decompression_bomb", f"{info.width} × {info.height} pixels, at most {max_pixels} are read")
    if not info.width or not info.height:
        raise BadInput("corrupt", f"{info.format} of {info.width} × {info.height} pixels")
    return info


def is_lossy(data: bytes, info: RasterInfo) -> bool:
    """Whether the codec may have changed values: JPEG, WebP by its chunk, JPEG 2000 by its transform (T.800, A.6.1)."""
    if info.format == "webp":
        at = 12
        while at + 8 <= len(data) and data[at : at + 4] not in (b"VP8 ", b"VP8L"):
            size = int.from_bytes(data[at + 4 : at + 8], "little")
            at += 8 + size + size % 2
        return data[at : at + 4] == b"VP8 "
    if info.format == "jpeg2000":
        coding = data.find(b"\xff\x52", data.find(b"\xff\x4f\xff\x51"))
        return data[coding + 13 : coding + 14] == b"\0"
    return info.format == "jpeg"


def _jpeg(data: bytes) -> RasterInfo:
    """Walks the segments up to the first scan (ITU-T T.81, annex B)."""
    width = height = channels = bits = coding = 0
    orientation, metadata = 1, False
    at, size = 2, len(data)
    while at + 4 <= size:
        marker = data[at + 1]
        if data[at] != 0xFF:
            raise BadInput("corrupt", f"JPEG: a marker was expected at byte {at}")
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        end = at + 2 + (data[at + 2] << 8 | data[at + 3])
        if marker == 0xDA:
            if not coding:
                raise BadInput("corrupt", "JPEG: pixels before the frame header")
            web = coding <= 0xC2 and bits == 8 and channels in (1, 3)
            return RasterInfo(
                "jpeg", width, height, channels, bits, orientation, channels == 4,
                interlaced=coding == 0xC2, has_metadata=metadata, web=web, scan=end,
            )  # fmt: skip
        if 0xE0 <= marker <= 0xEF or marker == 0xFE:
            if not keeps_segment(data, at):
                metadata = True
                if marker == 0xE1 and orientation == 1:
                    orientation = app1_orientation(data[at + 4 : end])
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if at + 10 > size:
                break
            coding, bits, channels = marker, data[at + 4], data[at + 9]
            height, width = data[at + 5] << 8 | data[at + 6], data[at + 7] << 8 | data[at + 8]
        elif marker == 0xD9:
            break
        at = end
    raise BadInput("truncated" if at + 4 > size else "corrupt", f"JPEG of {size} bytes ends before its pixels")


def keeps_segment(data: bytes, at: int) -> bool:
    """Whether an APPn segment decides how pixels look: JFIF without a thumbnail, ICC profile, Adobe transform."""
    marker = data[at + 1]
    if marker == 0xE0:
        return data[at + 4 : at + 9] == b"JFIF\0" and data[at + 16 : at + 18] == b"\0\0"
    if marker == 0xE2:
        return data[at + 4 : at + 16] == b"ICC_PROFILE\0"
    return marker == 0xEE and data[at + 4 : at + 9] == b"Adobe"


def _png(data: bytes) -> RasterInfo:
    """Walks all chunks: what follows the pixels may be metadata, and without IEND the file is not whole."""
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise BadInput("truncated" if len(data) < 33 else "corrupt", "PNG: does not begin with a whole IHDR chunk")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    if colour not in _PNG_CHANNELS or bits not in (1, 2, 4, 8, 16):
        raise BadInput("corrupt", f"PNG: colour type {colour} with {bits} bits")
    metadata, transparent, frames, orientation = False, False, 1, 1
    at, size = 8, len(data)
    kind = b""
    while at + 12 <= size:
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if kind == b"IEND" or end > size:
            break
        if kind != b"IDAT" and kind != b"IHDR":
            if kind not in PNG_KEPT:
                metadata = True
                if orientation == 1:
                    orientation = png_orientation(kind, data[at + 8 : end - 4])
                if kind == b"acTL":
                    frames = int.from_bytes(data[at + 8 : at + 12], "big")
            elif crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
                # libpng only warns, and Pillow then refuses what we would have passed on.
                raise BadInput("corrupt", f"PNG: check sum of {kind.decode()}")
            transparent = transparent or kind == b"tRNS"
        at = end
    if kind != b"IEND":
        reason = "truncated" if not kind or kind.isalpha() else "corrupt"
        raise BadInput(reason, f"PNG of {size} bytes has no IEND, its last chunk is {kind!r}")
    alpha = transparent or colour in (4, 6)
    return RasterInfo(
        "png", width, height, _PNG_CHANNELS[colour] + (transparent and colour not in (4, 6)), bits, orientation,
        palette=colour == 3, alpha=alpha, interlaced=data[28] == 1, frames=frames,
        has_metadata=metadata or at + 12 < size, web=bits <= 8,
    )  # fmt: skip


def _other(data: bytes) -> RasterInfo:
    """Every other format through Pillow, which reads no further than the header."""
    from PIL import Image, UnidentifiedImageError

    try:
        with open_image(data, *_PILLOW) as image:
            width, height = image.size
            bits, channels = _depth(image.mode), len(image.getbands())
            bits = max(bits, *_tiff_bits(image)) if image.format == "TIFF" else bits
            palette = image.mode in ("P", "PA")
            return RasterInfo(
                _PILLOW[str(image.format)], width, height, 3 if palette else channels, bits,
                _pillow_orientation(image), image.mode == "CMYK", palette,
                image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info,
                frames=int(getattr(image, "n_frames", 1)), has_metadata=True,
            )  # fmt: skip
    except Image.DecompressionBombError as error:
        raise BadInput("decompression_bomb", str(error)) from None
    except UnidentifiedImageError:
        raise BadInput("not_a_picture", f"{len(data)} bytes that begin with {data[:8]!r}") from None
    except Exception as error:  # Pillow's readers raise almost anything on broken headers
        raise BadInput("corrupt", f"{type(error).__name__}: {error}") from None


def open_image(data: bytes, *formats: str) -> Any:
    """Pillow's image, its pixels not yet read. Only these readers may touch strangers' bytes, and in silence: what is
    wrong enough to matter is raised."""
    from PIL import Image

    _quiet()
    return Image.open(io.BytesIO(data), formats=formats or (*_PILLOW, "JPEG", "PNG"))


@cache
def _quiet() -> None:
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _depth(mode: str) -> int:
    return 1 if mode == "1" else 16 if mode.startswith("I;16") else 32 if mode in ("I", "F") else 8


def _tiff_bits(image: Any) -> tuple[int, ...]:
    return tuple(int(b) for b in image.tag_v2.get(258, (1,)))


def _pillow_orientation(image: Any) -> int:
    """What is left to apply: of a TIFF nothing, its readers turn it themselves and Pillow states its upright size."""
    if image.format == "TIFF":
        return 1
    value = image.getexif().get(0x0112, 1)
    return int(value) if value in range(1, 9) else 1
