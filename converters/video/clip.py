"""Clip: frames of a moving picture by number, each with the container's own time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.header import has_preamble
from medloom.schemas.errors import BadInput

Frame = NDArray[np.uint8]
Decoder = Literal["auto", "av", "decord"]
MAX_FRAMES = 500_000
MAX_SECONDS = 24 * 3600.0
MAX_PIXELS = 64 * 2**20
"""Of one frame."""
MAX_VOLUME = 2 * 10**12
"""Pixels of one frame times frames: nine hours of 1080p at 30 frames per second."""
LIMIT_S = 300.0
"""Seconds of work without a frame that was asked for, before a file counts as one that hangs its decoder."""
VIDEO = (
    ".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm", ".mpeg", ".mpg", ".m2v", ".wmv", ".asf", ".flv", ".ts",
    ".mts", ".m2ts", ".ogv", ".vob",
)  # fmt: skip
ANIMATED = (".gif", ".webp", ".apng")


class Clip(Protocol):
    """A moving picture.

    `times` are seconds, ascending, one for each frame: the container's own time stamps, which begin at 0 but where
    other streams begin before the pictures; a clock that was running already counts from its start. `duration_s` is
    the time at which the last frame ends.
    `keys` are the frames that the container marks as key frames. `width` and `height` are those of a frame as shown.
    `notes` tell what was odd; `loss` tells what the container announces and does not hold.
    """

    width: int
    height: int
    times: tuple[float, ...]
    duration_s: float
    keys: tuple[int, ...]
    notes: tuple[str, ...]
    loss: str | None

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """(index, H×W×3 RGB uint8) of the wanted frames, ascending; one that can't be decoded is left out.

        Raises BadInput ``undecodable`` where none can, ``time_limit``, ``no_frame`` for an index that isn't there.
        """
        ...


def open_clip(
    paths: Sequence[Path], decoder: Decoder = "auto", rate: float | None = None, times: Sequence[float] = ()
) -> Clip:
    """The clip in a file, or in frames of one file each (several `paths`, in order; `rate` per second, or `times`).

    By content: DICOM (cine), animated GIF, WebP and PNG, else a video container. ``auto`` reads containers by PyAV, and
    by decord what PyAV can't.

    Raises BadInput: ``empty_clip`` (no frame), ``not_a_clip``, ``undecodable``, ``clip_too_big``, ``time_limit``,
    ``no_frame_time``.
    """
    if len(paths) > 1:
        from medloom.converters.video.stills import FrameFolder

        return FrameFolder(paths, rate, times)
    path = paths[0]
    with path.open("rb") as handle:
        head = handle.read(132)
    if has_preamble(head):
        from medloom.converters.video.stills import open_cine

        return open_cine(path)
    if head[:4] == b"GIF8" or head[8:12] == b"WEBP" or head[:8] == b"\x89PNG\r\n\x1a\n":
        from medloom.converters.video.stills import AnimatedPicture

        return AnimatedPicture(path)
    from medloom.converters.video.container import AvClip
    from medloom.converters.video.decord_clip import DecordClip

    if decoder == "decord":
        return DecordClip(path)
    try:
        return AvClip(path)
    except BadInput as bad:
        if decoder == "av" or bad.reason != "undecodable":
            raise
        try:
            return DecordClip(path)
        except BadInput:
            raise bad from None


def require_within_limits(width: int, height: int, frames: int, duration_s: float) -> None:
    """Raises BadInput ``empty_clip``, ``clip_too_big``."""
    if not frames or width < 1 or height < 1:
        raise BadInput("empty_clip", "there is no frame")
    if frames > MAX_FRAMES or width * height > MAX_PIXELS or width * height * frames > MAX_VOLUME:
        raise BadInput("clip_too_big", f"{frames} frames of {width} × {height}")
    if duration_s > MAX_SECONDS:
        raise BadInput("clip_too_big", f"{duration_s:.0f} s, at most {MAX_SECONDS:.0f} s are read")


def require_there(wanted: Sequence[int], count: int) -> None:
    """Raises BadInput ``no_frame`` for an index outside the clip."""
    outside = [index for index in wanted if not 0 <= index < count]
    if outside:
        raise BadInput("no_frame", f"frame {outside[0]} of {count}")


def undecodable(error: BaseException) -> BadInput:
    """The refusal of whatever a decoder raised."""
    return BadInput("undecodable", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


class Patience:
    """Ends work that gives nothing for `LIMIT_S` seconds: a net for files that hang their decoder."""

    def __init__(self) -> None:
        self._end = time.monotonic() + LIMIT_S

    def renew(self) -> None:
        """Something came."""
        self._end = time.monotonic() + LIMIT_S

    def check(self) -> None:
        """Raises BadInput ``time_limit``."""
        if time.monotonic() > self._end:
            raise BadInput("time_limit", f"no frame came in {LIMIT_S:.0f} s")
