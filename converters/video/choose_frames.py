"""Choose frames: the named policies by which a clip's views are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from medloom.converters.video.clip import Clip, Frame
from medloom.schemas.catalog import FramePolicy
from medloom.schemas.sample import Event

LOOKS = 256
"""At most so many frames, evenly spaced, are looked at for changes of scene."""
SIDE, CELLS, LEVELS = 64, 2, 16
"""A frame is reduced to `SIDE` pixels; its histograms are of `CELLS` × `CELLS` parts and `LEVELS` of each colour."""


def choose_frames(
    clip: Clip, policy: FramePolicy, events: Sequence[Event] = (), marked: Sequence[int] = ()
) -> list[int]:
    """At most `per_clip` frames, ascending. `marked` are those that regions were drawn on.

    ``even``: at the centres of equal parts of the clip's frames; ``fps``: the frame shown at every 1/`fps` seconds from
    the first on; ``key_frames``: evenly of those that the container marks; ``scene_change``: the first frame, and those
    that begin what differs most from before, apart from each other; ``events``: start, middle and end of each, and the
    marked frames. A policy that finds nothing (no key frames, no events) falls back to ``even``.
    """
    count, most = len(clip.times), policy.per_clip
    if policy.policy == "fps":
        return _evenly(_sampled(clip, policy.fps), most)
    if policy.policy == "key_frames" and clip.keys:
        return _evenly(list(clip.keys), most)
    if policy.policy == "scene_change" and count > most:
        return _changes(clip, most)
    if policy.policy == "events" and (events or marked):
        around = {frame for event in events for frame in _around(clip, event)}
        return _evenly(sorted(around | {index for index in marked if 0 <= index < count}), most)
    return _evenly(list(range(count)), most)


def frame_at(clip: Clip, second: float) -> int:
    """The frame that is shown at a time of the clip; the first or last beyond its ends."""
    return int(np.clip(np.searchsorted(clip.times, second + 1e-9, side="right") - 1, 0, len(clip.times) - 1))


def _evenly(items: list[int], most: int) -> list[int]:
    if len(items) <= most:
        return items
    return [items[int((part + 0.5) * len(items) / most)] for part in range(most)]


def _sampled(clip: Clip, fps: float) -> list[int]:
    first = clip.times[0]
    steps = int(np.floor((clip.duration_s - first) * fps - 1e-9)) + 1
    return sorted({frame_at(clip, first + step / fps) for step in range(max(1, steps))})


def _around(clip: Clip, event: Event) -> list[int]:
    last = max(event.start_s, event.end_s - 1e-6)
    return [frame_at(clip, second) for second in (event.start_s, (event.start_s + event.end_s) / 2, last)]


def _changes(clip: Clip, most: int) -> list[int]:
    """The sum of absolute differences of histograms; of equal changes the earlier counts. Two chosen frames lie at
    least half of an equal share of the clip apart, so that a slow fade is one change.
    """
    looked = [(index, _histogram(frame)) for index, frame in clip.frames(_evenly(list(range(len(clip.times))), LOOKS))]
    gaps = np.array([float(np.abs(after - before).sum()) for (_, before), (_, after) in pairwise(looked)])
    apart = max(1, len(looked) // (2 * most))
    chosen = [0]
    for place in np.lexsort((np.arange(len(gaps)), -gaps)) + 1:
        if len(chosen) < most and all(abs(int(place) - other) >= apart for other in chosen):
            chosen.append(int(place))
    return sorted(looked[place][0] for place in chosen)


def _histogram(frame: Frame) -> NDArray[np.float32]:
    small = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    part = SIDE // CELLS
    found = [
        cv2.calcHist([small[y : y + part, x : x + part]], [channel], None, [LEVELS], (0, 256)).ravel()
        for y in range(0, SIDE, part)
        for x in range(0, SIDE, part)
        for channel in range(3)
    ]
    return np.asarray(np.concatenate(found), np.float32)
