"""Tiles of pictures too big to be shown: which level of the pyramid, and where there is most tissue.

Whatever file holds the pyramid is behind the small interface `Pyramid`.
"""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.schemas.catalog import TilePolicy
from medloom.schemas.errors import BadInput

Picture = NDArray[np.uint8]
Box = tuple[int, int, int, int]

OVERVIEW = 2048
"""Pixels of the longer side, at most, of the level that tissue is looked for on."""
_LEAST_TISSUE = 0.05


class Level(msgspec.Struct, frozen=True):
    """One level of a pyramid: its size in pixels, and µm per pixel (across, down) where the file tells."""

    width: int
    height: int
    microns: tuple[float, float] | None = None


class Pyramid(Protocol):
    """A picture at several sizes, all of the same field of view."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """From the largest to the smallest."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd of the file, and how it was taken."""

    def read(self, level: int, box: Box) -> Picture:
        """H×W×3 RGB uint8 of a half-open xyxy box in pixels of that level, which must lie inside it.

        Where the file holds no tile the picture is white. Raises BadInput where the file can't be decoded.
        """


class Tile(msgspec.Struct, frozen=True):
    """Where a tile lies: half-open xyxy in pixels of `level`; `tissue` is the share of it that isn't background."""

    level: int
    box: Box
    tissue: float

    def on_base(self, levels: tuple[Level, ...]) -> tuple[float, float, float, float]:
        """The box in pixels of the largest level."""
        base, own = levels[0], levels[self.level]
        x, y = base.width / own.width, base.height / own.height
        return self.box[0] * x, self.box[1] * y, self.box[2] * x, self.box[3] * y


def choose_level(levels: tuple[Level, ...], policy: TilePolicy) -> int:
    """The level that tiles are taken from.

    With `microns` the one nearest to it by ratio; without, or where no level tells its µm, the smallest that holds a
    whole tile, else the largest.
    """
    known = [(number, max(one.microns)) for number, one in enumerate(levels) if one.microns is not None]
    if policy.microns is not None and known:
        wanted = policy.microns
        return min(known, key=lambda one: (abs(np.log(one[1] / wanted)), one[0]))[0]
    holds = [n for n, one in enumerate(levels) if min(one.width, one.height) >= policy.size]
    return holds[-1] if holds else 0


def choose_tiles(picture: Pyramid, policy: TilePolicy) -> list[Tile]:
    """At most `per_picture` tiles of the chosen level, those with most tissue first, equals in reading order.

    Tiles lie on a grid from the upper left corner; what is left over at the right and lower edge makes no tile,
    unless the level is smaller than a tile, which is then all of it. Tiles of hardly any tissue are left out as
    long as there is a better one.
    """
    levels = picture.levels
    level = choose_level(levels, policy)
    at = levels[level]
    wide, high = min(policy.size, at.width), min(policy.size, at.height)
    tissue = tissue_map(picture)
    found = []
    for y in range(0, at.height - high + 1, high):
        for x in range(0, at.width - wide + 1, wide):
            share = _share(tissue, (x / at.width, y / at.height, (x + wide) / at.width, (y + high) / at.height))
            found.append(Tile(level, (x, y, x + wide, y + high), round(share, 4)))
    found.sort(key=lambda tile: (-tile.tissue, tile.box[1], tile.box[0]))
    kept = [tile for tile in found if tile.tissue >= _LEAST_TISSUE] or found[:1]
    return kept[: policy.per_picture]


def tissue_map(picture: Pyramid) -> NDArray[np.float32]:
    """0 to 1 over the whole field of view, H×W of a small level: how much of each pixel is tissue.

    Stained tissue is darker or more coloured than the glass: the larger of saturation and darkness, cut by Otsu's
    threshold. Raises BadInput ``too_big_to_look`` where even the smallest level is too big for an overview.
    """
    levels = picture.levels
    small = next((n for n, one in enumerate(levels) if max(one.width, one.height) <= OVERVIEW), len(levels) - 1)
    one = levels[small]
    if one.width * one.height > 16 * OVERVIEW * OVERVIEW:
        raise BadInput("too_big_to_look", f"the smallest level has {one.width} × {one.height} pixels")
    shown = picture.read(small, (0, 0, one.width, one.height))
    factor = max(1, max(one.width, one.height) // OVERVIEW)
    if factor > 1:
        shown = np.asarray(
            cv2.resize(shown, (one.width // factor, one.height // factor), interpolation=cv2.INTER_AREA), np.uint8
        )
    high, low = shown.max(axis=2), shown.min(axis=2)
    seen: NDArray[Any] = np.maximum(high - low, 255 - high)
    threshold, cut = cv2.threshold(seen, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    if threshold == 0 and seen.max() == 0:  # nothing but glass
        return np.zeros(seen.shape, np.float32)
    return np.asarray(cut, np.float32)


def _share(tissue: NDArray[np.float32], box: tuple[float, float, float, float]) -> float:
    """Mean over a box that is given in shares of width and height."""
    height, width = tissue.shape
    x0, x1 = int(box[0] * width), max(int(box[0] * width) + 1, round(box[2] * width))
    y0, y1 = int(box[1] * height), max(int(box[1] * height) + 1, round(box[3] * height))
    return float(tissue[y0:y1, x0:x1].mean())
