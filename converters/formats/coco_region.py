"""One COCO annotation as a Region."""

from __future__ import annotations

from typing import Any, cast

from medloom.converters.formats.checked_box import checked_box, to_xyxy
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Region, Rle


def region_of(
    entry: dict[str, Any], name: str, size: tuple[int, int] | None, pointer: str, tolerance: float, instance: bool
) -> Region:
    """The annotation's segmentation, or else its box (xywh to half-open xyxy).

    `size` is the picture's (width, height) as stated, or None.

    Raises BadInput: ``bad_annotation`` (neither box nor segmentation, or not numbers), ``box_degenerate``,
    ``box_outside`` (of the polygon's extent too), ``grid_mismatch`` (a run-length mask of another size).
    """
    shape = entry.get("segmentation")
    if isinstance(shape, dict):
        return Region(kind="rle", pointer=pointer, name=name, rle=_rle(shape, size), instance=instance)
    if isinstance(shape, list) and any(part != [] for part in shape):
        polygons = tuple(_polygon(part) for part in shape if part != [])
        xs = [x for polygon in polygons for x in polygon[0::2]]
        ys = [y for polygon in polygons for y in polygon[1::2]]
        checked_box((min(xs), min(ys), max(xs), max(ys)), size, tolerance)
        return Region(kind="polygon", pointer=pointer, name=name, polygons=polygons, instance=instance)
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(_is_number(value) for value in box):
        raise BadInput("bad_annotation", f"neither a segmentation nor a box of four numbers: {box!r:.80}")
    x, y, width, height = (float(value) for value in box)
    corners = checked_box(to_xyxy((x, y, width, height), "xywh"), size, tolerance)
    return Region(kind="box", pointer=pointer, name=name, box=corners, instance=instance)


def _polygon(part: Any) -> tuple[float, ...]:
    if not isinstance(part, list) or len(part) < 6 or len(part) % 2 or not all(_is_number(value) for value in part):
        raise BadInput("bad_annotation", f"a polygon is at least three x, y pairs, not {part!r:.80}")
    return tuple(float(value) for value in part)


def _rle(shape: dict[str, Any], size: tuple[int, int] | None) -> Rle:
    """Compressed counts stay as they are; a list of counts is compressed as pycocotools does it."""
    grid, counts = shape.get("size"), shape.get("counts")
    if not isinstance(grid, list) or len(grid) != 2 or not all(isinstance(value, int) and value > 0 for value in grid):
        raise BadInput("bad_annotation", f"a run-length mask has a size of two numbers, not {grid!r:.80}")
    height, width = cast(list[int], grid)
    if size is not None and (width, height) != size:
        raise BadInput("grid_mismatch", f"mask of {width} × {height}, picture of {size[0]} × {size[1]}")
    if isinstance(counts, str) and counts.isascii():
        return Rle(size=(height, width), counts=counts)
    if not isinstance(counts, list) or not all(isinstance(value, int) and value >= 0 for value in counts):
        raise BadInput("bad_annotation", f"counts are a string or a list of numbers, not {counts!r:.80}")
    if sum(counts) != height * width:
        raise BadInput("bad_annotation", f"counts sum to {sum(counts)}, the mask has {height * width} pixels")
    from pycocotools import mask as coco_mask

    made = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return Rle(size=(height, width), counts=made["counts"].decode("ascii"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
