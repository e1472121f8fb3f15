"""Faults planted on purpose, seeded: distorted pictures, and a corpus of which it is known what is wrong with it."""

from __future__ import annotations

import cv2
import numpy as np

DISTORTIONS = ("resized", "recompressed", "cropped", "padded", "grey_levels", "windowed")


def distorted(picture, how, rng):
    """A copy of an H×W or H×W×3 uint8 picture, changed in a way that people change pictures."""
    height, width = picture.shape[:2]
    if how == "resized":
        scale = rng.uniform(0.45, 1.4)
        return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    if how == "recompressed":
        return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 70))])[1], -1)
    if how == "cropped":  # 5 % of each side, anywhere
        top, left = (round(float(rng.uniform(0, 0.05)) * side) for side in (height, width))
        return picture[top : top + round(0.95 * height), left : left + round(0.95 * width)]
    if how == "padded":
        edge = round(float(rng.uniform(0.03, 0.1)) * max(height, width))
        down = edge if rng.random() < 0.7 else 0
        return cv2.copyMakeBorder(picture, down, down, edge, edge, cv2.BORDER_CONSTANT, value=0)
    if how == "grey_levels":
        bent = (picture / 255.0) ** rng.choice([0.6, 1.6]) * 220 + 20
        return np.rint(bent).astype(np.uint8)
    low, high = np.percentile(picture, [rng.uniform(5, 15), rng.uniform(85, 95)])
    return np.rint(np.clip((picture - low) / max(high - low, 1.0), 0, 1) * 255).astype(np.uint8)
