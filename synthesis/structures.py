"""Structures: what the masks of a volume show, as cropped 3D components that can be cut by a plane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.mask import having, numbered3d
from medloom.schemas.card import AreaRule
from medloom.schemas.record import Fact
from medloom.synthesis.partial import Partial, along_axes


@dataclass(frozen=True)
class Structure:
    """One concept in one volume.

    `crop` holds the 3D component number of each voxel (0: none) within `where`, the half-open ijk slices of the
    volume of `shape`; `sizes` are the voxels of component 1, 2, ...; `voxel_mm3` is None where the volume has no
    spacing. `instance`: the mask is one object, however many parts it has; they are all component 1.
    """

    concept: str
    fact: Fact
    shape: tuple[int, int, int]
    where: tuple[slice, slice, slice]
    crop: NDArray[Any]
    sizes: NDArray[np.int64]
    voxel_mm3: float | None
    instance: bool = False

    def cut(self, axis: int, index: int) -> NDArray[Any]:
        """The crop's component numbers at `index` of the volume across array `axis`, which the crop must reach."""
        return np.asarray(self.crop.take(index - self.where[axis].start, axis))

    def areas(self, axis: int) -> NDArray[np.int64]:
        """Voxels of each component (rows) in each slice across array `axis` (columns) of the whole volume."""
        if axis not in self._areas:
            self._areas[axis] = self._counted(axis)
        return self._areas[axis]

    @cached_property
    def _areas(self) -> dict[int, NDArray[np.int64]]:
        return {}

    def _counted(self, axis: int) -> NDArray[np.int64]:
        others = tuple(number for number in range(3) if number != axis)
        counts = np.zeros((len(self.sizes), self.shape[axis]), np.int64)
        if len(self.sizes) <= FEW:
            for number, row in enumerate(counts, start=1):
                row[self.where[axis]] = np.count_nonzero(self.crop == number, axis=others)
            return counts
        found = np.nonzero(self.crop)
        place = (self.crop[found].astype(np.int64) - 1) * self.shape[axis] + found[axis] + self.where[axis].start
        return np.bincount(place, minlength=counts.size).reshape(counts.shape)


FEW = 4
"""Up to so many components are counted one after another, more all at once."""


class Marked(NamedTuple):
    """What one mask shows: a cropped mask, and its ijk slices in the volume. `instance`: all of it is one object."""

    concept: str
    fact: Fact
    mask: NDArray[np.bool_]
    where: tuple[slice, slice, slice]
    instance: bool = False


def structures_of(
    masks: Iterable[Marked],
    shape: tuple[int, int, int],
    voxel_mm3: float | None,
    rule: AreaRule,
    connectivity: int,
    partial: Partial,
) -> list[Structure]:
    """Components below the rule's mm³ are left out, and `partial` told where they lie."""
    found: list[Structure] = []
    for concept, fact, mask, where, instance in masks:
        if instance:
            numbers, sizes = mask.astype(np.uint8), np.array([np.count_nonzero(mask)], np.int64)
        else:
            numbers, sizes = numbered3d(mask, connectivity)
        kept = int(np.count_nonzero(sizes * (voxel_mm3 or 1.0) >= rule.mm3))  # the largest come first
        if kept < len(sizes):
            partial.add(concept, along_axes(numbers > kept), [side.start for side in where])
            numbers[numbers > kept] = 0
        if kept:
            found.append(Structure(concept, fact, shape, where, numbers, sizes[:kept], voxel_mm3, instance))
    return found


Crop = tuple[NDArray[np.bool_], tuple[slice, slice, slice]]
"""A cropped mask, and its ijk slices in the volume."""


def crop_of(
    label_map: NDArray[Any], boxes: Mapping[int, tuple[int, int, int, int, int, int]], values: Sequence[int]
) -> Crop | None:
    """The crop of all `values` together in an integer label map, whose boxes by `boxes3d_of_labels` are `boxes`; None
    where none of them occurs."""
    there = [value for value in values if value in boxes]
    if not there:
        return None
    edges = [boxes[value] for value in there]
    where = tuple(slice(min(e[axis] for e in edges), max(e[axis + 3] for e in edges)) for axis in range(3))
    return having(label_map[where], there), where  # type: ignore[return-value]
