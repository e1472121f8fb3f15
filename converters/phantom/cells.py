"""Cells: made-up blood smears and fluorescent nuclei, with every cell's mask and class."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Window = tuple[slice, slice]


@dataclass(frozen=True)
class Cell:
    """One cell of a picture. `mask` (height, width) covers the pixels that it shows; nothing covers it."""

    concept: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Kind:
    """`radius_px` and `count`: smallest and largest. `gap_px` is how far apart cells stay."""

    concept: str
    radius_px: tuple[float, float]
    count: tuple[int, int]
    gap_px: float = 2.0


BLOOD = (
    Kind("white_blood_cell", (23.0, 29.0), (1, 2)),
    Kind("red_blood_cell", (15.0, 18.5), (14, 26)),
    Kind("platelet", (3.5, 5.0), (0, 6)),
)
NUCLEI = (Kind("cell_nucleus", (9.0, 16.0), (9, 22), gap_px=1.0),)


def blood_smear(draw: np.random.Generator, size: tuple[int, int] = (320, 240)) -> tuple[NDArray[np.uint8], list[Cell]]:
    """A stained smear (RGB) of `size` (width, height), and its cells."""
    width, height = size
    picture = np.full((height, width, 3), (236, 226, 226), np.float32)
    picture += _noise(draw, size, 40.0)[:, :, None] * 4
    grain = _noise(draw, size, 1.6)[:, :, None]
    found = []
    for kind, window, depth in _placed(BLOOD, draw, size):
        share = np.clip(depth + 0.5, 0, 1)[:, :, None]
        picture[window] += share * (_stained(kind.concept, depth, grain[window], draw) - picture[window])
        found.append(_cell(kind, window, depth, size))
    picture = cv2.GaussianBlur(picture, (0, 0), 0.7) + 2.2 * draw.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8), found


def nuclei(draw: np.random.Generator, size: tuple[int, int] = (256, 256)) -> tuple[NDArray[np.uint8], list[Cell]]:
    """Fluorescent nuclei on black (grey), and their masks."""
    picture = 9 + 3 * _noise(draw, size, 30.0)
    grain = 1 + 0.14 * _noise(draw, size, 2.6)
    found = []
    for kind, window, depth in _placed(NUCLEI, draw, size):
        bright = float(draw.uniform(70, 170)) * grain[window] * np.clip(0.7 + depth / 22, 0, 1)
        picture[window] += np.clip(depth / 2 + 0.5, 0, 1) * (bright - picture[window])
        found.append(_cell(kind, window, depth, size))
    picture = cv2.GaussianBlur(picture, (0, 0), 0.9) + 2.5 * draw.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8), found


def _cell(kind: Kind, window: Window, depth: Image, size: tuple[int, int]) -> Cell:
    mask = np.zeros(size[::-1], bool)
    mask[window] = depth > 0
    return Cell(kind.concept, mask)


def _placed(
    kinds: tuple[Kind, ...], draw: np.random.Generator, size: tuple[int, int]
) -> list[tuple[Kind, Window, Image]]:
    """Each cell's kind, its part of the picture, and there its depth: px inside its border, negative outside.

    Cells stay whole and apart.
    """
    width, height = size
    taken: list[tuple[float, float, float]] = []
    found = []
    for kind in kinds:
        for _ in range(int(draw.integers(kind.count[0], kind.count[1] + 1))):
            radius = float(draw.uniform(*kind.radius_px))
            edge = radius + 4
            for _attempt in range(60):
                cx, cy = (float(value) for value in draw.uniform((edge, edge), (width - edge, height - edge)))
                if all(np.hypot(cx - a, cy - b) > radius + r + kind.gap_px for a, b, r in taken):
                    taken.append((cx, cy, radius))
                    window = np.s_[int(cy - edge) : int(cy + edge) + 1, int(cx - edge) : int(cx + edge) + 1]
                    y, x = np.mgrid[window].astype(np.float32)
                    found.append((kind, window, _depth(x - np.float32(cx), y - np.float32(cy), radius, draw)))
                    break
    return found


def _depth(x: Image, y: Image, radius: float, draw: np.random.Generator) -> Image:
    """Of an ellipse with a wavy rim, never wider than `radius`."""
    flat, turn = float(draw.uniform(0.8, 1.0)), float(draw.uniform(0, np.pi))
    u, v = x * np.cos(turn) + y * np.sin(turn), (y * np.cos(turn) - x * np.sin(turn)) / flat
    angle = np.arctan2(v, u)
    rim = 0.95 + 0.025 * np.cos(3 * angle + draw.uniform(0, 6)) + 0.02 * np.cos(2 * angle + draw.uniform(0, 6))
    return np.asarray(radius * rim - np.hypot(u, v), np.float32)


def _stained(concept: str, depth: Image, grain: Image, draw: np.random.Generator) -> Image:
    if concept == "platelet":
        return np.asarray(np.array((148, 96, 164)) + grain * 16, np.float32)
    if concept == "red_blood_cell":
        pale = np.clip((depth - 6.5) / 6, 0, 1)[:, :, None]
        edge = np.array((206, 128, 132)) * float(draw.uniform(0.95, 1.04))
        return np.asarray(edge + pale * (np.array((232, 190, 190)) - edge) + grain * 2, np.float32)
    plasma = np.array((188, 186, 214)) + grain * 7
    lobes = _lobes(depth, draw)[:, :, None]
    return np.asarray(plasma + lobes * (np.array((92, 52, 132)) + grain * 12 - plasma), np.float32)


def _lobes(depth: Image, draw: np.random.Generator) -> Image:
    """The nucleus of a white cell: two to four lobes around its middle."""
    rows, columns = np.nonzero(depth > 0)
    cy, cx, radius = float(rows.mean()), float(columns.mean()), float(depth.max())
    y, x = np.mgrid[: depth.shape[0], : depth.shape[1]].astype(np.float32)
    share = np.zeros_like(depth)
    count, start = int(draw.integers(2, 5)), draw.uniform(0, 6)
    for lobe in range(count):
        angle = start + lobe * 4.4 / count
        far = np.hypot(x - cx - 0.42 * radius * np.cos(angle), y - cy - 0.42 * radius * np.sin(angle))
        share = np.maximum(share, np.clip((0.36 * radius - far) / 1.5 + 0.5, 0, 1))
    return share


def _noise(draw: np.random.Generator, size: tuple[int, int], sigma: float) -> Image:
    width, height = size
    field = cv2.GaussianBlur(draw.standard_normal((height, width), dtype=np.float32), (0, 0), sigma)
    return np.asarray(field / field.std(), np.float32)
