"""Metadata that may name a patient is dropped without touching a pixel."""

from __future__ import annotations

import numpy as np

from medloom.converters.pixels.header import PNG_KEPT, RasterInfo, keeps_segment
from medloom.schemas.errors import BadInput

# In compressed data 0xFF is followed by 0 or by a restart marker; anything else but a fill byte begins a segment.
_BEGINS = np.ones(256, bool)
_BEGINS[[0x00, *range(0xD0, 0xD8), 0xFF]] = False


def strip_metadata(data: bytes, info: RasterInfo) -> bytes:
    """The same picture without EXIF, XMP, IPTC, comments, thumbnails, text, times and trailing bytes.

    JFIF, ICC profile and Adobe transform stay, as do the PNG chunks that decide how pixels look. Returns `data` itself
    where there is nothing to drop. An orientation other than 1 must be applied before: it would be lost here.

    Raises BadInput ``truncated`` where a JPEG has no end, and ValueError where the orientation would be lost.
    """
    if info.exif_orientation != 1:
        raise ValueError("the EXIF orientation changes pixels: decode and encode instead")
    if info.format == "jpeg":
        end, late = _tail(data, info.scan)
        if not info.has_metadata and not late and end == len(data):
            return data
        return _strip_jpeg(data, info, late, end)
    if info.format == "png" and info.has_metadata:
        return _strip_png(data)
    return data


def _tail(data: bytes, scan: int) -> tuple[int, list[tuple[int, int]]]:
    """The end of the picture (just behind EOI), and the segments to drop between its scans, as byte ranges."""
    late: list[tuple[int, int]] = []
    codes = np.frombuffer(memoryview(data)[scan:], np.uint8)
    marks = np.flatnonzero(codes[:-1] == 0xFF)
    end = scan
    for at in (scan + marks[_BEGINS[codes[marks + 1]]]).tolist():
        if at < end:
            continue  # within a segment
        marker = data[at + 1]
        if marker == 0xD9:
            return at + 2, late
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if (0xE0 <= marker <= 0xEF or marker == 0xFE) and not keeps_segment(data, at):
            late.append((at, end))
    raise BadInput("truncated", f"JPEG of {len(data)} bytes has no end marker")


def _strip_jpeg(data: bytes, info: RasterInfo, late: list[tuple[int, int]], end: int) -> bytes:
    drop = []
    at = 2
    while at < info.scan:
        if data[at + 1] == 0xFF:
            at += 1
            continue
        behind = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        marker = data[at + 1]
        if (0xE0 <= marker <= 0xEF or marker == 0xFE) and not keeps_segment(data, at):
            drop.append((at, behind))
        at = behind
    parts, kept_to = [], 0
    for start, behind in (*drop, *late):
        parts.append(data[kept_to:start])
        if data[start + 1] == 0xE0 and data[start + 4 : start + 9] == b"JFIF\0":
            # Only the thumbnail goes: density and the mark of a YCbCr file stay.
            parts.append(b"\xff\xe0\0\x10" + data[start + 4 : start + 16] + b"\0\0")
        kept_to = behind
    parts.append(data[kept_to:end])
    return b"".join(parts)


def _strip_png(data: bytes) -> bytes:
    parts = [data[:8]]
    at, kind = 8, b""
    while kind != b"IEND":
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if kind in PNG_KEPT:
            parts.append(data[at:end])
        at = end
    return b"".join(parts)
