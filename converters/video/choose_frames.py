"""Choose frames: the named policies by which a clip's views are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from medloom.converters.video.clip import Clip, Frame
from medloom.schemas.catalog import FramePolicy
from medloom.schemas.sample import Event

LOOKS = 256
"""At most so many frames are looked at for scene changes."""
SIDE = 32


def choose_frames(clip: Clip, policy: FramePolicy, events: Sequence[Event] = ()) -> list[int]:
    """At most `per_clip` frames, ascending.

    ``even``: at the centres of equal parts of the clip's frames; ``fps``: the frame shown at every 1/`fps` seconds from
    the start; ``key_frames``: evenly of those that the container marks; ``scene_change``: the first, and those that
    differ most from the frame looked at before; ``events``: start, middle and end of each. A policy that finds nothing
    (no key frames, no events) falls back to ``even``.
    """
    count, most = len(clip.times), policy.per_clip
    if policy.policy == "fps":
        return _evenly(_sampled(clip, policy.fps), most)
    if policy.policy == "key_frames" and clip.keys:
        return _evenly(list(clip.keys), most)
    if policy.policy == "scene_change" and count > most:
        return _changes(clip, most)
    if policy.policy == "events" and events:
        return _evenly(sorted({frame for event in events for frame in _around(clip, event)}), most)
    return _evenly(list(range(count)), most)


def frame_at(clip: Clip, second: float) -> int:
    """The frame that is shown at a time of the clip; the first or last beyond its ends."""
    return int(np.clip(np.searchsorted(clip.times, second + 1e-9, side="right") - 1, 0, len(clip.times) - 1))


def _evenly(items: list[int], most: int) -> list[int]:
    if len(items) <= most:
        return items
    return [items[int((part + 0.5) * len(items) / most)] for part in range(most)]


def _sampled(clip: Clip, fps: float) -> list[int]:
    start, steps = clip.times[0], int(np.floor(clip.duration_s * fps - 1e-9)) + 1
    return sorted({frame_at(clip, start + step / fps) for step in range(max(1, steps))})


def _around(clip: Clip, event: Event) -> list[int]:
    last = max(event.start_s, event.end_s - 1e-6)
    return [frame_at(clip, second) for second in (event.start_s, (event.start_s + event.end_s) / 2, last)]


def _changes(clip: Clip, most: int) -> list[int]:
    """Mean absolute difference of small grey copies; of equal changes the earlier counts."""
    looked = _evenly(list(range(len(clip.times))), LOOKS)
    small = [(index, _reduced(frame)) for index, frame in clip.frames(looked)]
    gaps = [float(np.abs(after - before).mean()) for (_, before), (_, after) in pairwise(small)]
    order = np.lexsort((np.arange(len(gaps)), -np.asarray(gaps)))[: most - 1]
    return sorted({small[0][0], *(small[int(place) + 1][0] for place in order)})


def _reduced(frame: Frame) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
