"""Clip: frames of a moving picture by number, each with the container's own time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from medloom.schemas.errors import BadInput

Frame = NDArray[np.uint8]
Decoder = Literal["auto", "av", "decord"]
MAX_FRAMES = 500_000
MAX_PIXELS = 64 * 2**20  # of one frame
VIDEO = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpeg", ".mpg", ".wmv", ".flv", ".ts", ".ogv")
ANIMATED = (".gif", ".webp", ".apng", ".png")


class Clip(Protocol):
    """A moving picture that is open. `times` are seconds of the container's own time, one for each frame, ascending;
    `duration_s` lasts to the end of the last frame. `keys` are the frames that the container marks as key frames.
    `notes` tell what was odd.
    """

    width: int
    height: int
    times: tuple[float, ...]
    duration_s: float
    keys: tuple[int, ...]
    notes: tuple[str, ...]

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """(index, H×W×3 RGB uint8) of the wanted frames, ascending. Raises BadInput ``undecodable``."""
        ...


def open_clip(paths: Sequence[Path], decoder: Decoder = "auto", rate: float | None = None) -> Clip:
    """The clip in a file, or in a folder's frames (several `paths`, in order, `rate` frames per second).

    By content: DICOM (cine), animated GIF, WebP and PNG, else a video container. ``auto`` reads containers by PyAV, and
    by decord what PyAV can't. Raises BadInput ``empty_clip`` (no frame), ``not_a_clip``, ``undecodable``,
    ``clip_too_big``.
    """
    if len(paths) > 1:
        from medloom.converters.video.stills import FrameFolder

        return FrameFolder(paths, rate)
    path = paths[0]
    with path.open("rb") as handle:
        head = handle.read(132)
    if head[128:] == b"DICM":
        from medloom.converters.video.stills import CineDicom

        return CineDicom(path)
    if head[:3] == b"GIF" or head[8:12] == b"WEBP" or head[:8] == b"\x89PNG\r\n\x1a\n":
        from medloom.converters.video.stills import AnimatedPicture

        return AnimatedPicture(path)
    if decoder == "decord":
        return DecordClip(path)
    try:
        return AvClip(path)
    except BadInput as bad:
        if decoder == "av" or bad.reason == "clip_too_big":
            raise
        try:
            return DecordClip(path)
        except BadInput:
            raise bad from None


class AvClip:
    """A video container, read by PyAV (FFmpeg). Packets are walked once, without decoding, for the times of frames."""

    def __init__(self, path: Path) -> None:
        import av

        self._path = path
        notes: list[str] = []
        try:
            with av.open(str(path)) as container:
                if not container.streams.video:
                    raise BadInput("not_a_clip", "the file has no video stream")
                stream = container.streams.video[0]
                self._base = stream.time_base
                rate = float(stream.average_rate or stream.guessed_rate or 0) or 25.0
                stamps = _stamps(container, stream)
                if not stamps or any(pts is None for pts, _ in stamps):
                    stamps = _decoded_stamps(path, rate)
                    notes.append("the container has no time stamps for all frames: they were counted")
                    self._counted = True
                else:
                    self._counted = False
                self.width, self.height, turn = _upright_size(path)
        except BadInput:
            raise
        except Exception as error:  # FFmpeg has many ways to fail
            raise BadInput("undecodable", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from None
        if not stamps:
            raise BadInput("empty_clip", "no frame can be decoded")
        if len(stamps) > MAX_FRAMES or self.width * self.height > MAX_PIXELS:
            raise BadInput("clip_too_big", f"{len(stamps)} frames of {self.width} × {self.height}")
        self._turn = turn
        self._seeks = True
        ordered = sorted(stamps, key=lambda stamp: stamp[0])
        self._pts = [pts for pts, _ in ordered]
        scale = 1 / rate if self._counted else float(self._base or 1)
        self.times = tuple(pts * scale for pts in self._pts)
        steps = np.diff(self.times)
        self.duration_s = self.times[-1] - self.times[0] + (float(np.median(steps)) if len(steps) else 1 / rate)
        self.keys = tuple(index for index, (_, key) in enumerate(ordered) if key)
        self.notes = tuple(notes)

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """As `Clip.frames`; decodes on from the last frame, or seeks where a key frame lies between."""
        import av

        wanted = sorted(set(indices))
        if any(not 0 <= index < len(self.times) for index in wanted):
            raise BadInput("undecodable", f"frames {wanted} of {len(self.times)}")
        try:
            with av.open(str(self._path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "NONE"
                yield from (
                    self._counted_frames(container, stream, wanted)
                    if self._counted
                    else self._sought(container, stream, wanted)
                )
        except BadInput:
            raise
        except Exception as error:
            raise BadInput("undecodable", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from None

    def _counted_frames(self, container: Any, stream: Any, wanted: list[int]) -> Iterator[tuple[int, Frame]]:
        left = set(wanted)
        for index, frame in enumerate(container.decode(stream)):
            if index in left:
                yield index, self._array(frame)
            if index >= wanted[-1]:
                return

    def _sought(self, container: Any, stream: Any, wanted: list[int]) -> Iterator[tuple[int, Frame]]:
        keys = np.asarray(self.keys or (0,))
        decoded: Any = container.decode(stream)
        at = -1  # the last frame that was decoded
        for index in wanted:
            key = int(keys[max(0, int(np.searchsorted(keys, index, side="right")) - 1)])
            if key > at + 1 and self._seeks:
                container.seek(self._pts[key], stream=stream, backward=True)
                decoded = container.decode(stream)
            frame = self._reached(decoded, index)
            if frame is None and self._seeks:  # a container that seeks beyond its key frames is read from its start
                self._seeks = False
                container.seek(0, stream=stream, backward=True)
                decoded = container.decode(stream)
                frame = self._reached(decoded, index)
            if frame is None:
                raise BadInput("undecodable", f"frame {index} of {len(self.times)} is not there")
            yield index, self._array(frame)
            at = index

    def _reached(self, decoded: Any, index: int) -> Any:
        """The frame with that number's own time stamp; None where the stream has gone past it, or ends before."""
        for frame in decoded:
            if frame.pts is not None and frame.pts >= self._pts[index]:
                return frame if frame.pts == self._pts[index] else None
        return None

    def _array(self, frame: Any) -> Frame:
        array: Frame = frame.to_ndarray(format="rgb24")
        return np.ascontiguousarray(np.rot90(array, self._turn)) if self._turn else array


def _stamps(container: Any, stream: Any) -> list[tuple[Any, bool]]:
    """(pts, is key frame) of each packet that is shown, in the order of the file."""
    found = []
    for packet in container.demux(stream):
        if packet.size and not getattr(packet, "is_discard", False):
            found.append((packet.pts, bool(packet.is_keyframe)))
            if len(found) > MAX_FRAMES:
                raise BadInput("clip_too_big", f"more than {MAX_FRAMES} frames")
    return found


def _decoded_stamps(path: Path, rate: float) -> list[tuple[Any, bool]]:
    import av

    with av.open(str(path)) as container:
        found = []
        try:
            for index, frame in enumerate(container.decode(video=0)):
                found.append((index, bool(frame.key_frame)))
        except av.FFmpegError:
            if not found:
                raise
        return found


def _upright_size(path: Path) -> tuple[int, int, int]:
    """(width, height) as shown, and the quarter turns anticlockwise that show it so (numpy's `rot90`)."""
    import av

    with av.open(str(path)) as container:
        frame = next(iter(container.decode(video=0)), None)
        if frame is None:
            raise BadInput("empty_clip", "no frame can be decoded")
        turn = round((getattr(frame, "rotation", 0) or 0) / 90) % 4
        width, height = frame.width, frame.height
    return (height, width, turn) if turn % 2 else (width, height, turn)


class DecordClip:
    """A video container, read by decord: frames by number. It has wheels for x86-64 only."""

    def __init__(self, path: Path) -> None:
        try:
            import decord
        except ImportError:
            raise BadInput("undecodable", "decord is not installed here") from None
        os.environ.setdefault("DECORD_EOF_RETRY_MAX", "128")
        try:
            self._reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
            count = len(self._reader)
            if not count:
                raise BadInput("empty_clip", "no frame can be decoded")
            spans = np.asarray(self._reader.get_frame_timestamp(list(range(count))), np.float64)
            self.height, self.width = self._reader[0].shape[:2]
            self.keys = tuple(int(key) for key in self._reader.get_key_indices())
        except BadInput:
            raise
        except Exception as error:
            raise BadInput("undecodable", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from None
        if count > MAX_FRAMES or self.width * self.height > MAX_PIXELS:
            raise BadInput("clip_too_big", f"{count} frames of {self.width} × {self.height}")
        self.times = tuple(float(start) for start in spans[:, 0])
        self.duration_s = float(spans[-1, 1] - spans[0, 0])
        self.notes: tuple[str, ...] = ()

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """As `Clip.frames`."""
        for index in sorted(set(indices)):
            try:
                yield index, self._reader[index].asnumpy()
            except Exception as error:
                raise BadInput("undecodable", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from None
