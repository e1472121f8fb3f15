"""Slices: the named policies by which a volume's views are chosen, with a cap per volume."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.plane import native_axes
from medloom.converters.pixels.volume import Volume
from medloom.schemas.catalog import ViewPolicy
from medloom.schemas.view import Plane
from medloom.schemas.vocabulary import Vocabulary
from medloom.synthesis.structures import Structure

FINDING_WEIGHT = 16
"""One lesion outweighs this many organs when a slice is chosen."""


def choose_slices(
    volume: Volume, structures: list[Structure], policy: ViewPolicy, vocabulary: Vocabulary
) -> list[tuple[Plane, int]]:
    """(plane, index in canonical RAS+ order), at most `per_volume` for each plane, in that order.

    ``largest_area``: slices on which most components have their largest section, findings first; ``every_label``: an
    even draw from all slices that show any structure; ``even`` and ``montage``: evenly over the whole volume;
    ``centre``: the middle. A volume without structures falls back to ``even``, so that negatives exist too.
    """
    chosen: list[tuple[Plane, int]] = []
    for plane in policy.planes if volume.oriented else (_only_plane(volume),):
        count = volume.count(plane)
        if policy.policy == "centre":
            indices = [count // 2]
        elif policy.policy in ("even", "montage") or not structures:
            indices = evenly(range(count), policy.per_volume)
        else:
            weights = _weights(volume, structures, plane, count, vocabulary, policy.policy == "every_label")
            if policy.policy == "every_label":
                indices = evenly([int(index) for index in np.nonzero(weights)[0]], policy.per_volume)
            else:
                order = np.lexsort((np.arange(count), -weights))[: policy.per_volume]
                indices = sorted(int(index) for index in order if weights[index] > 0)
        chosen.extend((plane, index) for index in indices)
    return chosen


def _only_plane(volume: Volume) -> Plane:
    """Of a volume without orientation: across the axis of its one slice where it has one."""
    planes: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
    return next((plane for plane in planes if volume.flat and volume.count(plane) == 1), "axial")


def evenly(items: range | list[int], count: int) -> list[int]:
    """`count` items at the centres of equal parts of the list; all of them where there are no more."""
    if len(items) <= count:
        return list(items)
    return [items[int((part + 0.5) * len(items) / count)] for part in range(count)]


def _weights(
    volume: Volume, structures: list[Structure], plane: Plane, count: int, vocabulary: Vocabulary, any_area: bool
) -> NDArray[np.int64]:
    """How much each slice (canonical order) has to show."""
    weights = np.zeros(count, np.int64)
    axes, flipped = native_axes(volume.affine, plane)
    for structure in structures:
        areas = structure.areas(axes[0])[:, :: -1 if flipped[0] else 1]
        worth = FINDING_WEIGHT if vocabulary[structure.concept].kind == "finding" else 1
        if any_area:
            weights += areas.sum(axis=0)
        else:
            np.add.at(weights, areas.argmax(axis=1), worth)
    return weights
