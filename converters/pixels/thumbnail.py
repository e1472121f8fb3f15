"""The small likeness by which filters compare pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from medloom.schemas.appearance import THUMB_SIDE


def thumbnail(grey: NDArray[np.uint8]) -> bytes:
    """`THUMB_SIDE`² bytes, row-major: an H×W grey picture squeezed to a square by area."""
    if grey.shape == (THUMB_SIDE, THUMB_SIDE):
        return grey.tobytes()
    return bytes(cv2.resize(grey, (THUMB_SIDE, THUMB_SIDE), interpolation=cv2.INTER_AREA).tobytes())
