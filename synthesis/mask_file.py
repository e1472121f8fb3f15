"""What the pixels of a mask file say: where it shows which of the source's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.header import RasterInfo, is_lossy, open_image
from medloom.converters.pixels.mask import binary, colour_mask, having
from medloom.converters.pixels.raster import decode, decode_indices, probe
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import MaskName, Region

Mask = NDArray[np.bool_]
Shown = tuple[str, Mask, str]
"""A source name, where the file shows it, and what a pointer says of that."""

HALF = 127.5
SMEAR = 5  # pixels: edges that a lossy codec smears are thinner
TOLD = 8


def mask_pixels(data: bytes, region: Region) -> tuple[NDArray[Any], bool]:
    """H×W or H×W×3 of a mask file, upright, and whether a lossy codec has been at its values.

    Raises BadInput as `decode` does, and ``which_frame``.
    """
    info = probe(data)
    if info.frames > 1:
        raise BadInput("which_frame", f"{info.frames} pages or frames, and nobody says which is the mask")
    if region.kind == "label_map":
        return decode_indices(data, info), is_lossy(data, info)
    if region.kind == "mask" and info.palette:
        return _of_palette(data, info, region.value), is_lossy(data, info)
    return decode(data, info), is_lossy(data, info)


def _of_palette(data: bytes, info: RasterInfo, value: int | None) -> NDArray[Any]:
    """Displayed colours of greys, or of black and one colour, since their writer numbers them as it likes; otherwise
    the indices, which are then the values of classes."""
    indices, shown = decode_indices(data, info), decode(data, info)
    _, first = np.unique(indices, return_index=True)
    used = shown.reshape(indices.size, -1)[first]
    grey = bool((used == used[:, :1]).all())
    if value is not None:
        with open_image(data) as image:
            stated = np.reshape(image.getpalette() or [], (-1, 3))
        return shown if grey and value in stated[:, 0] else indices
    two = len(np.unique(used, axis=0)) <= 2 and not used.any(axis=1).all()
    return shown if grey or two else indices


def masks_in(region: Region, pixels: NDArray[Any], lossy: bool) -> tuple[list[Shown], BadInput | None]:
    """Everything that a mask shows, and what is wrong where it shows something that nobody names.

    Raises BadInput: ``lossy_mask`` (the codec doesn't let values be told apart), ``not_a_label_map``.
    """
    if lossy and pixels.dtype != np.uint8:
        raise BadInput("lossy_mask", f"{pixels.dtype} values that went through a lossy codec")
    if region.kind == "mask":
        assert region.name is not None
        grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
        return [(region.name, _smeared(grey, region.value) if lossy else binary(grey, value=region.value), "")], None
    if region.kind == "colour_mask":
        pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
        named = [name for name in region.names if name.colour is not None]
        details = [f";colour={name.colour}" for name in named]
    else:
        pixels = _labels(pixels)
        named = [name for name in region.names if name.value is not None]
        details = [f";{name.told}" for name in named]
    masks = _nearest(pixels, [_points(name) for name in named]) if lossy else [_exact(pixels, name) for name in named]
    shown = [(name.name, mask, detail) for name, mask, detail in zip(named, masks, details, strict=True)]
    return shown, None if lossy else _unnamed(pixels, masks)


def _labels(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.ndim == 2:
        return pixels
    if (pixels != pixels[:, :, :1]).any():
        raise BadInput("not_a_label_map", "colours, where `names` wants one value for each pixel: `colours` names them")
    return np.ascontiguousarray(pixels[:, :, 0])


def _exact(pixels: NDArray[Any], name: MaskName) -> Mask:
    return having(pixels, name.values) if name.colour is None else colour_mask(pixels, [name.colour])


def _points(name: MaskName) -> list[tuple[int, ...]]:
    return [(value,) for value in name.values] if name.colour is None else [name.colour]


def _unnamed(pixels: NDArray[Any], masks: Sequence[Mask]) -> BadInput | None:
    """What is neither zero nor named: it may be anything, one of the names too."""
    rest = pixels != 0 if pixels.ndim == 2 else pixels.any(axis=2)
    for mask in masks:
        rest = rest & ~mask
    if not rest.any():
        return None
    found = np.unique(pixels[rest], axis=0).tolist()
    more = f" and {len(found) - TOLD} more" if len(found) > TOLD else ""
    told = f"{found[:TOLD]}{more} have no name; give one to what means nothing too, and map it to null in the card"
    return BadInput("unnamed_value", told)


def _smeared(grey: NDArray[Any], value: int | None) -> Mask:
    """A binary mask out of a lossy file: what exceeds half, or is nearer to `value` than to its opposite."""
    if value is not None:
        return _nearest(grey, [[(value,)], [(0 if value else 255,)]])[0]
    hits = binary(grey, threshold=HALF)
    if not hits.any() and grey.any():
        raise BadInput("lossy_mask", f"values up to {grey.max()} in a lossy file, of which none exceeds half of 255")
    if _has_area(np.abs(grey - HALF) < 24):
        raise BadInput("lossy_mask", "an area of about half of 255 in a lossy file is neither black nor white")
    return hits


def _nearest(pixels: NDArray[Any], groups: list[list[tuple[int, ...]]]) -> list[Mask]:
    """Where the nearest of all listed points, black being one, is of each group.

    Raises BadInput ``lossy_mask`` where two are nearer than half the range, where one lies between two others, so that
    their common edge would show it, or where an area is near none.
    """
    owner = [(number, point) for number, group in enumerate(groups) for point in group]
    black = (0,) * len(owner[0][1]) if owner else (0,)
    if all(point != black for _, point in owner):
        owner.append((-1, black))
    points = np.array([point for _, point in owner], np.float32)
    _refuse_mixed(points)
    image = pixels[:, :, None] if pixels.ndim == 2 else pixels
    away = np.stack([np.linalg.norm(image - point, axis=2) for point in points])
    if _has_area(away.min(axis=0) > HALF / 2):
        raise BadInput("lossy_mask", "an area of a lossy file is near none of the values that the card lists")
    groups_of = np.array([number for number, _ in owner])[away.argmin(axis=0)]
    return [groups_of == number for number in range(len(groups))]


def _refuse_mixed(points: NDArray[np.float32]) -> None:
    for a, first in enumerate(points):
        for b, second in enumerate(points[:a]):
            line = second - first
            length = float(np.linalg.norm(line))
            if length < HALF - 1:
                raise BadInput("lossy_mask", f"{first} and {second} can't be told apart in a lossy file")
            for c, third in enumerate(points):
                along = min(1.0, max(0.0, float((third - first) @ line) / length**2))
                nearer = float(np.linalg.norm(first + along * line - third))
                if c not in (a, b) and nearer < 0.9 * length * min(along, 1 - along):
                    raise BadInput("lossy_mask", f"the edge of {first} and {second} shows {third} in a lossy file")


def _has_area(where: Mask) -> bool:
    """Whether a square wider than a smeared edge is all true."""
    return bool(cv2.erode(where.view(np.uint8), np.ones((SMEAR, SMEAR), np.uint8)).any())
