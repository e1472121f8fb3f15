"""Pictures on disk, with the same bytes every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def jpeg(picture: NDArray[Any], quality: int = 90) -> bytes:
    """JPEG of a grey (height, width) or RGB (height, width, 3) picture of 8 bits."""
    import simplejpeg

    grey = picture.ndim == 2
    pixels = np.ascontiguousarray(picture[:, :, None] if grey else picture, np.uint8)
    return bytes(simplejpeg.encode_jpeg(pixels, quality, "GRAY" if grey else "RGB", "444" if grey else "420"))


def write_jpeg(path: Path, picture: NDArray[Any], quality: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(picture, quality))


def write_png(path: Path, picture: NDArray[Any]) -> None:
    """PNG of a grey (height, width) or RGB (height, width, 3) picture, 8 or 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".png", picture[:, :, ::-1] if picture.ndim == 3 else picture)
    path.write_bytes(data.tobytes())
