"""Structures: what the masks of a volume show, as cropped 3D components that can be cut by a plane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.mask import components3d
from medloom.schemas.card import AreaRule
from medloom.schemas.record import Fact


@dataclass(frozen=True)
class Structure:
    """One concept in one volume.

    `crop` holds the 3D component number of each voxel (0: none) within `where`, the half-open ijk slices of the
    volume of `shape`; `voxel_mm3` is None where the volume has no spacing.
    """

    concept: str
    fact: Fact
    shape: tuple[int, int, int]
    where: tuple[slice, slice, slice]
    crop: NDArray[Any]
    voxel_mm3: float | None

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Voxels of component 1, 2, ...; index 0 stands for component 1."""
        return np.bincount(self.crop.ravel())[1:]

    def whole(self) -> NDArray[Any]:
        """The component numbers on the volume's own grid, ijk. Pages outside the crop are never touched."""
        full = np.zeros(self.shape, self.crop.dtype)
        full[self.where] = self.crop
        return full

    def areas(self, axis: int) -> NDArray[np.int64]:
        """Voxels of each component (rows) in each slice across array `axis` (columns) of the whole volume."""
        if axis not in self._areas:
            self._areas[axis] = self._counted(axis)
        return self._areas[axis]

    @cached_property
    def _areas(self) -> dict[int, NDArray[np.int64]]:
        return {}

    def _counted(self, axis: int) -> NDArray[np.int64]:
        found = np.nonzero(self.crop)
        numbers = self.crop[found].astype(np.int64) - 1
        start = self.where[axis].start
        length = self.shape[axis]
        flat = np.bincount(numbers * length + found[axis] + start, minlength=len(self.sizes) * length)
        return flat.reshape(len(self.sizes), length)


def structures_of(
    masks: Iterable[tuple[str, Fact, NDArray[np.bool_], tuple[slice, slice, slice]]],
    shape: tuple[int, int, int],
    voxel_mm3: float | None,
    rule: AreaRule,
    connectivity: int,
) -> list[Structure]:
    """Structures of (concept, fact, cropped mask, where): components below the rule's mm³ are left out."""
    found: list[Structure] = []
    for concept, fact, mask, where in masks:
        parts = [part for part in components3d(mask, connectivity) if part.voxels * (voxel_mm3 or 1.0) >= rule.mm3]
        if parts:
            numbered = np.zeros(mask.shape, np.uint16 if len(parts) < 2**16 else np.uint32)
            for number, part in enumerate(parts, start=1):
                i0, j0, k0, i1, j1, k1 = part.box
                numbered[i0:i1, j0:j1, k0:k1][part.mask] = number
            found.append(Structure(concept, fact, shape, where, numbered, voxel_mm3))
    return found


Crop = tuple[NDArray[np.bool_], tuple[slice, slice, slice]]
"""A cropped mask, and its ijk slices in the volume."""


def crops_of_values(
    label_map: NDArray[Any], boxes: Mapping[int, tuple[int, int, int, int, int, int]], values: Iterable[int]
) -> dict[int, Crop]:
    """The crop of each of `values` that occurs in an integer label map; `boxes` are those of `boxes3d_of_labels`."""
    found = {}
    for value in sorted(set(values) & boxes.keys()):
        i0, j0, k0, i1, j1, k1 = boxes[value]
        where = (slice(i0, i1), slice(j0, j1), slice(k0, k1))
        found[value] = (label_map[where] == value, where)
    return found
