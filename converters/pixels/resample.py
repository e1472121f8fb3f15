"""Volumes on another volume's grid, by world coordinates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.volume import Volume, label_map
from medloom.schemas.errors import BadInput

NEAR = 1e-3
"""Voxels; so much outside is still on the edge."""


def resampled_labels(labels: Volume, like: Volume, transform: NDArray[np.float64] | None = None) -> NDArray[Any]:
    """The label map's integers at the centres of `like`'s voxels: the nearest label, 0 outside.

    `transform` (4×4, RAS mm) maps points of `like`'s space to the label map's; without, they are one space.
    Raises BadInput ``no_orientation`` where either has no place in the patient, ``not_a_label_map``,
    ``outside_picture`` where the map shows something and none of it comes to lie within `like`.
    """
    values = label_map(labels)
    found = _sampled(values, labels, like, transform, order=0)
    if not found.any() and values.any():
        raise BadInput("outside_picture", "nothing of the mask lies within the volume, by their world coordinates")
    return found


def resampled(volume: Volume, like: Volume, transform: NDArray[np.float64] | None = None) -> Volume:
    """The volume's values on `like`'s grid, between voxels by trilinear interpolation, 0 outside; as float32.

    Raises BadInput ``no_orientation``.
    """
    values = np.asarray(volume.values(), np.float32)
    data = _sampled(values, volume, like, transform, order=1)
    note = "resampled to another volume's grid by world coordinates"
    return replace(like, data=data, slope=1.0, inter=0.0, notes=(*volume.notes, note), window=volume.window)


def not_covered(volume: Volume, like: Volume, transform: NDArray[np.float64] | None = None) -> list[NDArray[np.bool_]]:
    """Along each array axis of `like`, the slices of which a voxel's centre lies outside the volume."""
    way = _way(volume, like, transform)
    last = np.array(volume.shape)[:, None] - 0.5
    found = []
    for axis, size in enumerate(like.shape):
        ends = [(0, n - 1) for n in like.shape]
        ends[axis] = (0, 0)
        corners = np.array(np.meshgrid(*ends, [1], indexing="ij"), np.float64).reshape(4, -1)
        outside = np.zeros(size, np.bool_)
        for index in range(size):  # a slice is flat and the grid a box: where its corners are, all of it is
            corners[axis] = index
            placed = (way @ corners)[:3]
            outside[index] = bool(((placed < -0.5 - NEAR) | (placed > last + NEAR)).any())
        found.append(outside)
    return found


def _way(volume: Volume, like: Volume, transform: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """From voxels of `like` to those of the volume."""
    return np.asarray(np.linalg.inv(volume.affine) @ (np.eye(4) if transform is None else transform) @ like.affine)


def _sampled(
    values: NDArray[Any], volume: Volume, like: Volume, transform: NDArray[np.float64] | None, order: int
) -> NDArray[Any]:
    from scipy.ndimage import affine_transform

    if not (volume.oriented and like.oriented):
        raise BadInput("no_orientation", "without a place in the patient there is no way from one grid to another")
    way = _way(volume, like, transform)
    out = np.zeros(like.shape, values.dtype, order="F")
    # A label reaches half a voxel around the outermost centres; a value between there and nothing isn't known.
    mode = "constant" if order else "grid-constant"
    affine_transform(values, way[:3, :3], way[:3, 3], like.shape, out, order=order, mode=mode, cval=0)
    return out
