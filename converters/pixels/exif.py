"""Which way up a picture is, by its EXIF or XMP."""

from __future__ import annotations

import re
import struct
import zlib

_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")


def app1_orientation(payload: bytes) -> int:
    """Of a JPEG's APP1 segment; 1 where it states none."""
    if payload[:6] in (b"Exif\0\0", b"Exif\0\xff"):
        return tiff_orientation(payload[6:])
    return _xmp_orientation(payload)


def _xmp_orientation(payload: bytes) -> int:
    found = _XMP_ORIENTATION.search(payload)
    return int(found[1]) if found else 1


def tiff_orientation(block: bytes) -> int:
    """Tag 274 of the first directory of an EXIF block; 1 where it is absent or makes no sense (TIFF 6.0)."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 10:
        return 1
    (first,) = struct.unpack_from(order + "I", block, 4)
    if first + 2 > len(block):
        return 1
    (count,) = struct.unpack_from(order + "H", block, first)
    for at in range(first + 2, min(first + 2 + 12 * count, len(block) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", block, at)
        if tag == 0x0112:
            (value,) = struct.unpack_from(order + ("H" if kind == 3 else "I"), block, at + 8)
            return value if 1 <= value <= 8 else 1
    return 1


def png_orientation(kind: bytes, payload: bytes) -> int:
    """Of a PNG chunk of this kind; 1 where it states none."""
    if kind == b"eXIf":
        return tiff_orientation(payload)
    if kind in (b"iTXt", b"tEXt") and payload.startswith(b"XML:com.adobe.xmp"):
        return _xmp_orientation(payload)
    if kind in (b"zTXt", b"tEXt", b"iTXt") and payload.startswith(b"Raw profile type "):
        return _raw_profile_orientation(payload)
    return 1


def _raw_profile_orientation(payload: bytes) -> int:
    """ImageMagick's EXIF as hexadecimal text: the name, the length, then the bytes."""
    name, _, text = payload.partition(b"\0")
    if not name.endswith((b"exif", b"APP1")):
        return 1
    try:
        if text[:1] == b"\0":
            text = zlib.decompressobj().decompress(text[1:], 1 << 20)
        block = bytes.fromhex(b"".join(text.strip().split(b"\n")[2:]).decode("ascii"))
    except (zlib.error, ValueError):
        return 1
    return tiff_orientation(block[6:] if block.startswith(b"Exif\0\0") else block)
