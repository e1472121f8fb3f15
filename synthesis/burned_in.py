"""Burned in: text in a stored picture that may tell who the patient is, blackened or refused as the catalog says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.identity.dicom_profile import CAPTURED, DECLARED
from medloom.converters.pixels.picture import Prepared, from_array
from medloom.converters.pixels.raster import decode
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Refusal
from medloom.schemas.view import View

if TYPE_CHECKING:
    from medloom.converters.identity.burned_in import Box
    from medloom.synthesis.scene import Instance
    from medloom.synthesis.scenes import Made, Stage

Boxes = tuple[tuple[float, float, float, float], ...]
MOST_COVERED = 1 / 3
"""A region of which more lies under blackened text can't be seen."""


def looked_at(stage: Stage, dicom: bool, notes: Sequence[str] = ()) -> bool:
    """Whether text may be burned into a picture, by modality and by what its file says of itself: `notes` are what was
    noted as its pixels were read, since not every converter reads headers.
    """
    from medloom.converters.identity.burned_in import IN_DICOM, IN_RASTERS

    if not stage.origin.identity.looks_at_pixels or stage.origin.card.phantom:
        return False
    if any(note in (DECLARED, CAPTURED) for note in (*stage.sample.notes, *notes)):
        return True
    return stage.acquisition.modality in (IN_DICOM if dicom else IN_RASTERS)


def without_text(
    prepared: Prepared, view: View, stage: Stage, made: Made, dicom: bool = False, notes: Sequence[str] = ()
) -> tuple[Prepared, View]:
    """The picture with identifying text blackened, and its View, which says where; both unchanged without such text.

    Masked bytes are always encoded anew. Raises BadInput ``burned_in_text`` where the catalog wants such a picture
    quarantined. Counts lines as TEXT (identifying) and TECHNICAL.
    """
    if not looked_at(stage, dicom, notes):
        return prepared, view
    from medloom.converters.identity.burned_in import blackened, text_in

    pixels = np.asarray(decode(prepared.data), np.uint8)
    lines = text_in(pixels)
    hidden = tuple(line.box for line in lines if line.identifying)
    if len(lines) > len(hidden):
        made.found["pixels", "TECHNICAL"] += len(lines) - len(hidden)
    read = tuple(line.words for line in lines if line.words is not None)
    made.looks[view.id] = msgspec.structs.replace(made.looks[view.id], words=read)
    if not hidden:
        return prepared, view
    made.found["pixels", "TEXT"] += len(hidden)
    if stage.origin.identity.burned_in == "quarantine":
        said = f"{len(hidden)} lines of text that may tell who the patient is"
        raise BadInput("burned_in_text", said, view.source_file)
    fresh, view = _again(blackened(pixels, hidden), hidden, prepared, view, stage)
    made.looks[view.id] = msgspec.structs.replace(made.looks[view.id], thumb=fresh.thumb, chroma=fresh.chroma)
    return fresh, view


def _again(
    pixels: NDArray[np.uint8],
    hidden: tuple[Box, ...],
    prepared: Prepared,
    view: View,
    stage: Stage,
) -> tuple[Prepared, View]:
    policy = msgspec.structs.replace(stage.origin.pictures, short_side=None)
    fresh = from_array(pixels, policy)
    fresh = msgspec.structs.replace(
        prepared, data=fresh.data, format=fresh.format, passthrough=False, stripped=False, reencoded=fresh.reencoded,
        sha256=fresh.sha256, phash=fresh.phash, stats=fresh.stats, colour=fresh.colour,
        thumb=fresh.thumb, chroma=fresh.chroma,
    )  # fmt: skip
    boxes: Boxes = tuple((float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in hidden)
    derivation = msgspec.structs.replace(view.derivation, masked=boxes, stripped=False, reencoded=fresh.format)
    stats = fresh.stats
    return fresh, msgspec.structs.replace(
        view, sha256=fresh.sha256, phash=f"{fresh.phash:016x}", format=fresh.format, bytes=len(fresh.data),
        passthrough=False, derivation=derivation, mean=stats.mean, std=stats.std, dark=stats.dark_fraction,
        bright=stats.bright_fraction, sharpness=stats.sharpness,
    )  # fmt: skip


def uncovered(
    instances: tuple[Instance, ...], view: View, stage: Stage, made: Made, lost: set[str]
) -> tuple[Instance, ...]:
    """The instances that can still be seen. One that lies under blackened text for more than a third is refused as
    ``region_under_mask``, and its name counts as lost: nothing is said to be complete that was taken away.
    """
    hidden = view.derivation.masked
    if not hidden:
        return instances
    kept = []
    for one in instances:
        share = _covered(one, hidden)
        if share <= MOST_COVERED:
            kept.append(one)
            continue
        lost.update([one.fact.source_name] if one.fact.source_name else [])
        said = f"{share:.0%} of it lie under text that was blackened"
        made.refused.append(
            Refusal(unit=stage.sample.key, reason="region_under_mask", detail=said, file=one.fact.file, stage="convert",
                    part=True)
        )  # fmt: skip
    return tuple(kept)


def _covered(instance: Instance, boxes: Boxes) -> float:
    """The share of the instance's box that lies under the boxes; where these overlap, that counts twice."""
    x0, y0, x1, y1 = instance.box
    under = sum(
        max(0.0, min(x1, right) - max(x0, left)) * max(0.0, min(y1, low) - max(y0, high))
        for left, high, right, low in boxes
    )
    return min(1.0, under / max((x1 - x0) * (y1 - y0), 1e-9))
