"""The headers of compressed DICOM frames, held against the data set before a decoder sees them.

Decoders are not equal to every header: GDCM's JPEG codec ends the process where a frame disagrees with its data set,
and pydicom's search for the code stream in a JP2 wrapper never ends at a box of no length.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from medloom.converters.pixels.header import probe
from medloom.schemas.errors import BadInput

_JPEG = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70))
_JPEG_LS = frozenset(("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"))
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "


def check_frames(dataset: Any, wanted: Sequence[int] | None) -> None:
    """Looks at the headers of the frames of these numbers (None: all) in JPEG, JPEG-LS and JPEG 2000; others pass.

    Raises BadInput: ``corrupt``, ``truncated``, ``decompression_bomb``, ``unsupported_pixels``.
    """
    syntax = str(getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None))
    if syntax not in _JPEG | _JPEG_LS | _JPEG_2000:
        return
    for frame in _frames(dataset, wanted):
        if syntax in _JPEG:
            _check_jpeg(frame, dataset)
        elif syntax in _JPEG_LS:
            _check_jpeg_ls(frame, dataset)
        elif frame.startswith(_JP2_SIGNATURE):
            _check_boxes(frame)


def _frames(dataset: Any, wanted: Sequence[int] | None) -> list[bytes]:
    from pydicom.encaps import generate_frames, get_frame

    try:
        count = int(dataset.get("NumberOfFrames") or 1)
        data = dataset.PixelData
        if wanted is None:
            return list(generate_frames(data, number_of_frames=count))
        return [get_frame(data, number, number_of_frames=count) for number in wanted]
    except Exception as error:  # as the decoders would find, each in its own way
        raise BadInput("corrupt", f"frames: {type(error).__name__}: {error}") from None


def _check_jpeg(frame: bytes, dataset: Any) -> None:
    if frame[:2] != b"\xff\xd8":
        raise BadInput("corrupt", f"a JPEG frame that begins with {frame[:4]!r}")
    info = probe(frame)
    _check_markers(frame, info.scan)
    _same("JPEG", (info.width, info.height, info.channels), dataset)
    bits = (dataset.get("BitsAllocated"), dataset.get("BitsStored"))
    if info.channels == 3 and bits[0] != bits[1]:
        raise BadInput("unsupported_pixels", f"colour JPEG of {bits[1]} bits in {bits[0]}")


def _check_jpeg_ls(frame: bytes, dataset: Any) -> None:
    """The frame header (SOF55) says what the data set does (ISO/IEC 14495-1, annex C)."""
    at = 2
    while at + 10 <= len(frame) and frame[at] == 0xFF and frame[at + 1] != 0xF7:
        at += 1 if frame[at + 1] == 0xFF else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    if frame[:2] != b"\xff\xd8" or frame[at : at + 2] != b"\xff\xf7" or at + 10 > len(frame):
        raise BadInput("corrupt", f"a JPEG-LS frame that begins with {frame[:4]!r} has no header")
    bits, height, width, channels = struct.unpack(">BHHB", frame[at + 4 : at + 10])
    _same("JPEG-LS", (width, height, channels), dataset)
    allocated = dataset.get("BitsAllocated")
    if not isinstance(allocated, int) or not allocated - 8 < bits <= allocated:
        raise BadInput("corrupt", f"a JPEG-LS frame of {bits} bits where {allocated} are allocated")


def _same(codec: str, found: tuple[int, int, int], dataset: Any) -> None:
    stated = (dataset.get("Columns"), dataset.get("Rows"), dataset.get("SamplesPerPixel"))
    if found != stated:
        here, there = (f"{one[0]} × {one[1]} of {one[2]} samples" for one in (found, stated))
        raise BadInput("corrupt", f"a {codec} frame of {here}, the data set says {there}")


def _check_markers(frame: bytes, end: int) -> None:
    """Every segment before the scan has a marker that means something (ITU-T T.81, table B.1)."""
    at = 2
    while at + 4 <= end:
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker < 0xC0:
            raise BadInput("corrupt", f"JPEG: marker {marker:#04x} at byte {at}")
        at += 2 + (frame[at + 2] << 8 | frame[at + 3])


def _check_boxes(frame: bytes) -> None:
    """The boxes before the code stream of a JP2 wrapper (ISO/IEC 15444-1, annex I), which should not be there."""
    at = 12
    while at + 8 <= len(frame):
        size = int.from_bytes(frame[at : at + 4], "big")
        if frame[at + 4 : at + 8] == b"jp2c":
            return
        if size < 8:
            raise BadInput("corrupt", f"JP2: a box of {size} bytes")
        at += size
    raise BadInput("truncated", f"JP2 of {len(frame)} bytes without a code stream")
