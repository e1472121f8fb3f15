"""DICOM whole-slide microscopy as tiles see it (PS3.3 A.32.8): one file, or the parts of a concatenation, a level."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.burned_in_notes import burned_in_notes
from medloom.converters.pixels.dicom_decode import frames_of
from medloom.converters.pixels.dicom_file import attribute, frame_count, read_dicom, whole
from medloom.converters.pixels.dicom_geometry import spacing_mm
from medloom.converters.pixels.header import MAX_PIXELS
from medloom.converters.pixels.tiles import Box, Level, Picture
from medloom.schemas.errors import BadInput

BESIDES = frozenset(("LABEL", "OVERVIEW", "LOCALIZER"))
"""Third values of Image Type of pictures that are no level of the slide; the label may name the patient."""
MAX_BYTES = 2 << 30
"""The largest file of a level that is taken into memory; one is there at a time."""


class _Level(msgspec.Struct, kw_only=True):
    """A level: its whole size, that of its tiles, and the (file, frame) at the (column, row) of each tile's corner."""

    width: int
    height: int
    columns: int
    rows: int
    microns: tuple[float, float] | None
    tiles: dict[tuple[int, int], tuple[Path, int]]


def is_beside(dataset: Any) -> bool:
    """Whether a slide microscopy object shows the label or the glass, and not the specimen."""
    kind = dataset.get("ImageType")
    return kind is not None and not isinstance(kind, str) and any(str(one).upper() in BESIDES for one in kind)


class DicomSlide:
    """The levels of one slide, from its files in any order; the first of several focal planes or optical paths.

    Raises BadInput ``not_a_slide``, ``no_level`` and what `read_dicom` raises.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        found: dict[tuple[int, int], _Level] = {}
        notes: dict[str, None] = {}
        for path in paths:
            dataset = read_dicom(path, header_only=True)
            if is_beside(dataset):
                continue
            notes.update(dict.fromkeys(burned_in_notes(dataset)))
            one = _level_of(dataset, path, notes)
            known = found.setdefault((one.width, one.height), one)
            known.tiles = one.tiles | known.tiles
        if not found:
            raise BadInput("no_level", "no file of it shows the specimen")
        self._levels = sorted(found.values(), key=lambda one: -one.width * one.height)
        self.notes = tuple(notes)
        self._dataset = lru_cache(maxsize=1)(_whole)

    @property
    def levels(self) -> tuple[Level, ...]:
        """From the largest to the smallest."""
        return tuple(Level(one.width, one.height, one.microns) for one in self._levels)

    def read(self, level: int, box: Box) -> Picture:
        """H×W×3 RGB uint8; white where there is no tile. Raises BadInput as `frames_of` does, ``slide_too_big``,
        ``unsupported_pixels``."""
        one = self._levels[level]
        x0, y0, x1, y1 = box
        if (x1 - x0) * (y1 - y0) > MAX_PIXELS:
            raise BadInput("decompression_bomb", f"{x1 - x0} × {y1 - y0} pixels, at most {MAX_PIXELS} are read")
        shown = np.full((y1 - y0, x1 - x0, 3), 255, np.uint8)
        for (x, y), (path, frame) in one.tiles.items():
            left, top, right, low = max(x, x0), max(y, y0), min(x + one.columns, x1), min(y + one.rows, y1)
            if left < right and top < low:
                tile = _colour(next(frames_of(self._dataset(path), [frame])))
                shown[top - y0 : low - y0, left - x0 : right - x0] = tile[top - y : low - y, left - x : right - x]
        return shown


def _level_of(dataset: Any, path: Path, notes: dict[str, None]) -> _Level:
    keywords = ("TotalPixelMatrixColumns", "TotalPixelMatrixRows", "Columns", "Rows")
    sizes = [dataset.get(keyword) for keyword in keywords]
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise BadInput("not_a_slide", f"its sizes are {dict(zip(keywords, sizes, strict=True))}", path.name)
    width, height, columns, rows = sizes
    spacing = spacing_mm(dataset)
    return _Level(
        width=width, height=height, columns=columns, rows=rows,
        microns=None if spacing is None else (spacing[1] * 1000, spacing[0] * 1000),
        tiles={at: (path, frame) for at, frame in _places(dataset, (width, height, columns, rows), notes).items()},
    )  # fmt: skip


def _places(dataset: Any, sizes: tuple[int, int, int, int], notes: dict[str, None]) -> dict[tuple[int, int], int]:
    """The frame at each tile's upper left corner. Frames that say where they are count before the order of frames,
    which tells it of TILED_FULL objects only (PS3.3 C.7.6.17.3)."""
    width, height, columns, rows = sizes
    frames = frame_count(dataset)
    found: dict[tuple[int, int], int] = {}
    if dataset.get("PerFrameFunctionalGroupsSequence") and dataset.get("DimensionOrganizationType") != "TILED_FULL":
        group = "PlanePositionSlideSequence"
        for frame in range(frames):
            x = attribute(dataset, "ColumnPositionInTotalImagePixelMatrix", frame, group)
            y = attribute(dataset, "RowPositionInTotalImagePixelMatrix", frame, group)
            if not isinstance(x, int) or not isinstance(y, int):
                raise BadInput("no_position", f"tile {frame} doesn't say where it lies")
            if found.setdefault((x - 1, y - 1), frame) != frame:
                notes["several tiles in one place: the first is shown"] = None
        return found
    across = -(-width // columns)
    first = max(0, whole(dataset, "ConcatenationFrameOffsetNumber") or 0)
    for frame in range(frames):
        number = first + frame
        if number >= across * -(-height // rows):
            notes["several focal planes or optical paths: the first is shown"] = None
            break
        found[number % across * columns, number // across * rows] = frame
    return found


def _whole(path: Path) -> Any:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise BadInput("slide_too_big", f"a level of {size} bytes, at most {MAX_BYTES} are read", path.name)
    return read_dicom(path)


def _colour(tile: NDArray[Any]) -> NDArray[np.uint8]:
    if tile.dtype != np.uint8 or (tile.ndim == 3 and tile.shape[2] != 3):
        raise BadInput("unsupported_pixels", f"a slide of {tile.dtype} with {tile.shape[2:] or 'one'} samples")
    return tile if tile.ndim == 3 else np.repeat(tile[:, :, None], 3, axis=2)
