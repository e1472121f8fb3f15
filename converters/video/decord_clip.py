"""A video container, read by decord: what PyAV can't open. It has wheels for x86-64 only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from medloom.converters.video.clip import Frame, require_there, require_within_limits, undecodable
from medloom.schemas.errors import BadInput


class DecordClip:
    """As `Clip`, but for its times, which are those of packets: off where a container has an edit list, and nonsense
    (then counted by the stated rate) in MPEG program streams and in AVI with B-frames.
    """

    def __init__(self, path: Path) -> None:
        try:
            import decord
        except ImportError:
            raise BadInput("undecodable", "decord is not installed here") from None
        os.environ.setdefault("DECORD_EOF_RETRY_MAX", "128")
        try:
            decord.logging.set_level(decord.logging.QUIET)
            self._reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
            count = len(self._reader)
            if not count:
                raise BadInput("empty_clip", "no frame can be decoded")
            spans = np.asarray(self._reader.get_frame_timestamp(list(range(count))), np.float64)
            self.height, self.width = (int(side) for side in self._reader[0].shape[:2])
            self.keys = tuple(int(key) for key in self._reader.get_key_indices() if 0 <= int(key) < count)
            rate = float(self._reader.get_avg_fps())
        except BadInput:
            raise
        except Exception as error:
            raise undecodable(error) from None
        self.notes: tuple[str, ...] = ("read by decord",)
        self.loss: str | None = None
        starts = spans[:, 0] - spans[0, 0]
        if not (np.diff(starts) > 0).all() or abs(spans[0, 0]) > 1e6:
            starts = np.arange(count) / (rate or 25.0)
            self.notes = (*self.notes, "frames were counted: decord has no time stamps for them")
        self.times = tuple(float(start) for start in starts)
        last = float(np.median(np.diff(starts))) if count > 1 else 1 / (rate or 25.0)
        self.duration_s = self.times[-1] + last
        require_within_limits(self.width, self.height, count, self.duration_s)

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """As `Clip.frames`."""
        wanted = sorted(set(indices))
        require_there(wanted, len(self.times))
        came = False
        for index in wanted:
            try:
                array: Frame = self._reader[index].asnumpy()
            except Exception:
                continue
            if array.shape == (self.height, self.width, 3):
                came = True
                yield index, array
        if wanted and not came:
            raise BadInput("undecodable", f"none of frames {wanted[:8]} can be decoded")
