"""Small copies of stored pictures, to be embedded in the page."""

from __future__ import annotations

import base64

import cv2
import msgspec
import numpy as np

from medloom.schemas.errors import BadInput
from medloom.schemas.view import View

SIDE = 384
QUALITY = 80


class Thumbnail(msgspec.Struct, frozen=True):
    """JPEG as data URI; `width` and `height` are pixels of the thumbnail."""

    uri: str
    width: int
    height: int


def fitted(width: int, height: int, side: int = SIDE) -> tuple[int, int]:
    """(width, height) with the longer at most `side`, neither below 1, never enlarged."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def thumbnail(data: bytes, view: View, side: int = SIDE) -> Thumbnail:
    """`data`, the stored bytes of `view`, area-averaged to at most `side` pixels on its longer side.

    Raises BadInput("undecodable") where the bytes are no picture, BadInput("wrong_size") where they are another one.
    """
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error as error:
        raise BadInput("undecodable", f"{view.format} of {len(data)} bytes: {error.err}", view.source_file) from None
    if picture is None:
        raise BadInput("undecodable", f"{len(data)} bytes are not a picture", view.source_file)
    if picture.shape[:2] != (view.height, view.width):
        found = f"{picture.shape[1]}×{picture.shape[0]}"
        raise BadInput("wrong_size", f"{found} stored, {view.width}×{view.height} stated", view.source_file)
    width, height = fitted(view.width, view.height, side)
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    return Thumbnail(f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}", width, height)
