"""Resizing of pictures and of masks."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def resize(array: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """A picture of `width` × `height`: area averaging on whole factors and where it shrinks to less than half,
    linear where it shrinks by less (five times faster, and no pixel is skipped below a factor of two), cubic where
    it grows. Returns the same array where the size is the same.
    """
    old_height, old_width = array.shape[:2]
    if (old_width, old_height) == (width, height):
        return array
    if width > old_width or height > old_height:
        how = cv2.INTER_CUBIC
    elif old_width % width == 0 and old_height % height == 0:
        how = cv2.INTER_AREA
    else:
        shrink = max(old_width / width, old_height / height)
        how = cv2.INTER_LINEAR if shrink < 2 else cv2.INTER_AREA
    return np.asarray(cv2.resize(array, (width, height), interpolation=how))


def resize_mask(mask: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """A mask or label map of `width` × `height`: each pixel takes the value at its own centre, none is mixed."""
    old_height, old_width = mask.shape[:2]
    if (old_width, old_height) == (width, height):
        return mask
    rows, columns = _centres(old_height, height), _centres(old_width, width)
    return np.ascontiguousarray(mask[rows[:, None], columns[None, :]])


def resize_crop(
    part: NDArray[Any], corner: tuple[int, int], old: tuple[int, int], new: tuple[int, int]
) -> tuple[NDArray[Any], tuple[int, int]]:
    """What `resize_mask` makes of a mask of `old` (width, height) that is zero but for `part`, whose top-left pixel is
    `corner` (x, y): the crop in the `new` size and its corner. Costs no more than the crop; it may be empty."""
    if old == new:
        return part, corner
    (x, columns), (y, rows) = (
        _within(_centres(old[axis], new[axis]), corner[axis], part.shape[1 - axis]) for axis in (0, 1)
    )
    return part[rows[:, None], columns[None, :]], (x, y)


def _centres(old: int, new: int) -> NDArray[np.int64]:
    """Which of `old` pixels lies under the centre of each of `new` ones.

    cv2's INTER_NEAREST takes the corner, which shifts the mask against its picture by half a pixel.
    """
    return (2 * np.arange(new) + 1) * old // (2 * new)


def _within(centres: NDArray[np.int64], start: int, length: int) -> tuple[int, NDArray[np.int64]]:
    """The first new pixel that shows one of the `length` old ones from `start` on, and which of them each shows."""
    first, behind = np.searchsorted(centres, (start, start + length)).tolist()
    return first, centres[first:behind] - start
