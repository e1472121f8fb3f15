"""Volumes with their axes in the order and direction of another's: voxels move, values and places stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from nibabel.orientations import inv_ornt_aff, io_orientation, ornt_transform

from medloom.converters.pixels.plane import axis_codes
from medloom.converters.pixels.volume import Volume


def reoriented(volume: Volume, like: Volume) -> Volume:
    """The volume with its axes reordered and turned round as those of `like` run, without interpolation.

    The array is a view of the same voxels and the affine moves with it, so that each voxel stays where it lies in
    the patient: a DICOM series and the NIfTI file that was made of it store the same grid from different corners.
    A volume whose orientation isn't known is returned as it is, as is one of several frames.
    """
    if not (volume.oriented and like.oriented) or volume.codes == like.codes or volume.data.ndim != 3:
        return volume
    turn = ornt_transform(io_orientation(volume.affine), io_orientation(like.affine))  # type: ignore[no-untyped-call]
    order = np.argsort(turn[:, 0])
    data = volume.data.transpose(tuple(int(axis) for axis in order))
    data = data[tuple(slice(None, None, int(turn[axis, 1])) for axis in order)]
    affine = volume.affine @ inv_ornt_aff(turn, volume.shape)  # type: ignore[no-untyped-call]
    i, j, k = (volume.spacing[int(axis)] for axis in order)
    return replace(volume, data=data, affine=affine, spacing=(i, j, k), codes=axis_codes(affine))
