"""A video container, read by PyAV (FFmpeg): the times of its frames without decoding, and frames by number."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from medloom.converters.video.clip import (
    MAX_FRAMES,
    Frame,
    Patience,
    require_there,
    require_within_limits,
    undecodable,
)
from medloom.schemas.errors import BadInput

DEMUXERS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpeg", "mpegts", "mpegvideo", "flv", "asf",
    "ogg", "h264", "hevc", "m4v", "ivf", "obu", "av1", "dv", "mxf", "nut", "rm", "yuv4mpegpipe", "mjpeg", "gif",
)  # fmt: skip
"""What is read. Playlists and the like are not: they make FFmpeg open other files, and addresses."""
UNTIMED = ("h264", "hevc", "m4v", "mpegvideo", "obu", "av1", "mjpeg")
"""Bare streams: they hold no times, so frames are counted."""
SKIPPING = ("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4")
"""Codecs whose decoders really leave out frames on which no other depends, and give the same pixels for the rest."""

MOST_DELAY_S = 10
"""A container that starts later than this, or any MPEG stream, has a clock that doesn't begin with it."""


class Shown(msgspec.Struct, frozen=True):
    """How a decoded picture becomes upright: rows and columns exchanged, then flipped across and down."""

    turned: bool = False
    across: bool = False
    down: bool = False

    def upright(self, array: Frame) -> Frame:
        array = array.transpose(1, 0, 2) if self.turned else array
        return np.ascontiguousarray(array[:: -1 if self.down else 1, :: -1 if self.across else 1])


class _Stamp(msgspec.Struct, frozen=True):
    pts: int | None
    key: bool


class AvClip:
    """As `Clip`. Packets are walked once, and only the first frame is decoded, for size and rotation.

    `zero` is the time stamp, in units of the stream, of the time 0; None where packets can't be copied as they are.
    The walk's time stamps are those of the frames in every container but AVI and bare streams. There frames are counted
    from the first on, which means decoding all before the one that is wanted, unless each is a key frame.
    """

    def __init__(self, source: Path | io.BytesIO) -> None:
        self.source = source
        try:
            with opened(source) as container:
                self._walk(container, container.streams.video[0])
        except BadInput:
            raise
        except Exception as error:  # FFmpeg has many ways to fail
            raise undecodable(error) from None

    def _walk(self, container: Any, stream: Any) -> None:
        stamps, first, torn, skipped = _stamps(container, stream)
        if first is None or not stamps:
            raise BadInput("empty_clip", "no frame can be decoded")
        self._shown = _shown(first)
        size = (first.width, first.height)
        self.width, self.height = size[::-1] if self._shown.turned else size
        self.codec = str(stream.codec_context.codec.canonical_name)
        kind = str(container.format.name).split(",")[0]
        untimed = kind in UNTIMED or any(one.pts is None for one in stamps)
        rate = float((stream.guessed_rate if untimed else stream.average_rate) or stream.guessed_rate or 25)
        ordered = stamps if untimed else sorted(stamps, key=lambda one: one.pts or 0)
        self._pts = [index if untimed else one.pts or 0 for index, one in enumerate(ordered)]
        self.counted = untimed or (kind == "avi" and not all(one.key for one in stamps))
        if len(set(self._pts)) < len(self._pts):  # two frames at one time can't be told apart
            self._pts, self.counted, untimed = list(range(len(stamps))), True, True
        base = Fraction(1) / Fraction(rate) if untimed else Fraction(stream.time_base)
        start = Fraction(self._pts[0])
        if not untimed and kind != "avi":
            began = Fraction(container.start_time or 0, 1_000_000)
            start = min(start, Fraction(0) if kind not in ("mpeg", "mpegts") and began < MOST_DELAY_S else began / base)
        self.times = tuple(float((pts - start) * base) for pts in self._pts)
        self.zero = None if self.counted or skipped else int(start)
        steps = np.diff(self.times)
        last = float(np.median(steps)) if len(steps) else 1 / rate
        self.duration_s = self.times[-1] + last
        self.keys = tuple(index for index, one in enumerate(ordered) if one.key)
        self.notes: tuple[str, ...] = ("frames were counted: the container has no time stamps",) if untimed else ()
        self.loss = _loss(container, stream, stamps, torn, self.times[-1] - self.times[0] + last)
        require_within_limits(self.width, self.height, len(self.times), self.duration_s)

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """As `Clip.frames`; decodes on from the last frame, or seeks where a key frame lies between."""
        wanted = sorted(set(indices))
        require_there(wanted, len(self.times))
        if not wanted:
            return
        came = False
        try:
            with opened(self.source) as container:
                reader = _Reader(container, self.codec)
                found = self._counted(reader, wanted) if self.counted else self._sought(reader, wanted)
                for index, frame in found:
                    array = reader.array(frame)
                    if array.shape[:2] == (
                        (self.width, self.height) if self._shown.turned else (self.height, self.width)
                    ):
                        came = True
                        yield index, self._shown.upright(array)
        except BadInput:
            raise
        except Exception as error:
            raise undecodable(error) from None
        if not came:
            raise BadInput("undecodable", f"none of frames {wanted[:8]} can be decoded")

    def _counted(self, reader: _Reader, wanted: list[int]) -> Iterator[tuple[int, Any]]:
        left = set(wanted)
        for index, frame in enumerate(reader.every()):
            if index in left and not frame.is_corrupt:
                reader.patience.renew()
                yield index, frame
            if index >= wanted[-1]:
                return

    def _sought(self, reader: _Reader, wanted: list[int]) -> Iterator[tuple[int, Any]]:
        reader.wanted = {self._pts[index] for index in wanted}
        keys = np.asarray(self.keys or (0,))
        seeks = True
        at = -1  # the last frame that was reached
        for index in wanted:
            key = int(keys[max(0, int(np.searchsorted(keys, index, side="right")) - 1)])
            if seeks and key > at + 1:
                reader.seek(self._pts[key])
            frame = reader.reach(self._pts[index])
            if frame is None and seeks:  # what can't be reached by its key frame is read from the start
                seeks = False
                reader.seek(self._pts[0])
                frame = reader.reach(self._pts[index])
            at = index
            if frame is not None:
                reader.patience.renew()
                yield index, frame


class _Reader:
    """Frames of an open container in order; `wanted` are the time stamps of which pixels are needed."""

    def __init__(self, container: Any, codec: str) -> None:
        from av.video.reformatter import VideoReformatter

        self._container = container
        self._stream = container.streams.video[0]
        self._skips = codec in SKIPPING
        self._reformatter = VideoReformatter()
        self._pending: Any = None
        self.patience = Patience()
        self.wanted: set[int] = set()
        self._frames = self.every()

    def every(self) -> Iterator[Any]:
        """All frames from here on; packets that can't be decoded are passed over."""
        import av

        context = self._stream.codec_context
        skips = self._skips and bool(self.wanted)
        packets = self._container.demux(self._stream)
        while True:
            self.patience.check()
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                if skips:
                    context.skip_frame = "NONREF" if packet.size and packet.pts not in self.wanted else "DEFAULT"
                yield from packet.decode()
            except av.EOFError:
                return
            except av.InvalidDataError:
                continue

    def seek(self, pts: int) -> None:
        self._container.seek(pts, stream=self._stream, backward=True)
        self._pending = None
        self._frames = self.every()

    def reach(self, pts: int) -> Any:
        """The whole frame with that time stamp; None where the stream has gone past it, or ends before."""
        while True:
            frame, self._pending = self._pending or next(self._frames, None), None
            if frame is None:
                return None
            if frame.pts is not None and frame.pts >= pts:
                if frame.pts == pts:
                    return None if frame.is_corrupt else frame
                self._pending = frame
                return None

    def array(self, frame: Any) -> Frame:
        """H×W×3 RGB as decoded: the frame's own matrix and range, as FFmpeg converts them."""
        return np.asarray(self._reformatter.reformat(frame, format="rgb24").to_ndarray(), np.uint8)


def opened(source: Path | io.BytesIO) -> Any:
    """The open container, one thread. Raises BadInput ``not_a_clip`` where it has no video stream."""
    import av

    av.logging.set_level(None)
    if isinstance(source, io.BytesIO):
        source.seek(0)
    container = av.open(
        source if isinstance(source, io.BytesIO) else str(source),
        options={"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "file"},
    )
    if not container.streams.video:
        container.close()
        raise BadInput("not_a_clip", "the file has no video stream")
    container.streams.video[0].thread_type = "NONE"
    container.streams.video[0].codec_context.thread_count = 1
    return container


def header_rate(path: Path) -> float:
    """Frames per second as the container states them. Raises BadInput as `AvClip`."""
    try:
        with opened(path) as container:
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
    except BadInput:
        raise
    except Exception as error:
        raise undecodable(error) from None
    if not rate:
        raise BadInput("no_frame_time", "the container states no frame rate")
    return float(rate)


def _stamps(container: Any, stream: Any) -> tuple[list[_Stamp], Any, bool, bool]:
    """A stamp for each packet that is shown, in the order of the file; the first frame; whether the end is torn; and
    whether packets were left out because an edit list shows nothing of them."""
    import av

    found: list[_Stamp] = []
    first, torn, skipped = None, False, False
    patience = Patience()
    packets = container.demux(stream)
    while True:
        patience.check()
        try:
            packet = next(packets, None)
            if packet is None:
                break
            if first is None:
                first = next(iter(packet.decode()), None)
        except av.InvalidDataError:
            continue
        except av.FFmpegError:
            torn = True
            break
        if not packet.size:
            continue
        torn, hidden = bool(packet.is_corrupt), bool(packet.is_discard)
        skipped = skipped or hidden
        if torn or hidden:
            continue
        found.append(_Stamp(packet.pts, bool(packet.is_keyframe)))
        if len(found) > MAX_FRAMES:
            raise BadInput("clip_too_big", f"more than {MAX_FRAMES} frames")
    return found, first, torn, skipped


def _loss(container: Any, stream: Any, stamps: list[_Stamp], torn: bool, seconds: float) -> str | None:
    """What the container announces and does not hold."""
    announced = int(stream.frames or 0)
    if announced and torn:
        return f"{len(stamps)} of {announced} frames are there: the file is cut off"
    if torn:
        return f"the file is cut off after {len(stamps)} frames"
    stated = 0.0
    if stream.duration and stream.time_base:
        stated = float(stream.duration * stream.time_base)
    elif container.duration and len(container.streams) == 1:
        stated = container.duration / 1_000_000
    if stated - seconds > max(1.0, 0.02 * stated):
        return f"{seconds:.1f} of {stated:.1f} s are there: the file is cut off"
    return None


def _shown(frame: Any) -> Shown:
    """From the display matrix of the container (ISO/IEC 14496-12, 6.2.2): x' = ax + cy, y' = bx + dy."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d, *_ = (int(value) for value in np.frombuffer(bytes(data), np.int32))
            if abs(b) > abs(a):
                return Shown(turned=True, across=c < 0, down=b < 0)
            return Shown(across=a < 0, down=d < 0)
    return Shown()
