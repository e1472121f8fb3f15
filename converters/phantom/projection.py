"""Projection: line integrals of a torso along y, exactly, by the chords of its bodies; nothing is sampled in depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.scene import MARROW, Strand
from medloom.converters.phantom.shapes import Floats


@dataclass(frozen=True)
class Plate:
    """Where the pixels of a frontal film lie. Patient right is on the picture's left; row 0 is at the top.

    `size` is (width, height); `centre` the (x, z) in RAS mm under the middle of the picture; `roll_deg` turns the
    patient about y.
    """

    size: tuple[int, int] = (512, 512)
    spacing_mm: float = 0.74
    centre: tuple[float, float] = (0.0, 106.0)
    roll_deg: float = 0.0

    def plane(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """x and z, RAS mm, of each pixel's middle; arrays of (height, width)."""
        width, height = self.size
        u = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) * -self.spacing_mm
        v = (height / 2 - np.arange(height, dtype=np.float32) - 0.5) * self.spacing_mm
        c, s = math.cos(math.radians(self.roll_deg)), math.sin(math.radians(self.roll_deg))
        return self.centre[0] + c * u[None] - s * v[:, None], self.centre[1] + s * u[None] + c * v[:, None]

    def pixel(self, x: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Column and row, in pixels from the picture's top left corner, of points in RAS mm."""
        c, s = math.cos(math.radians(self.roll_deg)), math.sin(math.radians(self.roll_deg))
        u, v = c * (x - self.centre[0]) + s * (z - self.centre[1]), -s * (x - self.centre[0]) + c * (z - self.centre[1])
        return self.size[0] / 2 - u / self.spacing_mm, self.size[1] / 2 - v / self.spacing_mm


def shadow(strands: tuple[Strand, ...], plate: Plate) -> NDArray[np.float32]:
    """Sum over the strands of `value` / 1000 times their thickness along y, in mm."""
    import cv2

    width, height = plate.size
    total = np.zeros((height, width), np.float32)
    kinds: dict[tuple[float, float, float], list[Strand]] = {}
    for strand in strands:
        kinds.setdefault((strand.radius_mm, strand.value, strand.marrow), []).append(strand)
    for (radius, value, marrow), group in kinds.items():
        points = np.concatenate([strand.points for strand in group])
        steps = np.concatenate([np.full(len(strand.points), strand.step_mm) for strand in group])
        column, row = plate.pixel(points[:, 0], points[:, 2])
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        place = row[inside].astype(np.int64) * width + column[inside].astype(np.int64)
        seen = np.bincount(place, steps[inside], minlength=width * height).reshape(height, width)
        kernel = value / 1000 * _disc(radius, radius, plate) + marrow / 1000 * _disc(MARROW * radius, radius, plate)
        total += cv2.filter2D(seen.astype(np.float32), -1, kernel, borderType=cv2.BORDER_CONSTANT)
    return total


def _disc(radius: float, reach_mm: float, plate: Plate) -> NDArray[np.float32]:
    """What 1 mm of a tube adds around it, over a square of pixels: discs in a row are as thick as a tube is deep."""
    reach = math.ceil(reach_mm / plate.spacing_mm) + 1
    offset = np.arange(-reach, reach + 1) * plate.spacing_mm
    disc = np.clip((radius - np.hypot(offset[:, None], offset[None])) / plate.spacing_mm + 0.5, 1e-6, 1)
    return np.asarray(disc / disc.sum() * math.pi * radius**2 / plate.spacing_mm**2, np.float32)
