"""Clips that are no video container: animated pictures, cine DICOM, and folders of frames."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.burned_in_notes import burned_in_notes
from medloom.converters.pixels.dicom_file import attribute, frame_count, numbers, read_dicom
from medloom.converters.video.clip import (
    Clip,
    Frame,
    Patience,
    require_there,
    require_within_limits,
    undecodable,
)
from medloom.schemas.errors import BadInput

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

UNSTATED_MS = 100.0
"""How long browsers show a frame of no stated length, and one of a GIF that states less than `GIF_LEAST_MS`."""
GIF_LEAST_MS = 20
BITSTREAMS = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (100, 101, 102, 103, 104, 105, 106, 107, 108))
"""DICOM's transfer syntaxes of MPEG-2, H.264 and H.265 (PS3.5 A.4.5 to A.4.8, with their fragmentable kin)."""


class _Timed:
    """What these clips share: every frame stands alone, so that each is a key frame."""

    width: int
    height: int
    times: tuple[float, ...]
    duration_s: float
    keys: tuple[int, ...]
    notes: tuple[str, ...] = ()
    loss: str | None = None

    def _set_times(self, lengths_s: Sequence[float]) -> None:
        ends = list(accumulate(lengths_s))
        self.times = (0.0, *ends[:-1])
        self.keys = tuple(range(len(lengths_s)))
        self.duration_s = ends[-1] if ends else 0.0
        require_within_limits(self.width, self.height, len(lengths_s), self.duration_s)

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """As `Clip.frames`."""
        wanted = sorted(set(indices))
        require_there(wanted, len(self.times))
        came, why = False, None
        for index, array in self._each(wanted):
            if isinstance(array, BadInput):
                why = array
            elif array.shape[:2] == (self.height, self.width):
                came = True
                yield index, np.ascontiguousarray(np.repeat(array[..., None], 3, 2) if array.ndim == 2 else array)
        if wanted and not came:
            raise why or BadInput("undecodable", f"none of frames {wanted[:8]} can be decoded")

    def _each(self, wanted: list[int]) -> Iterator[tuple[int, NDArray[np.uint8] | BadInput]]:
        raise NotImplementedError


class AnimatedPicture(_Timed):
    """An animated GIF, WebP or PNG by Pillow, which composes frames as a browser does. A single frame is no clip.

    What is transparent is black. The still picture that a PNG shows where animation is unknown is no frame.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        patience = Patience()
        lengths: list[float] = []
        with self._opened() as picture:
            self.width, self.height = picture.size
            self._first = 1 if picture.info.get("default_image") else 0
            if getattr(picture, "n_frames", 1) - self._first < 2:
                raise BadInput("not_a_clip", "the picture has one frame")
            require_within_limits(self.width, self.height, picture.n_frames - self._first, 0.0)
            try:
                for index in range(self._first, picture.n_frames):
                    patience.check()
                    picture.seek(index)
                    if picture.format == "WEBP":  # it learns a frame's length as it decodes it
                        picture.load()
                    lengths.append(_length_ms(picture) / 1000)
            except BadInput:
                raise
            except Exception as error:
                if not lengths:
                    raise undecodable(error) from None
                self.loss = f"{len(lengths)} of {picture.n_frames - self._first} frames are there: the file is cut off"
        self._set_times(lengths)

    def _opened(self) -> Any:
        from PIL import Image

        try:
            return Image.open(self._path)
        except Exception as error:  # also a bomb of pixels
            raise undecodable(error) from None

    def _each(self, wanted: list[int]) -> Iterator[tuple[int, NDArray[np.uint8] | BadInput]]:
        from medloom.converters.pixels.raster import flatten

        with self._opened() as picture:
            for index in wanted:
                try:
                    picture.seek(index + self._first)
                    clear = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
                    array: NDArray[np.uint8] = np.array(picture.convert("RGBA" if clear else "RGB"))
                except Exception as error:
                    yield index, undecodable(error)
                    continue
                yield index, flatten(array)


def _length_ms(picture: Any) -> float:
    stated = float(picture.info.get("duration", 0) or 0)
    return stated if stated >= (GIF_LEAST_MS if picture.format == "GIF" else 1e-3) else UNSTATED_MS


def open_cine(path: Path) -> Clip:
    """The clip in a multi-frame DICOM object: frames of pictures, or a video stream that is wrapped in DICOM.

    Raises BadInput as `open_clip`.
    """
    dataset = read_dicom(path)
    if str(dataset.file_meta.get("TransferSyntaxUID", "")) not in BITSTREAMS:
        return CineDicom(dataset)
    from pydicom.encaps import generate_frames

    from medloom.converters.video.container import AvClip

    try:
        stream = b"".join(generate_frames(dataset.PixelData, number_of_frames=1))
    except Exception as error:
        raise undecodable(error) from None
    clip = AvClip(io.BytesIO(stream))
    clip.notes = (*clip.notes, *burned_in_notes(dataset))
    return clip


class CineDicom(_Timed):
    """Frames of a multi-frame DICOM object, as `medloom.converters.pixels.dicom.render` shows them.

    Times by Frame Time Vector, Frame Time, Recommended Display Frame Rate or Cine Rate (PS3.3 C.7.6.5), in this order;
    without any of them a clip has no time, and is refused as ``no_frame_time``.
    """

    def __init__(self, dataset: FileDataset) -> None:
        self._dataset = dataset
        self.notes = burned_in_notes(dataset)
        count = frame_count(dataset)
        if count < 2:
            raise BadInput("not_a_clip", "the object has one frame")
        sides = dataset.get("Columns"), dataset.get("Rows")
        if not all(isinstance(side, int) for side in sides):
            raise BadInput("undecodable", f"a picture of {sides[1]} rows and {sides[0]} columns")
        self.width, self.height = sides
        require_within_limits(self.width, self.height, count, 0.0)
        self._set_times(_lengths(dataset, count))

    def _each(self, wanted: list[int]) -> Iterator[tuple[int, NDArray[np.uint8] | BadInput]]:
        from medloom.converters.pixels.dicom import render

        for index in wanted:
            try:
                array, _ = render(self._dataset, index)
            except BadInput as bad:
                yield index, bad
                continue
            yield index, array


def _lengths(dataset: object, count: int) -> list[float]:
    vector = numbers(attribute(dataset, "FrameTimeVector") or (), count)
    if vector is not None and all(step > 0 for step in vector[1:]):
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
    """Frames in files of their own, in the order given: `times` in seconds for each, or `rate` frames per second."""

    def __init__(self, paths: Sequence[Path], rate: float | None, times: Sequence[float] = ()) -> None:
        from medloom.converters.pixels.header import probe

        self._paths = tuple(paths)
        self.width, self.height = probe(paths[0].read_bytes()).upright
        if times:
            steps = [after - before for before, after in pairwise(times)]
            if len(times) != len(paths) or min(steps) <= 0:
                raise BadInput("no_frame_time", f"{len(times)} times for {len(paths)} frames, or none after another")
            self._set_times([*steps, float(np.median(steps))])
            self.times = tuple(float(time) for time in times)
            self.duration_s += self.times[0]
        elif rate is None or not 0 < rate < 1e6:
            raise BadInput("no_frame_time", "nothing states the frame rate of a folder of frames")
        else:
            require_within_limits(self.width, self.height, len(paths), len(paths) / rate)
            self.times = tuple(index / rate for index in range(len(paths)))
            self.duration_s, self.keys = len(paths) / rate, tuple(range(len(paths)))

    def _each(self, wanted: list[int]) -> Iterator[tuple[int, NDArray[np.uint8] | BadInput]]:
        from medloom.converters.pixels.header import probe
        from medloom.converters.pixels.raster import decode_samples, flatten, upright

        for index in wanted:
            try:
                data = self._paths[index].read_bytes()
                info = probe(data)
                array = upright(flatten(decode_samples(data, info)), info.exif_orientation)
            except BadInput as bad:
                yield index, bad
                continue
            except OSError as error:
                yield index, undecodable(error)
                continue
            if array.dtype == np.uint8:
                yield index, array
            else:
                yield index, BadInput("undecodable", f"frame {index} is {array.dtype}")
