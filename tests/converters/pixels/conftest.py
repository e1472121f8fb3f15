"""Pictures that the tests of this folder share."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

Array = np.ndarray[Any, Any]


class Pictures:
    @staticmethod
    def scene(height: int, width: int, channels: int = 3, seed: int = 0) -> Array:
        """A smooth uint8 picture with edges and some noise, so that codecs have something to do."""
        rng = np.random.default_rng(seed)
        coarse = rng.integers(0, 256, (8, 8, channels), dtype=np.uint8)
        array = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, channels)
        noisy = np.clip(array + rng.normal(0, 4, array.shape), 0, 255).astype(np.uint8)
        noisy[height // 4 : height // 3, width // 4 : width // 2] = 250
        return noisy if channels > 1 else noisy[..., 0]

    @staticmethod
    def saved(array: Any, kind: str, **options: Any) -> bytes:
        """The array (or Pillow image) as a file of Pillow's own writing."""
        buffer = io.BytesIO()
        image = array if isinstance(array, Image.Image) else Image.fromarray(array)
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    @staticmethod
    def pillow(data: bytes) -> Array:
        """Pillow's own reading."""
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image)

    @staticmethod
    def chunk(kind: bytes, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))

    @classmethod
    def png(cls, width: int, height: int, bits: int, colour: int, pixels: bytes, *extra: bytes) -> bytes:
        """A PNG file from its parts: `pixels` (with filter bytes) are deflated, `extra` chunks stand before them."""
        header = cls.chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
        body = cls.chunk(b"IDAT", zlib.compress(pixels))
        return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + cls.chunk(b"IEND", b"")

    @staticmethod
    def segment(marker: int, payload: bytes) -> bytes:
        """A JPEG segment."""
        return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload

    @staticmethod
    def exif(orientation: int) -> bytes:
        """An EXIF block with this orientation and an artist."""
        exif = Image.Exif()
        exif[0x0112] = orientation
        exif[0x013B] = "Doe^Jane"
        return exif.tobytes()


@pytest.fixture(scope="session")
def pictures() -> type[Pictures]:
    return Pictures
