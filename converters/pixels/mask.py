"""Masks: their boxes, components and encodings.

A mask is an H×W array, zero outside. Boxes are half-open xyxy, floats, origin top-left; every point is in the same
frame, so that the centre of the first pixel is (0.5, 0.5) and scaling a picture scales its points. In three
dimensions likewise, ijk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.rle import polygon_to_mask, rle_area, rle_decode, rle_encode, rle_encode_crop, rle_iou

__all__ = [
    "Box", "Box3d", "Component", "Component3d", "binary", "bounding_box", "box3d", "box_iou", "boxes3d_of_labels",
    "boxes_of_labels", "colour_mask", "components", "components3d", "having", "numbered3d", "polygon_to_mask",
    "rle_area", "rle_decode", "rle_encode", "rle_encode_crop", "rle_iou",
]  # fmt: skip

Box = tuple[float, float, float, float]
Box3d = tuple[int, int, int, int, int, int]


class Component(msgspec.Struct, frozen=True, eq=False):
    """A connected part of a mask. `mask` is its bool crop to `box`; `centroid` is (x, y)."""

    mask: NDArray[np.bool_]
    box: Box
    area_px: int
    centroid: tuple[float, float]


class Component3d(msgspec.Struct, frozen=True, eq=False):
    """A connected part of a volume mask. `box` is half-open i0, j0, k0, i1, j1, k1; `centroid` is (i, j, k)."""

    mask: NDArray[np.bool_]
    box: Box3d
    voxels: int
    centroid: tuple[float, float, float]


def bounding_box(mask: NDArray[Any]) -> Box | None:
    """The smallest box around what is not zero; None of an empty mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def boxes_of_labels(labels: NDArray[Any]) -> dict[int, Box]:
    """The box of each value above 0 of an integer H×W label map, by rising value, in one pass."""
    return {value: (float(x.start), float(y.start), float(x.stop), float(y.stop)) for value, (y, x) in _extents(labels)}


def having(labels: NDArray[Any], values: Sequence[int]) -> NDArray[np.bool_]:
    """Where an integer array has one of `values`."""
    return np.isin(labels, values) if len(values) > 1 else labels == values[0]


def boxes3d_of_labels(labels: NDArray[Any]) -> dict[int, Box3d]:
    """The half-open ijk box of each value above 0 of an integer I×J×K label map, by rising value, in one pass."""
    return {value: (i.start, j.start, k.start, i.stop, j.stop, k.stop) for value, (i, j, k) in _extents(labels)}


def _extents(labels: NDArray[Any]) -> Iterable[tuple[int, tuple[slice, ...]]]:
    from scipy import ndimage

    values: NDArray[Any] | None = None
    if labels.size and labels.max() > 1 << 16:  # find_objects makes a row for every number up to the largest
        values, inverse = np.unique(labels, return_inverse=True)
        first = int(np.searchsorted(values, 1))
        values = values[first:]
        labels = np.maximum(inverse.reshape(labels.shape) - first + 1, 0)
    turned = labels.flags.f_contiguous  # scipy walks C order: three times faster on what NIfTI holds
    labels = labels.T if turned else labels
    outer = _filled(labels)
    if not outer:
        return
    for number, found in enumerate(ndimage.find_objects(labels[outer]), start=1):
        if found is not None:
            where = tuple(slice(o.start + w.start, o.start + w.stop) for o, w in zip(outer, found, strict=True))
            yield (number if values is None else int(values[number - 1])), where[::-1] if turned else where


def _filled(labels: NDArray[Any]) -> tuple[slice, ...]:
    """The smallest box around all that is not zero, () where nothing is. By projections of joined bits: a tenth of the
    time that walking voxel by voxel takes."""
    spans: list[slice] = []
    while len(spans) < labels.ndim:
        part = labels[tuple(spans)]
        for _ in spans:
            part = np.bitwise_or.reduce(part, axis=0)
        hits = np.flatnonzero(np.bitwise_or.reduce(part.reshape(len(part), -1), axis=1)) if part.size else part[:0]
        if not hits.size:
            return ()
        spans.append(slice(int(hits[0]), int(hits[-1]) + 1))
    return tuple(spans)


def components(mask: NDArray[Any], connectivity: int = 8, min_area_px: int = 0) -> list[Component]:
    """The connected parts (4 or 8 neighbours) of at least `min_area_px` pixels, top to bottom, then left to right."""
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity in a picture is 4 or 8, not {connectivity}")
    outer = bounding_box(mask)
    if outer is None:
        return []
    left, top, right, bottom = (int(v) for v in outer)
    crop = np.ascontiguousarray(mask[top:bottom, left:right] != 0).view(np.uint8)
    # No more labels are tried than there are runs in the rows; 16 bits are three times faster than 32.
    runs = np.count_nonzero(crop[:, 0]) + np.count_nonzero(crop[:, 1:] > crop[:, :-1])
    depth = cv2.CV_16U if runs < 1 << 16 else cv2.CV_32S
    _, labels, stats, centres = cv2.connectedComponentsWithStats(crop, connectivity=connectivity, ltype=depth)
    found = []
    for number in range(1, len(stats)):
        x, y, width, height, area = (int(v) for v in stats[number])
        if area < min_area_px:
            continue
        part = labels[y : y + height, x : x + width] == number
        cx, cy = (float(v) for v in centres[number])
        box = (float(left + x), float(top + y), float(left + x + width), float(top + y + height))
        found.append(Component(part, box, area, (left + cx + 0.5, top + cy + 0.5)))
    return sorted(found, key=lambda c: (c.box[1], c.box[0], c.box[3], c.box[2], c.centroid))


def box3d(mask: NDArray[Any]) -> Box3d | None:
    """The smallest half-open ijk box around what is not zero; None of an empty mask."""
    spans = []
    part = mask != 0
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        hits = np.flatnonzero(part.any(axis=others))
        if not hits.size:
            return None
        spans.append((int(hits[0]), int(hits[-1]) + 1))
    (i0, i1), (j0, j1), (k0, k1) = spans
    return i0, j0, k0, i1, j1, k1


def numbered3d(mask: NDArray[Any], connectivity: int = 26) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The connected parts (6, 18 or 26 neighbours) of a volume mask, numbered from 1: the largest first, then by box.

    Returns the number of each voxel (0: none), and the voxels of each part.
    """
    from scipy import ndimage

    steps = {6: 1, 18: 2, 26: 3}[connectivity]
    solid = mask if mask.dtype == np.bool_ else mask != 0
    turned = solid.flags.f_contiguous  # scipy walks C order
    if turned:
        solid = solid.T
    labels, count = ndimage.label(solid, ndimage.generate_binary_structure(3, steps))
    if count < 2:
        numbers: NDArray[Any] = solid.astype(np.uint8)
        sizes = np.full(count, np.count_nonzero(solid), np.int64)
    else:
        sizes = np.bincount(labels.reshape(-1), minlength=count + 1)[1:]
        boxes = [
            (tuple(side.start for side in where), tuple(side.stop for side in where))
            for where in (found[::-1] if turned else found for found in ndimage.find_objects(labels))
        ]
        if turned and len(set(zip(sizes.tolist(), boxes, strict=True))) < count:  # the order of walking would decide
            return numbered3d(np.ascontiguousarray(mask), connectivity)
        order = sorted(range(count), key=lambda part: (-sizes[part], boxes[part]))
        place = np.zeros(count + 1, np.min_scalar_type(count))
        place[1 + np.array(order)] = np.arange(1, count + 1)
        numbers, sizes = place[labels], sizes[order]
    return numbers.T if turned else numbers, sizes


def components3d(mask: NDArray[Any], connectivity: int = 26, min_voxels: int = 0) -> list[Component3d]:
    """The connected parts (6, 18 or 26 neighbours) of at least `min_voxels`, the largest first, then by box."""
    from scipy import ndimage

    outer = box3d(mask)
    if outer is None:
        return []
    i0, j0, k0, i1, j1, k1 = outer
    numbers, sizes = numbered3d(mask[i0:i1, j0:j1, k0:k1], connectivity)
    found = []
    for number, (where, voxels) in enumerate(zip(ndimage.find_objects(numbers), sizes.tolist(), strict=True), start=1):
        if voxels < min_voxels:
            break
        part = numbers[where] == number
        i, j, k = (s.start + o for s, o in zip(where, (i0, j0, k0), strict=True))
        centre = [float(np.arange(n) @ _profile(part, a)) / voxels + 0.5 for a, n in enumerate(part.shape)]
        found.append(
            Component3d(
                part,
                (i, j, k, i + part.shape[0], j + part.shape[1], k + part.shape[2]),
                voxels,
                (i + centre[0], j + centre[1], k + centre[2]),
            )
        )
    return found


def _profile(part: NDArray[np.bool_], axis: int) -> NDArray[np.int64]:
    """Voxels of each plane across `axis`."""
    return np.asarray(np.count_nonzero(part, axis=tuple(a for a in range(3) if a != axis)))


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 where either is empty."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def binary(mask: NDArray[Any], threshold: float | None = None, value: int | None = None) -> NDArray[np.bool_]:
    """H×W bool of a mask image, H×W or H×W×3 (any channel counts).

    By default what is not zero. `value` asks for exactly that value. `threshold` asks for more than that: half of the
    range (127.5) for a mask that went through a lossy codec, whose zeros and edges are smeared.
    """
    if threshold is not None:
        hits = mask > threshold
    elif value is not None:
        hits = mask == value
    else:
        hits = mask != 0
    if hits.ndim == 2:
        return np.asarray(hits)
    return np.asarray(hits.all(axis=2) if value is not None else hits.any(axis=2))


def colour_mask(
    image: NDArray[np.uint8], colours: Iterable[tuple[int, int, int]], tolerance: int = 0
) -> NDArray[np.bool_]:
    """H×W bool of where an H×W×3 RGB picture has one of the colours, each channel within `tolerance`."""
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    hits = np.zeros(image.shape[:2], np.bool_)
    for colour in colours:
        low = tuple(max(0, c - tolerance) for c in colour)
        high = tuple(min(255, c + tolerance) for c in colour)
        hits |= cv2.inRange(image, low, high) != 0
    return hits
