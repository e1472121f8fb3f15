"""Regions of a picture, in whatever form the source has them, become instances in stored pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.mask import (
    bounding_box,
    components,
    polygon_to_mask,
    rle_decode,
    rle_encode_crop,
)
from medloom.converters.pixels.measure import centroid
from medloom.converters.pixels.picture import Prepared
from medloom.converters.pixels.raster import upright
from medloom.converters.pixels.resize import resize_crop
from medloom.schemas.errors import BadInput
from medloom.schemas.record import Fact
from medloom.schemas.sample import Media, Region
from medloom.synthesis.facts import region_fact
from medloom.synthesis.mask_file import Shown, mask_pixels, masks_in
from medloom.synthesis.scene import Instance
from medloom.synthesis.scenes import Made, Stage, refusal

Mask = NDArray[np.bool_]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Canvas:
    """The grid that regions are drawn on: native displayed size, and stored pixels per native pixel."""

    width: int
    height: int
    stored: tuple[int, int]
    scale: tuple[float, float]
    spacing_mm: tuple[float, float] | None
    orientation: int = 1

    @property
    def ambiguous(self) -> bool:
        """Whether no size can tell if something was drawn before or after the EXIF turn: only a quarter turn shows."""
        return self.orientation != 1 and (self.orientation < 5 or self.width == self.height)

    @classmethod
    def of(cls, prepared: Prepared, spacing_mm: tuple[float, float] | None, orientation: int = 1) -> Canvas:
        return cls(
            prepared.native_width,
            prepared.native_height,
            (prepared.width, prepared.height),
            (prepared.scale_x, prepared.scale_y),
            spacing_mm,
            orientation,
        )


def instances_of(media: Media, stage: Stage, made: Made, canvas: Canvas) -> tuple[tuple[Instance, ...], set[str]]:
    """Instances in reading order, and the source names of which a region was lost."""
    found: list[Instance] = []
    lost: set[str] = set()
    unsized = canvas.orientation != 1 and media.size is None
    for region in stage.sample.regions:
        if region.media != media.key:
            continue
        names = [name.name for name in region.names] if region.name is None else [region.name]
        if region.name is not None and stage.naming.concept(region.name) is None:
            continue
        try:
            if media.crop is not None:
                raise BadInput("region_not_for_crop", f"a {region.kind} of the whole picture can't mark a part of it")
            # A mask has a size of its own.
            if canvas.ambiguous or (unsized and region.kind in ("box", "polygon")):
                raise BadInput("ambiguous_orientation", f"EXIF orientation {canvas.orientation} and no stated size")
            shown, doubts = _of_region(region, media, stage, canvas)
            found.extend(shown)
        except BadInput as bad:
            doubts = [(names, bad)]
        for doubtful, doubt in doubts:
            lost.update(doubtful)
            made.refused.append(refusal(stage.sample, doubt, region.file or region.pointer.split("#", 1)[0], part=True))
    return tuple(sorted(found, key=lambda one: (one.box[1], one.box[0], one.concept, one.box))), lost


def _of_region(
    region: Region, media: Media, stage: Stage, canvas: Canvas
) -> tuple[list[Instance], list[tuple[Sequence[str], BadInput]]]:
    """The instances of a region; and of which names some are missing, and why."""
    if region.kind == "box":
        assert region.box is not None and region.name is not None
        concept = stage.naming.concept(region.name)
        assert concept is not None
        fact = region_fact(concept, region.pointer.split("#", 1)[0], region.pointer, region.name)
        return [_box_instance(_upright(region.box, media, canvas), concept, fact, canvas)], []
    rule = stage.origin.card.min_area
    connectivity = 8 if stage.origin.card.connectivity == "full" else 4
    make = partial(
        _mask_instances,
        canvas=canvas,
        rule_px=rule.px,
        rule_mm2=rule.mm2,
        connectivity=connectivity,
        objects=stage.origin.card.components == "objects",
    )
    found: list[Instance] = []
    doubts: list[tuple[Sequence[str], BadInput]] = []
    masks, unnamed = _masks(region, media, stage, canvas)
    if unnamed is not None:
        doubts.append(([name.name for name in region.names], unnamed))
    for name, mask, detail in masks:
        concept = stage.naming.concept(name)
        if concept is None:
            continue
        pointer = f"{region.pointer}{detail}"
        fact = region_fact(concept, region.file or region.pointer.split("#", 1)[0], pointer, name)
        shown, unseen = make(mask, concept, fact, whole=region.instance)
        found.extend(shown)
        if unseen:
            width, height = canvas.stored
            told = f"{unseen} of {unseen + len(shown)} of {name!r} leave no pixel at {width} × {height}"
            doubts.append(([name], BadInput("too_small_shown", told)))
    return found, doubts


def _masks(region: Region, media: Media, stage: Stage, canvas: Canvas) -> tuple[list[Shown], BadInput | None]:
    """Everything that a mask region shows, native and upright; and what is wrong with the rest of it."""
    if region.kind == "polygon":
        assert region.polygons is not None and region.name is not None
        raw = _drawn_raw(media, canvas)
        height, width = (canvas.width, canvas.height) if raw else (canvas.height, canvas.width)
        mask = polygon_to_mask(region.polygons, height, width)
        if not mask.any():
            raise _nothing_drawn(region.polygons, height, width)
        return [(region.name, upright(mask, canvas.orientation) if raw else mask, "")], None
    if region.kind == "rle":
        assert region.rle is not None and region.name is not None
        mask = _on_grid(rle_decode(region.rle), canvas, None)
        if not mask.any():
            raise BadInput("empty_region", "a run-length mask without a pixel")
        return [(region.name, mask, "")], None
    assert region.file is not None
    pixels, lossy = _pixels(region, region.file, stage)
    return masks_in(region, _on_grid(pixels, canvas, region.file), lossy)


def _pixels(region: Region, file: str, stage: Stage) -> tuple[NDArray[Any], bool]:
    if region.member is None:
        return mask_pixels(stage.origin.read(file), region)
    from medloom.synthesis.array_scene import array_mask

    found = array_mask(region, stage.origin)
    return mask_pixels(found, region) if isinstance(found, bytes) else (found, False)


def _on_grid(pixels: NDArray[Any], canvas: Canvas, file: str | None) -> NDArray[Any]:
    """A mask as the picture is shown: turned with it where the mask has the size of the file's raw pixels."""
    shown = (canvas.height, canvas.width)
    if canvas.orientation >= 5 and pixels.shape[:2] == shown[::-1]:
        return upright(pixels, canvas.orientation)
    if pixels.shape[:2] != shown:
        raise BadInput("grid_mismatch", f"mask of {pixels.shape[:2]}, picture of {shown} (height, width)", file)
    return pixels


def _nothing_drawn(polygons: Sequence[Sequence[float]], height: int, width: int) -> BadInput:
    xs, ys = ([value for polygon in polygons for value in polygon[axis::2]] for axis in (0, 1))
    if max(xs) <= 0 or max(ys) <= 0 or min(xs) >= width or min(ys) >= height:
        return BadInput("box_outside", f"a polygon beside a picture of {width} × {height}")
    return BadInput("empty_region", "a polygon that covers the centre of no pixel")


def _drawn_raw(media: Media, canvas: Canvas) -> bool:
    """Whether points were drawn on the file's raw pixels, by the size that the annotation states."""
    return canvas.orientation >= 5 and media.size is not None and media.size != (canvas.width, canvas.height)


def _upright(box: Box, media: Media, canvas: Canvas) -> Box:
    """The box in displayed pixels: turned with the picture where it was drawn on the file's raw pixels."""
    if not _drawn_raw(media, canvas):
        return box
    raw_width, raw_height = canvas.height, canvas.width
    x0, y0, x1, y1 = box
    flip_x, flip_y = canvas.orientation in (6, 7), canvas.orientation in (7, 8)
    across = (raw_height - y1, raw_height - y0) if flip_x else (y0, y1)
    down = (raw_width - x1, raw_width - x0) if flip_y else (x0, x1)
    return across[0], down[0], across[1], down[1]


def _box_instance(box: Box, concept: str, fact: Fact, canvas: Canvas) -> Instance:
    x0, y0, x1, y1 = box
    if not (x1 > x0 and y1 > y0):
        raise BadInput("box_degenerate", f"{concept} box {box}")
    if x0 < 0 or y0 < 0 or x1 > canvas.width or y1 > canvas.height:
        raise BadInput("box_outside", f"{concept} box {box} in a picture of {canvas.width}×{canvas.height}")
    sx, sy = canvas.scale
    scaled = (x0 * sx, y0 * sy, x1 * sx, y1 * sy)
    area = (x1 - x0) * (y1 - y0) / (canvas.width * canvas.height)
    return Instance(
        concept=concept,
        box=scaled,
        centroid=((scaled[0] + scaled[2]) / 2, (scaled[1] + scaled[3]) / 2),
        area_fraction=area,
        fact=fact,
    )


def _mask_instances(
    mask: Mask,
    concept: str,
    fact: Fact,
    *,
    canvas: Canvas,
    rule_px: int,
    rule_mm2: float,
    connectivity: int,
    whole: bool,
    objects: bool,
) -> tuple[list[Instance], int]:
    """Instances of one mask: the mask itself where it is one object, else its components above the area rule; and how
    many more there are of which resizing leaves no pixel."""
    import msgspec

    if not mask.any():
        return [], 0
    pixel_mm2 = None if canvas.spacing_mm is None else canvas.spacing_mm[0] * canvas.spacing_mm[1]
    parts: list[tuple[Mask, tuple[int, int]]] = []
    if whole:
        box = bounding_box(mask)
        assert box is not None
        x0, y0, x1, y1 = (int(edge) for edge in box)
        parts.append((mask[y0:y1, x0:x1], (x0, y0)))
    else:
        parts.extend(
            (part.mask, (int(part.box[0]), int(part.box[1]))) for part in components(mask, connectivity, rule_px)
        )
    found: list[Instance] = []
    unseen = 0
    for number, (part, corner) in enumerate(parts):
        if pixel_mm2 is not None and part.sum() * pixel_mm2 < rule_mm2:
            continue
        numbered = fact if whole else msgspec.structs.replace(fact, pointer=f"{fact.pointer};component={number}")
        made = instance_of(part, corner, concept, numbered, canvas)
        if made is None:
            unseen += 1
        else:
            found.append(replace(made, whole_object=whole or objects))
    return found, unseen


def instance_of(part: Mask, corner: tuple[int, int], concept: str, fact: Fact, canvas: Canvas) -> Instance | None:
    """The Instance of a native mask crop whose top-left pixel is `corner`; None where resizing leaves no pixel."""
    crop, (left, top) = resize_crop(part, corner, (canvas.width, canvas.height), canvas.stored)
    within = bounding_box(crop)
    if within is None:
        return None
    x, y = centroid(part)
    return Instance(
        concept=concept,
        box=(within[0] + left, within[1] + top, within[2] + left, within[3] + top),
        centroid=((x + corner[0]) * canvas.scale[0], (y + corner[1]) * canvas.scale[1]),
        area_fraction=float(np.count_nonzero(part) / (canvas.width * canvas.height)),
        fact=fact,
        rle=rle_encode_crop(crop, (left, top), canvas.stored[::-1]),
        native_mask=part,
        native_spacing_mm=canvas.spacing_mm,
    )
