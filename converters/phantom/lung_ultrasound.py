"""Lung ultrasound: B-mode clips between two ribs, with sliding pleura, A-lines, and B-lines that come and go."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
SIZE = (160, 136)
RATE = 10.0
B_LINES, NO_SLIDING = "b_lines", "pleural_sliding_absent"


@dataclass(frozen=True)
class Plan:
    """What a clip shows. `b_lines` and `still` (no sliding) are (first frame, frame after the last), None for never.

    `pleura` is the depth of the pleural line in px; `beams` the B-lines' places across, from 0 to 1.
    """

    frames: int
    pleura: float
    beams: tuple[float, ...]
    b_lines: tuple[int, int] | None
    still: tuple[int, int] | None

    @classmethod
    def drawn(cls, draw: np.random.Generator, with_b_lines: bool, with_still: bool) -> Plan:
        """A plan of 30 to 38 frames; what it shows begins and ends within the clip, or lasts to its end."""
        frames = int(draw.integers(30, 39))
        pleura = float(draw.uniform(40, 50))
        beams = tuple(sorted(float(place) for place in draw.uniform(0.27, 0.73, int(draw.integers(2, 4)))))
        first, other = int(draw.integers(4, 10)), int(draw.integers(12, 17))
        return cls(
            frames,
            pleura,
            beams,
            (first, first + int(draw.integers(12, 18))) if with_b_lines else None,
            (other, frames) if with_still else None,
        )


def lung_clip(plan: Plan, draw: np.random.Generator) -> list[NDArray[np.uint8]]:
    """The frames, grey (height, width), at RATE per second."""
    width, height = SIZE
    wall, deep = _speckle(draw, (height, width + 60), 1.6), _speckle(draw, (height, width + 60), 1.1)
    phase = float(draw.uniform(0, 6))
    slide = 0.0
    found = []
    for number in range(plan.frames):
        if not _during(plan.still, number):
            slide = 14 * np.sin(2 * np.pi * number / 22 + phase)
        jitter = 0.8 * np.sin(2 * np.pi * number / 9)
        frame = _frame(plan, number, _shifted(wall, jitter), _shifted(deep, slide), slide)
        frame += 2.0 * draw.standard_normal(frame.shape, dtype=np.float32)
        found.append(np.asarray(np.clip(np.rint(frame / 8) * 8, 0, 248), np.uint8))
    return found


def _frame(plan: Plan, number: int, wall: Image, deep: Image, slide: float) -> Image:
    width, height = SIZE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    line = plan.pleura + 1.6 * np.sin(x / 26.0) + 0.7 * np.sin(2 * np.pi * number / 22)
    depth = y - line
    layers = 62 + 22 * np.sin(y * 0.42) + 16 * np.sin(y * 0.15 + 1)
    frame = np.where(depth < 0, layers * wall, 30 * np.exp(-depth / 60) * deep)
    frame += 175 * np.exp(-0.5 * (depth / 1.7) ** 2) * (0.7 + 0.3 * deep)
    beams = _beams(plan, number, x, depth, slide)
    for order in (2, 3):  # A-lines: the pleura's echo again, at twice and three times its depth
        frame += 62 / order * np.exp(-0.5 * ((y - order * line) / 1.6) ** 2) * (1 - np.clip(beams * 1.6, 0, 1))
    frame += 120 * beams * np.exp(-depth / 220) * (0.75 + 0.25 * deep)
    for side in (-1.0, 1.0):  # a rib at either edge, and its shadow
        far = np.hypot((x - width / 2 - side * width * 0.46) / 22, (y - plan.pleura + 13) / 9)
        frame += 150 * np.exp(-0.5 * ((far - 1) / 0.13) ** 2) * (y < plan.pleura - 11)
        shade = np.clip((22 - np.abs(x - width / 2 - side * width * 0.46)) / 6, 0, 1) * (y > plan.pleura - 14)
        frame *= 1 - 0.9 * shade
    return np.asarray(frame * np.clip(1.15 - y / (1.6 * height), 0, 1), np.float32)


def _beams(plan: Plan, number: int, x: Image, depth: Image, slide: float) -> Image:
    """B-lines: beams from the pleura to the bottom that move with it."""
    total = np.zeros_like(x)
    if _during(plan.b_lines, number):
        for place in plan.beams:
            spread = 2.2 + np.maximum(depth, 0) * 0.018
            total += np.exp(-0.5 * ((x - place * SIZE[0] - 0.5 * slide) / spread) ** 2)
    return np.asarray(np.clip(total, 0, 1) * (depth > -0.5), np.float32)


def _during(span: tuple[int, int] | None, number: int) -> bool:
    return span is not None and span[0] <= number < span[1]


def _speckle(draw: np.random.Generator, shape: tuple[int, int], sigma: float) -> Image:
    """Fully developed speckle: the magnitude of smoothed complex noise, of mean 1."""
    real, imaginary = (
        cv2.GaussianBlur(draw.standard_normal(shape, dtype=np.float32), (0, 0), sigma * 1.7, sigmaY=sigma * 0.7)
        for _ in range(2)
    )
    found = np.hypot(real, imaginary)
    return np.asarray(found / found.mean(), np.float32)


def _shifted(field: Image, by: float) -> Image:
    """The middle of a wider field, moved across by a part of a pixel."""
    start, rest = int(np.floor(30 + by)), np.float32((30 + by) % 1)
    width = SIZE[0]
    return np.asarray(
        (1 - rest) * field[:, start : start + width] + rest * field[:, start + 1 : start + width + 1], np.float32
    )
