"""Regions of a picture, in whatever form the source has them, become instances in stored pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.mask import (
    binary,
    bounding_box,
    colour_mask,
    components,
    having,
    polygon_to_mask,
    rle_decode,
    rle_encode_crop,
)
from medloom.converters.pixels.measure import centroid
from medloom.converters.pixels.picture import Prepared
from medloom.converters.pixels.raster import decode, decode_indices
from medloom.converters.pixels.resize import resize_crop
from medloom.schemas.errors import BadInput
from medloom.schemas.record import Fact
from medloom.schemas.sample import Media, Region
from medloom.synthesis.facts import region_fact
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
    turned = canvas.orientation >= 5 and media.size is not None and media.size[0] != media.size[1]
    ambiguous = canvas.orientation != 1 and not turned  # only a quarter turn shows in the stated size
    for region in stage.sample.regions:
        if region.media != media.key:
            continue
        names = [name.name for name in region.names] if region.name is None else [region.name]
        if region.name is not None and stage.naming.concept(region.name) is None:
            continue
        try:
            if media.crop is not None:
                raise BadInput("region_not_for_crop", f"a {region.kind} of the whole picture can't mark a part of it")
            if ambiguous:
                raise BadInput("ambiguous_orientation", f"EXIF orientation {canvas.orientation} and no stated size")
            found.extend(_of_region(region, media, stage, canvas))
        except BadInput as bad:
            lost.update(names)
            made.refused.append(refusal(stage.sample, bad, region.file or region.pointer.split("#", 1)[0], part=True))
    return tuple(sorted(found, key=lambda one: (one.box[1], one.box[0], one.concept, one.box))), lost


def _of_region(region: Region, media: Media, stage: Stage, canvas: Canvas) -> list[Instance]:
    if region.kind == "box":
        assert region.box is not None and region.name is not None
        concept = stage.naming.concept(region.name)
        assert concept is not None
        fact = region_fact(concept, region.pointer.split("#", 1)[0], region.pointer, region.name)
        return [_box_instance(_upright(region.box, media, canvas), concept, fact, canvas)]
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
    for name, mask, detail in _masks(region, stage, canvas):
        concept = stage.naming.concept(name)
        if concept is None:
            continue
        pointer = f"{region.pointer}{detail}"
        fact = region_fact(concept, region.file or region.pointer.split("#", 1)[0], pointer, name)
        found.extend(make(mask, concept, fact, whole=region.instance))
    return found


def _masks(region: Region, stage: Stage, canvas: Canvas) -> list[tuple[str, Mask, str]]:
    """(source name, native H×W mask, pointer detail) of everything that a mask region shows."""
    height, width = canvas.height, canvas.width
    if region.kind == "polygon":
        assert region.polygons is not None and region.name is not None
        return [(region.name, polygon_to_mask(region.polygons, height, width), "")]
    if region.kind == "rle":
        assert region.rle is not None and region.name is not None
        if region.rle.size != (height, width):
            raise BadInput("grid_mismatch", f"RLE of {region.rle.size}, picture of {(height, width)} (height, width)")
        return [(region.name, rle_decode(region.rle), "")]
    assert region.file is not None
    pixels = _pixels(region, region.file, stage)
    if pixels.shape[:2] != (height, width):
        raise BadInput("grid_mismatch", f"mask of {pixels.shape[:2]}, picture of {(height, width)}", region.file)
    if region.kind == "mask":
        assert region.name is not None
        grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
        return [(region.name, binary(grey, value=region.value), "")]
    if region.kind == "colour_mask":
        rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
        return [
            (name.name, colour_mask(rgb, [name.colour]), f";colour={name.colour}")
            for name in region.names
            if name.colour is not None
        ]
    grey = pixels if pixels.ndim == 2 else pixels[:, :, 0]
    return [(name.name, having(grey, name.values), f";{name.told}") for name in region.names if name.value]


def _pixels(region: Region, file: str, stage: Stage) -> NDArray[Any]:
    if region.member is not None:
        from medloom.synthesis.array_scene import array_mask

        return array_mask(region, stage.origin)
    data = stage.origin.read(file)
    return decode(data) if region.kind == "colour_mask" else decode_indices(data)


def _upright(box: Box, media: Media, canvas: Canvas) -> Box:
    """The box in displayed pixels: turned with the picture where it was drawn on the file's raw pixels."""
    shown = (canvas.width, canvas.height)
    if canvas.orientation < 5 or media.size is None or media.size == shown:
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
) -> list[Instance]:
    """Instances of one mask: the mask itself where it is one object, else its components above the area rule."""
    import msgspec

    if not mask.any():
        return []
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
    found = []
    for number, (part, corner) in enumerate(parts):
        if pixel_mm2 is not None and part.sum() * pixel_mm2 < rule_mm2:
            continue
        numbered = fact if whole else msgspec.structs.replace(fact, pointer=f"{fact.pointer};component={number}")
        made = instance_of(part, corner, concept, numbered, canvas)
        if made is not None:
            found.append(replace(made, whole_object=whole or objects))
    return found


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
