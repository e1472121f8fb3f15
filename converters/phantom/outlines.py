"""Outlines: a mask as COCO polygons or run lengths, and its box."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.truth import Box


def box_of(mask: NDArray[np.bool_]) -> Box:
    """Half-open xyxy of the pixels that are set. Raises ValueError where there is none."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not rows.size:
        raise ValueError("an empty mask has no box")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def polygons(mask: NDArray[np.bool_]) -> list[list[float]]:
    """Outer outlines as flat x, y lists in pixels from the picture's corner; a quarter pixel inside the edge."""
    twice = cv2.resize(mask.astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    found, _ = cv2.findContours(twice, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    lines = [cv2.approxPolyDP(line, 0.8, True).reshape(-1, 2) / 2 + 0.25 for line in found]
    return [
        [float(value) for value in line.ravel()]
        for line in sorted(lines, key=lambda line: line.tolist())
        if len(line) > 2
    ]


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, list[int] | str]:
    """Compressed COCO run lengths: ``{"size": [height, width], "counts": "..."}``."""
    from pycocotools import mask as coco

    found = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(side) for side in found["size"]], "counts": found["counts"].decode("ascii")}
