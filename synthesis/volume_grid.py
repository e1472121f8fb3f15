"""Which grid a volume is shown on, and how its masks come to lie there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.itk_transform import read_itk_transform
from medloom.converters.pixels.reorient import reoriented
from medloom.converters.pixels.resample import not_covered, resampled, resampled_labels
from medloom.converters.pixels.volume import Volume, label_map, read_nifti, require_same_grid, same_grid
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Region
from medloom.synthesis.media_volume import read_volume
from medloom.synthesis.scenes import Stage


def shown_volume(media: Media, stage: Stage) -> Volume:
    """The medium's volume, on the grid of the medium that it is to be shown on.

    Raises BadInput as `read_volume` and `resampled` do, and ``missing_media`` where that medium isn't there.
    """
    volume = read_volume(media, stage.origin)
    if media.onto is None:
        return volume
    target = _medium(media.onto, stage)
    like = read_volume(target, stage.origin)
    if media.transform == target.transform and same_grid(volume, like):
        return volume
    return resampled(volume, like, _way(target.transform, media.transform, stage))


def labels_on(region: Region, volume: Volume, stage: Stage) -> NDArray[Any]:
    """The integers of a region's file on the volume's grid: as they lie there, or, where the region allows it, brought
    there by world coordinates. Raises BadInput as `same_grid_labels` and `resampled_labels` do.
    """
    assert region.file is not None
    if not region.resample:
        return same_grid_labels(region.file, volume, stage)
    owner = _owner(region, stage)
    labels = read_nifti(stage.origin.small(region.file))
    try:
        if owner.transform == region.transform and same_grid(labels, volume):
            return label_map(labels)
        return resampled_labels(labels, volume, _way(owner.transform, region.transform, stage))
    except BadInput as bad:
        raise BadInput(bad.reason, bad.detail, bad.file or region.file) from bad


def beyond_mask(region: Region, volume: Volume, stage: Stage) -> list[NDArray[np.bool_]] | None:
    """Along each array axis of the volume, the slices that a region's own grid doesn't wholly cover: nobody looked
    there. None where it is the volume's grid. Raises BadInput as `labels_on` does."""
    if not region.resample or region.file is None or region.kind not in ("mask", "label_map"):
        return None
    owner = _owner(region, stage)
    labels = read_nifti(stage.origin.small(region.file))
    if owner.transform == region.transform and same_grid(labels, volume):
        return None
    return not_covered(labels, volume, _way(owner.transform, region.transform, stage))


def _owner(region: Region, stage: Stage) -> Media:
    media = _medium(region.media, stage)
    return media if media.onto is None else _medium(media.onto, stage)


def same_grid_labels(file: str, volume: Volume, stage: Stage) -> NDArray[Any]:
    """The label map's integers on the volume's own grid. Raises BadInput where it lies on another."""
    labels = reoriented(read_nifti(stage.origin.small(file)), volume)
    try:
        require_same_grid(volume, labels)
        return label_map(labels)
    except BadInput as bad:
        raise BadInput(bad.reason, bad.detail, file) from bad


def _medium(key: str, stage: Stage) -> Media:
    found = next((media for media in stage.sample.media if media.key == key), None)
    if found is None:
        raise BadInput("missing_media", f"the Sample has no medium {key!r}")
    return found


def _way(here: str | None, there: str | None, stage: Stage) -> NDArray[np.float64]:
    """From points of one volume's space to those of another's, by way of the space that both share."""
    back, on = (np.eye(4) if file is None else _read(file, stage) for file in (here, there))
    return np.asarray(on @ np.linalg.inv(back))


def _read(file: str, stage: Stage) -> NDArray[np.float64]:
    try:
        return read_itk_transform(stage.origin.path(file))
    except BadInput as bad:
        raise BadInput(bad.reason, bad.detail, file) from bad
