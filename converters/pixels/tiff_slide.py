"""A pyramidal TIFF as tiles see it: OME-TIFF, Aperio and plain tiled TIFF with reduced images."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.raster import flatten
from medloom.converters.pixels.tiff_file import tiff_file
from medloom.converters.pixels.tiles import Box, Level, Picture
from medloom.converters.pixels.window import Window, apply_window, percentile_window
from medloom.schemas.errors import BadInput


class TiffSlide:
    """The levels of one series (the first by default: the others of a slide are its label and its overview).

    `member` is the series' number, `frame` the plane where it has several. More than 8 bits are shown through one
    window, from the 0.5th to the 99.5th percentile of the smallest level, so that all tiles are shown alike.

    Raises BadInput as `TiffFile` does, and ``which_frame`` where there are several planes and nobody says which.
    """

    def __init__(self, path: Path, member: str | None = None, frame: int | None = None) -> None:
        number = (member or "0").split("/", 1)[0]
        self._series = tiff_file(path).one(int(number) if number.isdigit() else -1)
        if frame is None and self._series.planes != 1:
            raise BadInput("which_frame", f"{self._series.planes} planes ({self._series.axes}), and nobody says which")
        self._planes = [self._series.plane(frame or 0, level) for level in range(self._series.levels)]
        self._planes.sort(key=lambda plane: -plane.width * plane.height)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """From the largest to the smallest, µm from the largest's."""
        base = self._planes[0]
        _, down, right = self._series.microns
        found = []
        for plane in self._planes:
            microns = None
            if down is not None and right is not None:
                microns = right * base.width / plane.width, down * base.height / plane.height
            found.append(Level(plane.width, plane.height, microns))
        return tuple(found)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd of it."""
        window = self._window
        return () if window is None else (f"shown through a window of {window.center:g} ± {window.width / 2:g}",)

    def read(self, level: int, box: Box) -> Picture:
        """H×W×3 RGB uint8. Raises BadInput as `TiffPlane.read` does."""
        return self._shown(self._planes[level].read(box))

    @cached_property
    def _window(self) -> Window | None:
        if self._planes[-1].dtype.kind in "bu" and self._planes[-1].dtype.itemsize == 1:
            return None
        return Window(*percentile_window(self._planes[-1].read()), how="percentile", function="LINEAR_EXACT")

    def _shown(self, array: NDArray[Any]) -> Picture:
        window = self._window
        if window is not None:
            array = apply_window(array, window.center, window.width, window.function)
        array = flatten(array)
        return np.ascontiguousarray(array if array.ndim == 3 else np.repeat(array[:, :, None], 3, axis=2))
