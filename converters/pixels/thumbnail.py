"""What filters want of a picture beyond its hash and statistics, from the reduced picture that these were taken of."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from medloom.schemas.appearance import THUMB_SIDE


def thumbnail(grey: NDArray[np.uint8]) -> bytes:
    """`THUMB_SIDE`² bytes, row-major: an H×W grey picture squeezed to a square by area."""
    return bytes(cv2.resize(grey, (THUMB_SIDE, THUMB_SIDE), interpolation=cv2.INTER_AREA).tobytes())


def chroma(picture: NDArray[Any]) -> float:
    """Mean of max(R, G, B) − min(R, G, B) over the pixels of an H×W×3 uint8 picture reduced to about 64; 0 of H×W."""
    if picture.ndim == 2:
        return 0.0
    height, width = picture.shape[:2]
    factor = max(1, min(height, width) // THUMB_SIDE)
    small = picture
    if factor > 1:
        size = (max(1, width // factor), max(1, height // factor))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    red, green, blue = cv2.split(small)
    spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    return float(cv2.mean(spread)[0])
