"""Boxes as sources write them, to half-open xyxy in native pixels."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Region

Box = tuple[float, float, float, float]
BoxForm = Literal["xyxy", "xywh", "cxcywh"]


def to_xyxy(values: Box, form: BoxForm, scale: tuple[float, float] = (1.0, 1.0), inclusive: bool = False) -> Box:
    """Corners of a box. `form` is corners, corner and size, or centre and size; `scale` is pixels per unit of x and y.

    `inclusive` corners name the last pixel inside, so that one is added to the far edge.
    """
    a, b, c, d = values
    if form == "cxcywh":
        a, b = a - c / 2, b - d / 2
    x0, y0, x1, y1 = (a, b, c, d) if form == "xyxy" else (a, b, a + c, b + d)
    if inclusive:
        x1, y1 = x1 + 1, y1 + 1
    return x0 * scale[0], y0 * scale[1], x1 * scale[0], y1 * scale[1]


def checked_box(box: Box, size: tuple[int, int] | None, tolerance: float = 1.0) -> Box:
    """The half-open xyxy `box`, clipped to a picture of `size` (width, height) by at most `tolerance` pixels.

    Without a size only the origin's edges are checked.

    Raises BadInput: ``box_degenerate`` (no area, or not a number), ``box_outside`` (by more than `tolerance`).
    """
    x0, y0, x1, y1 = box
    if not all(map(math.isfinite, box)) or x1 <= x0 or y1 <= y0:
        raise BadInput("box_degenerate", f"box ({x0:g}, {y0:g}, {x1:g}, {y1:g}) has no area")
    width, height = size or (math.inf, math.inf)
    if x0 < -tolerance or y0 < -tolerance or x1 > width + tolerance or y1 > height + tolerance:
        where = f" of {width} × {height}" if size else ""
        raise BadInput("box_outside", f"box ({x0:g}, {y0:g}, {x1:g}, {y1:g}) leaves the picture{where}")
    inner = max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height)
    if inner[2] <= inner[0] or inner[3] <= inner[1]:
        raise BadInput("box_outside", f"box ({x0:g}, {y0:g}, {x1:g}, {y1:g}) lies beside the picture")
    return inner


def once(region: Region, seen: set[Region]) -> Region:
    """The region, which is added to those `seen` of its picture.

    Raises BadInput ``duplicate_region`` where one of the same name and shape was seen: it is one object, marked twice.
    """
    bare = msgspec.structs.replace(region, pointer="")
    if bare in seen:
        raise BadInput("duplicate_region", f"{region.name!r} is marked here once more")
    seen.add(bare)
    return region
