"""Whether a picture may hold text at all: a few milliseconds, so that OCR is asked only where it may find some."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 1600
"""A longer side is reduced to this; letters that a person can read stay readable."""
STROKE = 9
"""Pixels: a stroke that is wider is no letter's of at most `TALLEST`."""
SMALLEST, TALLEST = 5, 64
"""Pixels: heights of letters."""
CONTRAST = 40
"""Grey levels between a stroke and what is around it."""
IN_A_ROW = 3
"""Letters beside each other that make text."""
FEWEST = 20
"""Pixels of strokes that make the smallest text."""
MOST_PARTS = 6000
"""More parts than letters can be: a texture. OCR decides."""


def may_hold_text(grey: NDArray[np.uint8]) -> bool:
    """Whether at least `IN_A_ROW` letter-like parts stand in a row, bright on dark or dark on bright; H×W grey levels.

    Strokes are what an opening (or closing) wider than a stroke takes away. Letters of one line have about one height,
    one base line, and gaps narrower than they are high; running letters that touch count by their width.
    """
    grey = reduced(grey)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (STROKE, STROKE))
    for operation in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        strokes = cv2.morphologyEx(grey, operation, kernel)
        _, marked = cv2.threshold(strokes, CONTRAST, 255, cv2.THRESH_BINARY)
        if cv2.countNonZero(marked) < FEWEST:
            continue
        left, top, width, height = cv2.boundingRect(marked)
        marked = np.ascontiguousarray(marked[top : top + height, left : left + width])
        count, _, stats, _ = cv2.connectedComponentsWithStats(marked, connectivity=8, ltype=cv2.CV_32S)
        if count > MOST_PARTS or _rows(stats[1:]):
            return True
    return False


def reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with its longer side at most `SIDE` pixels."""
    height, width = picture.shape[:2]
    longer = max(height, width)
    if longer <= SIDE:
        return picture
    size = (max(1, round(width * SIDE / longer)), max(1, round(height * SIDE / longer)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _rows(stats: NDArray[Any]) -> bool:
    x, y, width, height, area = (stats[:, column].astype(np.float64) for column in range(5))
    letter = (height >= SMALLEST) & (height <= TALLEST) & (area >= height) & (area <= 0.9 * width * height + 4)
    letter &= width <= 14 * height
    if np.count_nonzero(letter) == 0:
        return False
    x, y, width, height = x[letter], y[letter], width[letter], height[letter]
    # A word whose letters touch is as many letters as it is wide.
    worth = np.maximum(1, np.floor(width / (0.8 * height)))
    order = np.argsort(x, kind="stable")
    x, y, width, height, worth = x[order], y[order], width[order], height[order], worth[order]
    for start in range(len(x)):
        total, end, low = worth[start], x[start] + width[start], y[start] + height[start]
        tall = height[start]
        for other in range(start + 1, min(len(x), start + 400)):
            gap = x[other] - end
            if gap > 1.5 * tall:
                break
            level = abs(y[other] + height[other] - low) <= 0.35 * tall
            if level and 0.6 * tall <= height[other] <= 1.7 * tall and gap > -0.5 * tall:
                total += worth[other]
                end = x[other] + width[other]
        if total >= IN_A_ROW and end - x[start] >= 1.2 * tall:
            return True
    return False
