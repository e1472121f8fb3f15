"""Painting: a Scene into the voxels of a Grid, with soft edges, grain and noise, and every voxel's part beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.grid import Grid
from medloom.converters.phantom.scene import MARROW, Scene, Strand


@dataclass(frozen=True)
class Painted:
    """`values` (i, j, k) float32 without noise of the scanner; `part` (i, j, k): 1 + the index of the part, 0 for air.

    `grain` is the amplitude of the grain at each voxel.
    """

    grid: Grid
    scene: Scene
    values: NDArray[np.float32]
    grain: NDArray[np.float32]
    part: NDArray[np.uint8]

    def label_map(self, values: dict[str, int]) -> NDArray[np.uint8]:
        """The label map whose `values` are given by concept; parts of other concepts are background."""
        table = [0, *(values.get(part.concept or "", 0) for part in self.scene.parts)]
        return np.array(table, np.uint8)[self.part]

    def mask(self, concept: str) -> NDArray[np.uint8]:
        """1 where the concept is."""
        return self.label_map({concept: 1})

    def object_mask(self, object_id: str) -> NDArray[np.bool_]:
        """True where the one object is."""
        wanted = [1 + index for index, part in enumerate(self.scene.parts) if part.object_id == object_id]
        return np.isin(self.part, wanted)


def paint(scene: Scene, grid: Grid) -> Painted:
    """A voxel belongs to the last part whose body holds its centre; values mix over one voxel at each border."""
    values = np.full(grid.shape, scene.air, np.float32)
    grain = np.zeros(grid.shape, np.float32)
    owner = np.zeros(grid.shape, np.uint8)
    soft = float(np.sort(grid.spacing_mm)[1]) * 1.1
    for number, part in enumerate(scene.parts, start=1):
        block = grid.block(*part.shape.bounds, margin_mm=soft + part.edge_mm)
        if block is None:
            continue
        radius = part.shape.radius(*grid.coordinates(block)).astype(np.float32)
        share = np.clip(0.5 - (radius - 1) * np.float32(part.shape.scale_mm / (soft + part.edge_mm)), 0, 1)
        values[block] += share * (np.float32(part.value) - values[block])
        grain[block] += share * (np.float32(part.texture) - grain[block])
        if not part.tint:
            np.copyto(owner[block], np.uint8(number), where=radius <= 1)
    values += _strands(scene.strands, grid)
    return Painted(grid, scene, values, grain, owner)


def grained(painted: Painted, draw: np.random.Generator, noise: float, clump_mm: float = 7.0) -> NDArray[np.float32]:
    """The values with their parts' grain (clumps of about `clump_mm`) and the scanner's noise of that deviation."""
    from scipy.ndimage import gaussian_filter

    spacing = painted.grid.spacing_mm
    clumps = gaussian_filter(
        draw.standard_normal(painted.grid.shape, dtype=np.float32),
        [clump_mm / 2.355 / step for step in spacing],
        truncate=2.5,
    )
    clumps /= max(float(clumps.std()), 1e-6)
    thin = [0.0 if axis == painted.grid.axial_axis else 0.55 for axis in range(3)]
    speckle = gaussian_filter(draw.standard_normal(painted.grid.shape, dtype=np.float32), thin, truncate=3.0)
    speckle *= noise / max(float(speckle.std()), 1e-6)
    return np.asarray(painted.values + clumps * painted.grain * np.float32(0.6) + speckle, np.float32)


def _strands(strands: tuple[Strand, ...], grid: Grid) -> NDArray[np.float32]:
    """What the tubes add: their volume per voxel, spread over their radius, never more than a solid tube."""
    from scipy.ndimage import gaussian_filter

    total = np.zeros(grid.shape, np.float32)
    groups: dict[tuple[float, float], list[Strand]] = {}
    for strand in strands:
        groups.setdefault((strand.radius_mm, strand.value), []).append(strand)
        if strand.marrow:
            groups.setdefault((MARROW * strand.radius_mm, strand.marrow), []).append(strand)
    for (radius, value), group in groups.items():
        points = np.concatenate([strand.points for strand in group])
        weight = np.concatenate(
            [np.full(len(s.points), math.pi * radius**2 * s.step_mm / grid.voxel_mm3) for s in group]
        )
        index = np.rint(grid.index(points)).astype(np.int64)
        within = ((index >= 0) & (index < grid.shape)).all(axis=1)
        if not within.any():
            continue
        index = index[within]
        start = np.maximum(index.min(axis=0) - 3, 0)
        shape = np.minimum(index.max(axis=0) + 4, grid.shape) - start
        place = np.ravel_multi_index(tuple((index - start).T), tuple(shape))
        dense = np.bincount(place, weight[within], minlength=int(shape.prod())).reshape(shape).astype(np.float32)
        spread = [sigma if (sigma := 0.5 * radius / step) > 0.3 else 0.0 for step in grid.spacing_mm]
        block = tuple(slice(first, first + size) for first, size in zip(start, shape, strict=True))
        total[block] += np.minimum(gaussian_filter(dense, spread, truncate=2.5), 1.0) * np.float32(value)
    return total
