"""Whole: a clip's pictures in one MP4, without its metadata and without sound."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from medloom.converters.video.clip import AvClip, Clip
from medloom.schemas.errors import BadInput

COPIED = frozenset(("h264", "hevc", "vp9", "av1", "mpeg4"))
"""Codecs whose packets an MP4 holds as they are; everything else is encoded again."""
TICKS = 90_000
CRF = "18"
REPEATABLE = "threads=1:lookahead-threads=1:rc-lookahead=0:sync-lookahead=0:mbtree=0"
"""x264's look ahead gives other bytes from run to run: its fast code depends on where pictures lie in memory."""


def whole_clip(paths: Sequence[Path], clip: Clip) -> bytes:
    """The clip as MP4: packets copied where the codec allows it, else H.264 at a constant quality of 18.

    Nothing but pictures and times goes along: titles, dates, places, device names and sound stay behind, since they may
    tell who the patient is. The same bytes on every run of the same FFmpeg. Raises BadInput ``undecodable``.
    """
    try:
        if isinstance(clip, AvClip) and not clip.notes and _codec(paths[0]) in COPIED:
            return _copied(paths[0])
        return _encoded(clip)
    except BadInput:
        raise
    except Exception as error:
        raise BadInput("undecodable", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from None


def _codec(path: Path) -> str:
    import av

    with av.open(str(path)) as container:
        return str(container.streams.video[0].codec_context.name)


def _written(sink: io.BytesIO) -> Any:
    import av

    return av.open(sink, "w", format="mp4", options={"fflags": "+bitexact"})


def _copied(path: Path) -> bytes:
    import av

    sink = io.BytesIO()
    with av.open(str(path)) as source, _written(sink) as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        copy.metadata.clear()
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    return sink.getvalue()


def _encoded(clip: Clip) -> bytes:
    import av
    import cv2
    import numpy as np
    from numpy.typing import NDArray

    sink = io.BytesIO()
    with _written(sink) as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height = clip.width - clip.width % 2, clip.height - clip.height % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, TICKS)
        stream.options = {"crf": CRF, "preset": "veryfast", "x264-params": REPEATABLE}
        for index, array in clip.frames(range(len(clip.times))):
            # OpenCV's colours, not swscale's, whose last bits depend on where the picture lies in memory
            even = np.ascontiguousarray(array[: stream.height, : stream.width])
            planes: NDArray[np.uint8] = np.asarray(cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = round((clip.times[index] - clip.times[0]) * TICKS)
            frame.time_base = Fraction(1, TICKS)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return sink.getvalue()
