"""Whole: a clip's pictures in one MP4, without its metadata and without sound."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import msgspec

from medloom.converters.video.clip import Clip, undecodable
from medloom.converters.video.container import AvClip, opened
from medloom.converters.video.messages import Muter
from medloom.schemas.errors import BadInput

COPIED = ("h264", "hevc", "vp9", "av1", "mpeg4")
"""Codecs whose packets an MP4 holds as they are; everything else is encoded again."""
TICKS = 90_000
CRF = "18"
REPEATABLE = "threads=1:lookahead-threads=1:rc-lookahead=0:sync-lookahead=0:mbtree=0"
"""x264's look ahead gives other bytes from run to run: its fast code depends on where pictures lie in memory."""
MAX_BYTES = 1 << 30


class Whole(msgspec.Struct, frozen=True):
    """An MP4, the size of its frames as shown, and how many there are. `encoded`: pixels were encoded again."""

    data: bytes
    width: int
    height: int
    frames: int
    encoded: bool


def whole_clip(clip: Clip) -> Whole:
    """The clip as MP4: packets copied where the codec allows it, else H.264 at a constant quality of 18, odd sides
    padded by their last row or column. Times are those of the clip, from 0 on.

    Nothing but pictures and times goes along: titles, dates, places, device names, messages within the stream and sound
    stay behind, since they may tell who the patient is. The same bytes on every run of the same FFmpeg.

    Raises BadInput ``undecodable``, ``clip_too_big``.
    """
    try:
        if isinstance(clip, AvClip) and clip.zero is not None and clip.loss is None and clip.codec in COPIED:
            data = _copied(clip, clip.zero)
            if data is not None:
                return Whole(_bounded(data), clip.width, clip.height, len(clip.times), encoded=False)
        return _encoded(clip)
    except BadInput:
        raise
    except Exception as error:
        raise undecodable(error) from None


def _written(sink: io.BytesIO) -> Any:
    import av

    return av.open(sink, "w", format="mp4", options={"fflags": "+bitexact"})


def _copied(clip: AvClip, zero: int) -> bytes | None:
    """None where a message in the stream can't be taken out, or packets lack times."""
    import av

    sink = io.BytesIO()
    with opened(clip.source) as source, _written(sink) as target:
        stream = source.streams.video[0]
        muter = Muter(clip.codec, bytes(stream.codec_context.extradata or b""))
        if muter.refuses:
            return None
        copy = target.add_stream_from_template(stream, opaque=True)
        copy.metadata.clear()
        for packet in _timed(packet for packet in source.demux(stream) if packet.size):
            held = bytes(packet)
            data = muter.muted(held)
            if data is None or packet.pts is None or packet.dts is None:
                return None
            mute = packet if data is held else av.Packet(data)
            mute.pts, mute.dts, mute.time_base = packet.pts - zero, packet.dts - zero, packet.time_base
            mute.duration, mute.is_keyframe = packet.duration, packet.is_keyframe
            mute.stream = copy
            target.mux(mute)
            _check(sink)
    return sink.getvalue()


def _timed(packets: Iterator[Any]) -> Iterator[Any]:
    """Packets with a decoding time where Matroska, which stores none, leaves it open for the first few."""
    waiting: list[Any] = []
    for packet in packets:
        if packet.dts is None and len(waiting) < 32:
            waiting.append(packet)
            continue
        for number, early in enumerate(waiting):
            if packet.dts is not None:
                early.dts = packet.dts - (len(waiting) - number) * max(1, packet.duration or 1)
            yield early
        waiting = []
        yield packet
    yield from waiting


def _encoded(clip: Clip) -> Whole:
    import av
    import cv2
    import numpy as np
    from numpy.typing import NDArray

    sink = io.BytesIO()
    down, across = clip.height % 2, clip.width % 2
    count = 0
    with _written(sink) as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height = clip.width + across, clip.height + down
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.time_base = Fraction(1, TICKS)
        context.colorspace, context.color_range = 6, 1  # BT.601, 16 to 235: what OpenCV's formula gives
        stream.options = {"crf": CRF, "preset": "veryfast", "x264-params": REPEATABLE}
        for index, array in clip.frames(range(len(clip.times))):
            if down or across:
                array = np.pad(array, ((0, down), (0, across), (0, 0)), mode="edge")
            # OpenCV's colours, not swscale's, whose last bits depend on where the picture lies in memory
            planes: NDArray[np.uint8] = np.asarray(cv2.cvtColor(array, cv2.COLOR_RGB2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = round(clip.times[index] * TICKS)
            frame.time_base = Fraction(1, TICKS)
            frame.colorspace, frame.color_range = 6, 1
            target.mux(stream.encode(frame))
            count += 1
            _check(sink)
        target.mux(stream.encode())
    return Whole(_bounded(sink.getvalue()), clip.width + across, clip.height + down, count, encoded=True)


def _check(sink: io.BytesIO) -> None:
    if sink.tell() > MAX_BYTES:
        raise BadInput("clip_too_big", f"more than {MAX_BYTES >> 20} MB as one file")


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise BadInput("clip_too_big", f"{len(data) >> 20} MB as one file, at most {MAX_BYTES >> 20} are kept")
    return data
