"""How large the pixels of a TIFF are: from OME-XML, ImageJ, Aperio, or the resolution tags of a pyramid."""

from __future__ import annotations

import math
import re
from typing import Any

from medloom.schemas.errors import BadInput

Microns = tuple[float | None, float | None, float | None]
"""µm per pixel (z, down, right), None where nobody tells."""
_MICRONS = {
    "nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "\\u00b5m": 1.0, "mm": 1e3, "cm": 1e4,
    "m": 1e6, "pm": 1e-6, "å": 1e-4, "inch": 25_400.0, "inches": 25_400.0,
}  # fmt: skip
FINEST_PRINT = 20.0
"""A resolution of more µm per pixel, where only the TIFF's own tags state it, was meant for a printer."""


def ome_microns(file: Any) -> list[Microns]:
    """µm (z, down, right) of each image of the OME-XML, in its order."""
    if not file.is_ome:
        return []
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        root = ElementTree.fromstring(file.pages[0].description)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise BadInput("corrupt", f"OME-XML: {error}") from None
    found = []
    for image in root.iter():
        if image.tag.rpartition("}")[2] != "Pixels":
            continue
        sizes = []
        for axis in "ZYX":
            unit = _MICRONS.get(image.get(f"PhysicalSize{axis}Unit", "µm").strip().lower())
            value = _positive(image.get(f"PhysicalSize{axis}"))
            sizes.append(None if unit is None or value is None else value * unit)
        found.append((sizes[0], sizes[1], sizes[2]))
    return found


def _per_unit(page: Any, tag: str) -> float | None:
    """Units per pixel: the inverse of the resolution."""
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or not value[0] or not value[1]:
        return None
    return float(value[1]) / float(value[0])


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def stated_microns(file: Any, series: Any) -> Microns:
    """µm from ImageJ's or Aperio's description, or from the resolution tags of a pyramid."""
    page = series.pages[0].keyframe
    right, down = (_per_unit(page, tag) for tag in ("XResolution", "YResolution"))
    if file.is_imagej and file.imagej_metadata:
        unit = _MICRONS.get(str(file.imagej_metadata.get("unit", "")).strip().lower())
        if unit is None:
            return None, None, None
        deep = _positive(file.imagej_metadata.get("spacing"))
        return deep and deep * unit, down and down * unit, right and right * unit
    mpp = re.search(r"\bMPP\s*=\s*(\d*\.?\d+)", str(page.description or ""))
    if mpp is not None and (value := _positive(mpp[1])):
        return None, value, value
    unit = {2: 25_400.0, 3: 10_000.0}.get(int(page.tags.valueof("ResolutionUnit", default=1) or 1))
    if unit is None or not right or not down or max(right, down) * unit > FINEST_PRINT:
        return None, None, None
    return None, down * unit, right * unit
