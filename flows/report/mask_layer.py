"""Masks of one view as one transparent picture that is laid over its thumbnail."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import cv2
import numpy as np
from pycocotools import mask as coco

from medloom.flows.report.thumbnail import SIDE, fitted
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Rle
from medloom.schemas.view import View

INSIDE, EDGE = 0.38, 0.95
Colour = tuple[int, int, int]


def mask_layer(masks: Iterable[tuple[Rle, Colour]], view: View, side: int = SIDE) -> str:
    """PNG data URI of RGBA: `masks` with their RGB colours, half seen through, their edges nearly solid.

    A later mask lies over an earlier one. Raises BadInput("wrong_grid") where a mask is not on the view's grid.
    """
    width, height = fitted(view.width, view.height, side)
    layer = np.zeros((height, width, 4), np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for rle, colour in masks:
        if rle.size != (view.height, view.width):
            raise BadInput("wrong_grid", f"mask of {rle.size}, view of {(view.height, view.width)} (height, width)")
        full = np.ascontiguousarray(coco.decode({"size": list(rle.size), "counts": rle.counts.encode()}))
        cover = cv2.resize(full * np.uint8(255), (width, height), interpolation=cv2.INTER_AREA)
        inner = cv2.erode((cover > 127).astype(np.uint8), cross, borderValue=0)  # the picture's border is an edge too
        edge = np.where(cover, np.maximum(cover, 150), 0)  # a speck of one native pixel stays visible
        alpha = np.where(inner, cover * INSIDE, edge * EDGE).astype(np.uint8)
        seen = alpha > 0
        layer[seen, :3] = colour[::-1]
        layer[seen, 3] = alpha[seen]
    _, png = cv2.imencode(".png", layer)
    return f"data:image/png;base64,{base64.b64encode(png.tobytes()).decode()}"
