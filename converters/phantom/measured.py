"""Measured: the truth of painted voxels, counted, beside the truth of the formulas that they were painted from."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.course import Patient
from medloom.converters.phantom.grid import Grid
from medloom.converters.phantom.painting import Painted
from medloom.converters.phantom.shapes import Ellipsoid, Floats
from medloom.converters.phantom.truth import Lesion, Side, VolumeObject, VolumeTruth


def lesion_truth(key: str, concept: str, body: Ellipsoid, plane: tuple[Floats, Floats]) -> Lesion:
    """The truth of an ellipsoid that is cut through its centre along the two unit vectors of `plane`, RAS."""
    long, short = body.section_axes_mm(*plane)
    return Lesion(
        key=key,
        concept=concept,
        side=side_of(body.centre[0]),
        centre_ras_mm=body.centre,
        semi_axes_mm=body.semi_axes_mm,
        volume_mm3=body.volume_mm3,
        long_axis_mm=2 * long,
        short_axis_mm=2 * short,
    )


def side_of(x: float) -> Side:
    """The patient's side of a point, x in RAS mm."""
    return "right" if x > 0 else "left"


def volume_truth(
    painted: Painted,
    source: str,
    patient: Patient,
    modality: Literal["ct", "mr"],
    files: list[str],
    labels: str | None,
    split: Literal["train", "test"] | None,
    names: dict[str, str],
    masks: dict[str, NDArray[np.bool_]] | None = None,
) -> VolumeTruth:
    """The truth of one written volume.

    `names` gives the source's name of each concept, whose value is its place from 1; `masks` are the concepts' voxels
    where they overlap.
    """
    values = {concept: value for value, concept in enumerate(names, start=1)}
    if masks is None:
        written = painted.label_map(values)
        masks = {concept: written == value for concept, value in values.items()}
    grid = painted.grid
    found = [
        _object(grid, masks[concept], concept, names[concept], value)
        for concept, value in values.items()
        if masks[concept].any()
    ]
    for part, body in painted.scene.lesions():
        mask = painted.object_mask(part.object_id or "")
        if part.concept in names and mask.any():
            lesion = lesion_truth(part.object_id or "", part.concept, body, grid.axial_plane)
            found.append(_object(grid, mask, part.concept, names[part.concept], values[part.concept], lesion))
    return VolumeTruth(
        source=source,
        patient=patient.key,
        modality=modality,
        files=files,
        labels=labels,
        split=split,
        orientation=grid.codes,
        spacing_mm=grid.spacing_mm,
        shape=grid.shape,
        axial_axis=grid.axial_axis,
        objects=found,
        absent=[concept for concept, mask in masks.items() if not mask.any()],
        situs_inversus=patient.course.inverted,
    )


def _object(
    grid: Grid, mask: NDArray[np.bool_], concept: str, name: str, value: int, lesion: Lesion | None = None
) -> VolumeObject:
    where = np.argwhere(mask)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    (centroid,) = grid.points(where.mean(axis=0)[None])
    one_sided = lesion is not None or concept.endswith(("_left", "_right"))
    return VolumeObject(
        concept=concept,
        name=name,
        value=value,
        voxels=len(where),
        voxel_volume_mm3=len(where) * grid.voxel_mm3,
        centroid_ras_mm=(float(centroid[0]), float(centroid[1]), float(centroid[2])),
        box_ijk=(int(low[0]), int(low[1]), int(low[2]), int(high[0]), int(high[1]), int(high[2])),
        largest_slice=int(np.bincount(where[:, grid.axial_axis]).argmax()),
        side=side_of(float(centroid[0])) if one_sided else None,
        lesion=lesion,
    )
