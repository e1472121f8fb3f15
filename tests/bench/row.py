"""What the plain loops make of pixels: a row with its stored bytes, hashes and boxes."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from isal import isal_zlib

_BASIS = np.rint(2**15 * np.cos(np.pi * np.arange(8)[:, None] * (2 * np.arange(32) + 1) / 64))
_BASIS_T = np.ascontiguousarray(_BASIS.T)
Row = dict[str, Any]


def phash(grey: np.ndarray) -> str:
    """The DCT hash of a reduced grey picture."""
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
    low = (_BASIS @ small @ _BASIS_T).ravel()
    ordered = np.sort(low)
    return np.packbits(low > (ordered[31] + ordered[32]) / 2).tobytes().hex()


def row(
    file: str,
    data: bytes,
    sha256: str,
    hashed: str,
    width: int,
    height: int,
    boxes: list[list[float]] | None = None,
    sources: tuple[str, ...] = (),
    label: str = "",
) -> Row:
    return {
        "id": file, "image": {"bytes": data, "path": file}, "label": label, "sha256": sha256, "phash": hashed,
        "width": width, "height": height, "boxes": boxes or [], "sources": sources,
    }  # fmt: skip


def reduced(array: np.ndarray) -> np.ndarray:
    """Grey, area-averaged by the largest whole factor that leaves 64 pixels."""
    height, width = array.shape[:2]
    factor = min(height, width) // 64
    small = cv2.resize(array[: height // factor * factor, : width // factor * factor],
                       (width // factor, height // factor), interpolation=cv2.INTER_AREA)  # fmt: skip
    return small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def levels(values: np.ndarray, center: float, width: float) -> np.ndarray:
    """Grey levels of a window, as DICOM's LINEAR function has them."""
    low, span = center - 0.5 - (width - 1) / 2, width - 1
    return np.rint(np.clip((values - low) * (255.0 / span), 0, 255)).astype(np.uint8)


def png(array: np.ndarray) -> bytes:
    height, width = array.shape
    rows = np.empty((height, width + 1), np.uint8)
    rows[:, 0] = 2
    rows[0, 1:] = array[0]
    np.subtract(array[1:], array[:-1], out=rows[1:, 1:])
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    for kind, payload in ((b"IHDR", header), (b"IDAT", isal_zlib.compress(rows, 1)), (b"IEND", b"")):
        check = isal_zlib.crc32(payload, isal_zlib.crc32(kind))
        parts += [struct.pack(">I", len(payload)), kind, payload, struct.pack(">I", check)]
    return b"".join(parts)
