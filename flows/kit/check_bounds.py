"""Where things lie: boxes in their pictures, masks on their grids, pixels in the patient."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from medloom.flows.kit.trial import Note, NotHere, Trial
from medloom.schemas.sample import Sample
from medloom.schemas.view import View

OF_REGIONS = (
    "grid_mismatch", "bad_rle", "bad_polygon", "region_not_for_volume", "region_not_for_slide", "box_outside",
    "box_degenerate", "unnamed_value", "unnamed_segments", "lossy_mask", "not_a_label_map", "empty_region",
    "too_small_shown",
)  # fmt: skip
"""Reasons that speak of a region, not of its picture."""

Box = tuple[float, float, float, float]


def boxes_inside(trial: Trial) -> Iterator[str]:
    """Boxes of Samples whose pictures could be made; refused boxes count where they are more than the card allows."""
    placed = list(_placed(trial))
    refused = [row for row in _rows(trial) if row[1].startswith("box_")]
    if not placed and not refused:
        raise NotHere("the fixture has no boxes")
    for key, name, box, (width, height) in placed:
        x0, y0, x1, y1 = box
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            yield f"{key}: the box of {name!r}, {_written(box)}, in a picture of {width:g} × {height:g}"
    if len(refused) > trial.fixture.card.max_refused * (len(refused) + len(placed)):
        yield f"{len(refused)} of {len(refused) + len(placed)} boxes were refused, the first: {refused[0][2]}"
    if trial.fixture.truth is None and placed:
        yield from _untold(placed)


def _untold(placed: list[tuple[str, str, Box, tuple[float, float]]]) -> Iterator[Note]:
    """What boxes that are read wrongly would not show."""
    if not any(box[2] > height or box[3] > width for _, _, box, (width, height) in placed):
        yield Note("swapped axes would not show: put a box near the long end of a picture that is no square")
    if not any(box[2] - box[0] <= box[0] or box[3] - box[1] <= box[1] for _, _, box, _ in placed):
        yield Note("xywh for xyxy would not show: put a small box far from the top left")


def _placed(trial: Trial) -> Iterator[tuple[str, str, Box, tuple[float, float]]]:
    """(key, name, box, native size of its picture) of every box of which the picture could be made."""
    sizes = {
        (shown.key, view.media): _native(view)
        for shown in trial.first.shown
        for view in shown.views
        if view.derivation.plane is None and view.derivation.crop is None and view.kind == "picture"
    }
    for sample in trial.samples:
        for region in sample.regions:
            size = sizes.get((sample.key, region.media))
            if region.box is not None and size is not None:
                yield sample.key, str(region.name), region.box, size


def _native(view: View) -> tuple[float, float]:
    x, y = view.derivation.scale or (1.0, 1.0)
    return round(view.width / x), round(view.height / y)


def _rows(trial: Trial) -> list[tuple[str, str, str]]:
    """(unit, reason, all that is told) of everything that was refused, listed or shown."""
    rows = [*trial.first.refused, *(row for shown in trial.first.shown for row in shown.refused)]
    return [(row.unit, row.reason, f"{row.unit}: {row.file or 'a region'}: {row.reason}: {row.detail}") for row in rows]


def _written(box: Box) -> str:
    return "(" + ", ".join(f"{edge:g}" for edge in box) + ")"


def masks_lie_on_their_grid(trial: Trial) -> Iterator[str]:
    """Every mask that was drawn into a picture or volume."""
    if not any(region.kind != "box" for one in trial.samples for region in one.regions):
        raise NotHere("the fixture has no masks")
    for _, reason, told in _rows(trial):
        if reason in OF_REGIONS and not reason.startswith(("box_", "unnamed", "too_small")):
            yield told


def pictures_are_shown(trial: Trial) -> Iterator[str]:
    """Every Sample whose pictures were made."""
    if not any(one.media for one in trial.samples):
        raise NotHere("the fixture has no pictures")
    lost: list[str] = []
    for shown in trial.first.shown:
        if shown.raised is not None:
            yield f"{shown.key}: making its pictures raised:\n{shown.raised.rstrip()}"
        rows = [row for row in shown.refused if row.reason not in OF_REGIONS]
        lost += [f"{row.unit}: {row.file or ''}: {row.reason}: {row.detail}" for row in rows[:1]]
    few = len(lost) <= trial.fixture.card.max_refused * len(trial.first.shown)
    yield from map(Note if few else str, lost)
    if not any(shown.views for shown in trial.first.shown):
        yield "no Sample of the fixture gives a picture"


def round_trips(trial: Trial) -> Iterator[str]:
    """Pixels of a view lead to patient millimetres and back; those of a NIfTI lead to voxels that are there, by the
    affine that nibabel reads."""
    placed = [
        (sample, view)
        for shown in trial.first.shown
        for sample in trial.samples
        for view in shown.views
        if sample.key == shown.key and view.to_patient is not None and view.kind == "picture"
    ]
    if not placed:
        raise NotHere("the fixture has no pictures that know their place in the patient")
    for sample, view in placed:
        matrix = np.asarray(view.to_patient).reshape(3, 3)
        right, bottom = view.width - 1, view.height - 1
        corners = np.array([[0, 0, 1], [right, 0, 1], [0, bottom, 1], [right, bottom, 1]], float).T
        points = matrix @ corners
        back = np.linalg.lstsq(matrix[:, :2], points - matrix[:, 2:], rcond=None)[0]
        if not np.allclose(back, corners[:2], atol=1e-3):
            yield f"{sample.key}: pixel {corners[:2, -1]} comes back from the patient as {back[:, -1]}"
        yield from _off_grid(sample, view, points, trial.root)


def _off_grid(
    sample: Sample, view: View, points: np.ndarray[tuple[int, ...], np.dtype[np.float64]], root: Path
) -> Iterator[str]:
    if not view.source_file.endswith((".nii", ".nii.gz")) or view.derivation.montage:
        return
    import nibabel

    volume: Any = nibabel.load(root / view.source_file)
    affine, shape = np.asarray(volume.affine), np.asarray(volume.shape[:3])
    voxels = np.linalg.inv(affine)[:3] @ np.vstack([points, np.ones(4)])
    if (voxels < -0.5 - 1e-3).any() or (voxels > shape[:, None] - 0.5 + 1e-3).any():
        yield f"{sample.key}: corners of slice {view.derivation.slice_index} are voxels {voxels.T.round(2).tolist()}"
    elif (np.ptp(voxels, axis=1) > 1e-3).sum() > 2:
        yield f"{sample.key}: slice {view.derivation.slice_index} cuts across the grid"
