"""TIFF files by page and region: stacks, OME-TIFF, pyramids. Nothing but the tiles asked for is decoded."""

from __future__ import annotations

import logging
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.header import MAX_PIXELS
from medloom.converters.pixels.tiff_microns import Microns, ome_microns, stated_microns
from medloom.schemas.errors import BadInput

Box = tuple[int, int, int, int]
_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEGS = frozenset((6, 7, 33007, 34892))
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6


def is_tiff(head: bytes) -> bool:
    """Whether these are the first bytes of a TIFF or BigTIFF."""
    return head[:4] in _MAGICS


class TiffPlane:
    """One plane of one level: `height`, `width`, `channels` and `dtype`; any region of it on demand."""

    def __init__(self, page: Any) -> None:
        try:
            self._take(page)
        except BadInput:
            raise
        except Exception as error:  # whatever a broken tag makes of it
            raise BadInput("corrupt", f"TIFF: {error}") from None

    def _take(self, page: Any) -> None:
        self._page, self._key = page, page.keyframe
        key = self._key
        self.height, self.width = int(key.imagelength), int(key.imagewidth)
        self._samples = int(key.samplesperpixel)
        self._photometric, self._compression = int(key.photometric), int(key.compression)
        self._separate = int(key.planarconfig or 1) == 2 and self._samples > 1
        self.dtype = np.dtype(key.dtype)
        if key.is_tiled:
            self._segment = int(key.tilelength), int(key.tilewidth)
        else:
            self._segment = min(int(key.rowsperstrip or self.height), self.height), self.width
        if min(self.height, self.width, self._samples, *self._segment) < 1:
            raise BadInput("corrupt", f"TIFF of {self.width} × {self.height} pixels in pieces of {self._segment}")
        if self._segment[0] * self._segment[1] > MAX_PIXELS or self._samples > 64:
            raise BadInput("decompression_bomb", f"TIFF in pieces of {self._segment}, {self._samples} channels")
        if key.imagedepth != 1:
            raise BadInput("unsupported_pixels", "TIFF with volumes in its tiles")
        if self.dtype.kind not in "buif":
            raise BadInput("unsupported_pixels", f"TIFF of {self.dtype}")
        subsampled = self._photometric == _YCBCR and self._compression not in _JPEGS
        if self._photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR) or subsampled:
            raise BadInput("unsupported_pixels", f"TIFF with photometric interpretation {self._photometric}")

    @property
    def read_shape(self) -> tuple[int, ...]:
        """The shape of all of it as `read` gives it."""
        channels = 3 if self._photometric == _PALETTE else self._samples
        return (self.height, self.width) if channels == 1 else (self.height, self.width, channels)

    @property
    def shown_dtype(self) -> np.dtype[Any]:
        """The type as `read` gives it."""
        plain = self.dtype.kind == "b" or self._photometric == _PALETTE
        return np.dtype(np.uint8) if plain else self.dtype

    def read(self, box: Box | None = None) -> NDArray[Any]:
        """H×W, or H×W×C, of a half-open xyxy box (all of it by default), as stored but for palettes and inversion.

        Where the file holds no tile the pixels are white. Raises BadInput ``outside_picture``,
        ``decompression_bomb``, ``truncated``, ``corrupt``.
        """
        x0, y0, x1, y1 = box or (0, 0, self.width, self.height)
        if not (0 <= x0 < x1 <= self.width and 0 <= y0 < y1 <= self.height):
            raise BadInput("outside_picture", f"{box} of a picture of {self.width} × {self.height}")
        if (x1 - x0) * (y1 - y0) > MAX_PIXELS:
            raise BadInput("decompression_bomb", f"{x1 - x0} × {y1 - y0} pixels, at most {MAX_PIXELS} are read")
        white = 0 if self._photometric == _WHITE_IS_ZERO else _white(self.dtype)
        out = np.full((y1 - y0, x1 - x0, self._samples), white, self.dtype)
        planes = range(self._samples) if self._separate else (None,)
        for plane in planes:
            target = out if plane is None else out[:, :, plane : plane + 1]
            self._fill(target, (x0, y0, x1, y1), plane or 0)
        return self._meant(out)

    def _fill(self, out: NDArray[Any], box: Box, plane: int) -> None:
        x0, y0, x1, y1 = box
        high, wide = self._segment
        across, down = math.ceil(self.width / wide), math.ceil(self.height / high)
        for row in range(y0 // high, math.ceil(y1 / high)):
            for column in range(x0 // wide, math.ceil(x1 / wide)):
                found = self._decoded((plane * down + row) * across + column)
                if found is None:
                    continue
                top, left = row * high, column * wide
                ys, ye = max(y0, top), min(y1, top + found.shape[0])
                xs, xe = max(x0, left), min(x1, left + found.shape[1])
                out[ys - y0 : ye - y0, xs - x0 : xe - x0] = found[ys - top : ye - top, xs - left : xe - left]

    def _decoded(self, index: int) -> NDArray[Any] | None:
        """The pixels (H×W×C) of a segment; None where the file has none."""
        page, key = self._page, self._key
        segments = min(len(page.dataoffsets), len(page.databytecounts))
        if index >= segments:
            raise BadInput("truncated", f"TIFF with {segments} segments, number {index} is missing")
        offset, count = int(page.dataoffsets[index]), int(page.databytecounts[index])
        if not count:
            return None
        handle = page.parent.filehandle
        options: dict[str, Any] = {}
        if self._compression in _JPEGS:
            options = {"jpegtables": page.jpegtables, "jpegheader": key.jpegheader}
        try:
            with handle.lock:
                handle.seek(offset)
                data = handle.read(count)
            if len(data) < count:
                raise BadInput("truncated", f"TIFF: segment {index} ends {count - len(data)} bytes early")
            found = key.decode(data, index, **options)[0]
        except BadInput:
            raise
        except Exception as error:  # many codecs, each with errors of its own
            raise BadInput("corrupt", f"TIFF: segment {index}: {error}") from None
        if found is None:
            return None
        return np.asarray(found).reshape(found.shape[-3:])

    def _meant(self, array: NDArray[Any]) -> NDArray[Any]:
        """Grey H×W or colour H×W×C: black is low, palettes are looked up."""
        if self._photometric == _PALETTE:
            colours = np.asarray(self._key.colormap)
            if colours.ndim != 2 or array.dtype.kind not in "ub" or int(array.max()) >= colours.shape[1]:
                raise BadInput("corrupt", "TIFF: a palette that lacks colours")
            return np.ascontiguousarray((colours[:, array[:, :, 0]] >> 8).astype(np.uint8).transpose(1, 2, 0))
        top = (1 << int(self._key.bitspersample)) - 1
        if array.dtype == np.bool_:
            array, top = array.astype(np.uint8) * 255, 255
        if self._photometric == _WHITE_IS_ZERO and array.dtype.kind == "u":
            array = array.dtype.type(top) - array
        return array[:, :, 0] if array.shape[2] == 1 else array


class TiffSeries:
    """One series of a file: its levels, its planes, and µm per pixel (z, down, right) where the file tells."""

    def __init__(self, series: Any, microns: Microns) -> None:
        self._series = series
        self.microns = microns
        self.axes = str(series.axes)
        self.plane_axes = "".join(axis for axis, size in zip(series.axes, series.shape, strict=True)
                                  if axis not in "YXS" and size > 1)  # fmt: skip

    @property
    def levels(self) -> int:
        """How many sizes there are of it."""
        return len(self._series.levels)

    @property
    def planes(self) -> int:
        """How many pages there are of it."""
        return len(self._series.pages)

    def plane(self, number: int, level: int = 0) -> TiffPlane:
        """One page at one level. Raises BadInput ``which_frame``, ``corrupt``."""
        if not 0 <= level < self.levels:
            raise BadInput("which_frame", f"level {level} of {self.levels}")
        pages = self._series.levels[level].pages
        if not 0 <= number < len(pages):
            raise BadInput("which_frame", f"page {number} of {len(pages)}")
        page = pages[number]
        if page is None:
            raise BadInput("corrupt", f"TIFF: page {number} is missing")
        return TiffPlane(page)


class TiffFile:
    """A TIFF or BigTIFF. Other files that an OME-TIFF names are never opened.

    Raises BadInput: ``not_a_tiff``, ``corrupt``.
    """

    def __init__(self, path: Path) -> None:
        import tifffile

        with path.open("rb") as handle:
            if not is_tiff(handle.read(4)):
                raise BadInput("not_a_tiff", "no TIFF by its first bytes")
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong is told by the refusal
        try:
            self._file = tifffile.TiffFile(path, _multifile=False)
            self._ome = ome_microns(self._file)
            self._all = list(self._file.series)
        except BadInput:
            raise
        except Exception as error:  # whatever a broken header makes of it
            raise BadInput("corrupt", f"TIFF: {error}") from None
        if not self._all or not self._file.pages:
            raise BadInput("corrupt", "TIFF without a picture")

    @property
    def series(self) -> int:
        """How many series there are."""
        return len(self._all)

    def one(self, number: int = 0) -> TiffSeries:
        """One series. Raises BadInput ``missing_array``."""
        if not 0 <= number < len(self._all):
            raise BadInput("missing_array", f"series {number} of {len(self._all)}")
        found = self._all[number]
        microns = self._ome[number] if number < len(self._ome) else stated_microns(self._file, found)
        return TiffSeries(found, microns)


def tiff_file(path: Path) -> TiffFile:
    """The file, opened once a process as long as it doesn't change; few are kept open."""
    found = path.stat()
    return _tiff_file(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=8)
def _tiff_file(path: Path, size: int, mtime_ns: int) -> TiffFile:
    return TiffFile(path)


def _white(dtype: np.dtype[Any]) -> Any:
    return 1 if dtype.kind == "b" else np.iinfo(dtype).max if dtype.kind in "ui" else 1.0
