"""Clips that are no video container: animated pictures, cine DICOM, and folders of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from medloom.converters.pixels.dicom_file import attribute, frame_count, numbers, read_dicom
from medloom.converters.video.clip import MAX_FRAMES, MAX_PIXELS, Frame
from medloom.schemas.errors import BadInput

GIF_LEAST_MS = 20
"""Browsers show a frame that states less for 100 ms."""


class _Timed:
    """What these clips share: every frame stands alone, so that each is a key frame."""

    width: int
    height: int
    times: tuple[float, ...]
    duration_s: float
    keys: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def _set_times(self, lengths_s: Sequence[float]) -> None:
        if not lengths_s:
            raise BadInput("empty_clip", "there is no frame")
        ends = list(accumulate(lengths_s))
        self.times = (0.0, *ends[:-1])
        self.duration_s = ends[-1]
        self.keys = tuple(range(len(lengths_s)))


class AnimatedPicture(_Timed):
    """An animated GIF, WebP or PNG by Pillow, which composes frames as a browser does. A single frame is no clip."""

    def __init__(self, path: Path) -> None:
        from PIL import Image, UnidentifiedImageError

        self._path = path
        try:
            with Image.open(path) as picture:
                self.width, self.height = picture.size
                count = getattr(picture, "n_frames", 1)
                if count > MAX_FRAMES or self.width * self.height > MAX_PIXELS:
                    raise BadInput("clip_too_big", f"{count} frames of {self.width} × {self.height}")
                lengths = []
                for index in range(count):
                    picture.seek(index)
                    stated = float(picture.info.get("duration", 0) or 0)
                    lengths.append((stated if stated >= GIF_LEAST_MS else 100.0) / 1000)
        except BadInput:
            raise
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
            raise BadInput("undecodable", f"{type(error).__name__}: {error}") from None
        if len(lengths) < 2:
            raise BadInput("not_a_clip", "the picture has one frame")
        self._set_times(lengths)

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """As `Clip.frames`."""
        from PIL import Image

        try:
            with Image.open(self._path) as picture:
                for index in sorted(set(indices)):
                    picture.seek(index)
                    yield index, np.array(picture.convert("RGB"))
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise BadInput("undecodable", f"{type(error).__name__}: {error}") from None


class CineDicom(_Timed):
    """Frames of a multi-frame DICOM object, as `medloom.converters.pixels.dicom.render` shows them.

    Times by Frame Time Vector, Frame Time, Recommended Display Frame Rate or Cine Rate (PS3.3 C.7.6.5), in this order;
    without any of them a clip has no time, and is refused as ``no_frame_time``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        dataset = read_dicom(path, pixels=False)
        count = frame_count(dataset)
        if count < 2:
            raise BadInput("not_a_clip", "the object has one frame")
        self.width, self.height = int(dataset.get("Columns") or 0), int(dataset.get("Rows") or 0)
        if count > MAX_FRAMES or self.width * self.height > MAX_PIXELS:
            raise BadInput("clip_too_big", f"{count} frames of {self.width} × {self.height}")
        self._set_times(_lengths(dataset, count))

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """As `Clip.frames`."""
        from medloom.converters.pixels.dicom import render

        for index in sorted(set(indices)):
            array, _ = render(self._path, index)
            yield index, np.ascontiguousarray(np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array)


def _lengths(dataset: object, count: int) -> list[float]:
    vector = numbers(attribute(dataset, "FrameTimeVector") or (), count)
    if vector is not None:
        steps = [step / 1000 for step in vector[1:]]
        return [*steps, steps[-1]]
    single = numbers([attribute(dataset, "FrameTime")], 1)
    if single is not None and single[0] > 0:
        return [single[0] / 1000] * count
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = numbers([attribute(dataset, keyword)], 1)
        if rate is not None and rate[0] > 0:
            return [1 / rate[0]] * count
    raise BadInput("no_frame_time", "neither Frame Time nor a frame rate is stated")


class FrameFolder(_Timed):
    """Frames in files of their own, in the order given, `rate` frames per second."""

    def __init__(self, paths: Sequence[Path], rate: float | None) -> None:
        from medloom.converters.pixels.header import probe

        if rate is None or rate <= 0:
            raise BadInput("no_frame_time", "nothing states the frame rate of a folder of frames")
        self._paths = tuple(paths)
        if len(paths) > MAX_FRAMES:
            raise BadInput("clip_too_big", f"{len(paths)} frames")
        self.width, self.height = probe(paths[0].read_bytes()).upright
        self._set_times([1 / rate] * len(paths))

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """As `Clip.frames`; a frame of another size than the first is ``undecodable``."""
        from medloom.converters.pixels.header import probe
        from medloom.converters.pixels.raster import decode_samples, flatten, upright

        for index in sorted(set(indices)):
            data = self._paths[index].read_bytes()
            info = probe(data)
            array = upright(flatten(decode_samples(data, info)), info.exif_orientation)
            if array.dtype != np.uint8 or array.shape[:2] != (self.height, self.width):
                raise BadInput("undecodable", f"frame {index} is {array.shape} {array.dtype}")
            yield index, np.ascontiguousarray(np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array)
