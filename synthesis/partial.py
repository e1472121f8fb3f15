"""Partial: where the masks of a volume don't tell all that there is of a concept; in memory only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class Partial:
    """For each concept, and each array axis, the slices of the volume on which something of it may be missing."""

    shape: tuple[int, int, int]
    slices: dict[str, list[NDArray[np.bool_]]] = field(default_factory=dict)

    def add(self, concept: str, found: Sequence[NDArray[Any]], first: Sequence[int] = (0, 0, 0)) -> None:
        """`found` tells it along each axis, from slice `first` of that axis on."""
        known = self.slices.setdefault(concept, [np.zeros(size, np.bool_) for size in self.shape])
        for along, new, start in zip(known, found, first, strict=True):
            along[start : start + len(new)] |= new

    def at(self, axis: int, index: int) -> frozenset[str]:
        """The concepts of which something may be missing in one slice across array `axis`."""
        return frozenset(concept for concept, along in self.slices.items() if along[axis][index])

    @property
    def concepts(self) -> frozenset[str]:
        """The concepts of which something may be missing anywhere in the volume."""
        return frozenset(concept for concept, along in self.slices.items() if along[0].any())


def along_axes(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Along each axis of a 3D mask, the slices that it reaches."""
    return [np.asarray(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
