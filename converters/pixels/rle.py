"""Masks as COCO stores them: run-length encoding and polygons, by pycocotools, with its silences made errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Rle


def rle_encode(mask: NDArray[Any]) -> Rle:
    """COCO run-length encoding of an H×W mask."""
    from pycocotools import mask as coco

    packed = coco.encode(np.asfortranarray(mask != 0).view(np.uint8))
    return Rle(size=(int(packed["size"][0]), int(packed["size"][1])), counts=packed["counts"].decode("ascii"))


def rle_encode_crop(crop: NDArray[Any], corner: tuple[int, int], size: tuple[int, int]) -> Rle:
    """What `rle_encode` makes of a mask of `size` (height, width) that is zero but for `crop`, whose top-left pixel is
    `corner` (x, y). Costs no more than the crop."""
    from pycocotools import mask as coco

    height, width = size
    columns = np.zeros((crop.shape[1], crop.shape[0] + 2), np.bool_)
    columns[:, 1:-1] = crop.T
    number, row = np.nonzero(columns[:, 1:] != columns[:, :-1])
    turns = (corner[0] + number) * height + corner[1] + row  # where runs begin and end, columns one after another
    joined = np.flatnonzero(turns[1:-1:2] == turns[2::2]) * 2 + 1
    turns = np.delete(turns, np.concatenate((joined, joined + 1)))
    behind = [] if turns.size and turns[-1] == height * width else [height * width]
    counts = np.diff(np.concatenate(([0], turns, behind)))
    packed = coco.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return Rle(size=(height, width), counts=packed["counts"].decode("ascii"))


def rle_decode(rle: Rle) -> NDArray[np.bool_]:
    """H×W bool. Raises BadInput ``bad_rle`` where the runs don't fill the picture."""
    from pycocotools import mask as coco

    height, width = rle.size
    covered = _covered(rle.counts)
    if min(height, width) < 0 or covered != height * width:  # pycocotools leaves what no run covers to chance
        raise BadInput("bad_rle", f"runs of {covered} pixels for a picture of {height} × {width}")
    try:
        return np.asarray(coco.decode(_coco(rle))).view(np.bool_)
    except ValueError as error:
        raise BadInput("bad_rle", f"{error} of {height} × {width}") from None


def _covered(counts: str) -> int | None:
    """The sum of all runs of a COCO string (5 bits a character, lowest first, differences to the run before the last);
    None where it is no such string."""
    bits = np.frombuffer(counts.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if not bits.size:
        return 0
    last = bits & 0x20 == 0
    if bits.min() < 0 or bits.max() > 63 or not last[-1]:
        return None
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    place = np.arange(bits.size) - np.repeat(starts, ends - starts + 1)
    if place.max() > 6:
        return None
    runs = np.add.reduceat((bits & 0x1F) << 5 * place, starts)
    runs = np.where(bits[ends] & 0x10, runs - (1 << 5 * (place[ends] + 1)), runs)
    runs[1::2], runs[2::2] = runs[1::2].cumsum(), runs[2::2].cumsum()
    return int(runs.sum()) if runs.min() >= 0 else None


def rle_area(rle: Rle) -> int:
    """Pixels of the mask, without decoding it; the runs are taken to be right."""
    from pycocotools import mask as coco

    return int(coco.area(_coco(rle)))


def rle_iou(a: Rle, b: Rle) -> float:
    """Intersection over union of two masks of one size."""
    from pycocotools import mask as coco

    if a.size != b.size:
        raise ValueError(f"masks of {a.size} and {b.size}")
    return float(coco.iou([_coco(a)], [_coco(b)], [0])[0, 0])


def _coco(rle: Rle) -> dict[str, Any]:
    return {"size": list(rle.size), "counts": rle.counts.encode("ascii")}


def polygon_to_mask(polygons: Sequence[Sequence[float]], height: int, width: int) -> NDArray[np.bool_]:
    """H×W union of flat x, y polygons, filled as COCO fills them.

    Raises BadInput ``bad_polygon`` where one has fewer than three points or a coordinate that is no number.
    """
    from pycocotools import mask as coco

    for polygon in polygons:
        if len(polygon) < 6 or len(polygon) % 2 or not np.isfinite(polygon).all():
            raise BadInput("bad_polygon", f"{len(polygon)} numbers: three or more finite points are needed")
    if not polygons:
        return np.zeros((height, width), np.bool_)
    # frPyObjects takes a list of exactly four numbers for a box: polygons have six or more.
    parts = coco.frPyObjects([[float(v) for v in polygon] for polygon in polygons], height, width)
    return np.asarray(coco.decode(coco.merge(parts))).view(np.bool_)
