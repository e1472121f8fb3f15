"""JPEG of 12 bits (process 4), which none of pydicom's freely licensed decoders reads: by libjpeg-turbo in imagecodecs.

A decoder plugin as pydicom's guide "Pixel Data Decoder Plugins" defines it; `offer` makes pydicom know it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pydicom.uid import JPEGExtended12Bit

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

DECODER_DEPENDENCIES = {JPEGExtended12Bit: ("imagecodecs",)}


def is_available(uid: str) -> bool:
    """Whether this decodes the transfer syntax."""
    return uid in DECODER_DEPENDENCIES


@cache
def offer() -> None:
    """Lets pydicom ask this decoder, after its own; once for all."""
    from pydicom.pixels.decoders.base import JPEGExtended12BitDecoder

    JPEGExtended12BitDecoder.add_plugin("imagecodecs", (__name__, "_decode_frame"))


def _decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    from imagecodecs import jpeg8_decode

    found = jpeg8_decode(src)
    if found.dtype.itemsize * 8 != runner.bits_allocated:
        raise ValueError(f"JPEG of {found.dtype} where {runner.bits_allocated} bits are allocated")
    return bytes(found.tobytes())
