"""A clip becomes Scenes: chosen frames with their times; and, where it is wanted, a view of the whole clip."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.paths import inside
from medloom.converters.pixels.picture import Prepared, from_array, prepare
from medloom.converters.video.choose_frames import choose_frames
from medloom.converters.video.clip import Clip, Frame, open_clip
from medloom.converters.video.stills import CineDicom
from medloom.schemas.errors import BadInput
from medloom.schemas.identity import digest
from medloom.schemas.sample import Event, Media
from medloom.schemas.view import Derivation, View
from medloom.synthesis.burned_in import looked_at, uncovered, without_text
from medloom.synthesis.facts import label_fact, region_fact
from medloom.synthesis.picture_regions import Canvas, instances_of
from medloom.synthesis.scene import Scene, Stated
from medloom.synthesis.scenes import Made, Stage, refusal, view_of

LOOKS = 8
"""Frames, evenly spaced from the first on, that are looked at for identifying text before a clip is kept whole."""


@dataclass(frozen=True)
class Reel:
    """A clip that is open, with what its annotation says of single moments. `moment_s` is how long a frame lasts."""

    media: Media
    clip: Clip
    events: tuple[Event, ...]
    moment_s: float

    @property
    def in_files(self) -> bool:
        return len(self.media.files) > 1


def clip_scenes(media: Media, stage: Stage, made: Made) -> Iterator[Scene]:
    """Scenes of the frames that the catalog's policy names, in order of time.

    What is said of a whole clip isn't proven by each of its frames: a scene carries the events that go on at its time,
    the regions of its own frame, and the clip's labels only where the card says that every frame shows them.
    Frames that can't be decoded, an end that is missing, and events beyond the end are told as refusals of a part.

    Raises BadInput where the clip can't be read.
    """
    policy = stage.origin.views.frames
    clip = open_clip(_paths(media, stage), rate=media.rate, times=media.times)
    moment_s = float(np.median(np.diff(clip.times))) if len(clip.times) > 1 else clip.duration_s
    events = tuple(_within(clip, moment_s, [one for one in stage.sample.events if one.media == media.key], stage, made))
    made.events[media.key] = events
    reel = Reel(media, clip, events, moment_s)
    if clip.loss is not None:
        _tell(BadInput("truncated", clip.loss), reel, stage, made)
    drawn = [one.frame for one in stage.sample.regions if one.media == media.key and one.frame is not None]
    wanted = choose_frames(clip, policy, events, drawn)
    came, hidden = 0, False
    for index, frame in clip.frames(wanted):
        came += 1
        try:
            scene = _scene(index, frame, reel, stage, made)
        except BadInput as bad:  # this frame alone
            hidden = hidden or bad.reason == "burned_in_text"
            _tell(bad, reel, stage, made)
            continue
        hidden = hidden or bool(scene.view.derivation.masked)
        yield scene
    if came < len(wanted):
        _tell(BadInput("undecodable", f"{len(wanted) - came} of {len(wanted)} frames"), reel, stage, made)
    if stage.origin.views.keep_whole:
        _keep(reel, hidden, stage, made)


def _paths(media: Media, stage: Stage) -> list[Path]:
    """Where the files lie. Of many only those are marked as read that really are: see `_prepared`."""
    origin = stage.origin
    if len(media.files) == 1 or origin.views.frames.policy == "scene_change" or origin.views.keep_whole:
        return [origin.path(file) for file in media.files]
    origin.path(media.files[0])
    return [inside(origin.root, origin.real(file)) for file in media.files]


def _within(clip: Clip, moment_s: float, events: list[Event], stage: Stage, made: Made) -> Iterator[Event]:
    """The events as far as they lie in the clip. An end that is over by a frame at most is rounding, and not told."""
    for event in events:
        late = event.start_s >= clip.duration_s
        if late or event.end_s > clip.duration_s + moment_s * 1.001:
            what = f"{event.name} from {event.start_s:.2f} to {event.end_s:.2f} s"
            fate = "it is left out" if late else "it is cut"
            bad = BadInput("event_outside", f"{what}, but the clip ends at {clip.duration_s:.2f} s: {fate}")
            made.refused.append(refusal(stage.sample, bad, event.pointer.split("#", 1)[0], part=True))
        if not late:
            yield msgspec.structs.replace(event, end_s=min(event.end_s, clip.duration_s))


def _tell(bad: BadInput, reel: Reel, stage: Stage, made: Made) -> None:
    made.refused.append(refusal(stage.sample, bad, reel.media.files[0], part=True))


def _scene(index: int, frame: Frame, reel: Reel, stage: Stage, made: Made) -> Scene:
    prepared, view = _view(index, frame, reel, stage)
    prepared, view = without_text(prepared, view, stage, made, isinstance(reel.clip, CineDicom), reel.clip.notes)
    if not view.passthrough or stage.origin.deidentifier.conceals:
        made.pictures[prepared.sha256] = prepared.data
    key = reel.media.key
    own = tuple(region for region in stage.sample.regions if region.media == key and region.frame == index)
    labels = _said(reel, reel.clip.times[index], stage)
    scene = Scene(
        view=view,
        sample=stage.sample,
        terms=stage.terms,
        labels=labels,
        judged=frozenset(one.concept for one in labels if one.polarity != "uncertain"),
        labels_of_patient=stage.origin.card.labels_of == "patient",
    )
    if not own:
        return scene
    here = replace(stage, sample=msgspec.structs.replace(stage.sample, regions=own))
    instances, lost = instances_of(reel.media, here, made, Canvas.of(prepared, view.spacing_mm, 1))
    instances = uncovered(instances, view, here, made, lost)
    complete = stage.naming.all_of(name for name in stage.sample.complete_regions if name not in lost)
    pointer = own[0].pointer
    return replace(
        scene,
        instances=instances,
        complete=complete,
        region_fact=region_fact("", pointer.split("#", 1)[0], pointer, None, "absent") if complete else None,
    )


def _said(reel: Reel, time_s: float, stage: Stage) -> tuple[Stated, ...]:
    """What is known of one moment. Within a frame's length of an event's start or end nothing is said of it."""
    card = stage.origin.card
    if card.labels_of == "frame":
        return stage.labels
    whole = stage.naming.all_of(stage.sample.complete_labels)
    by_concept: dict[str, list[Event]] = {}
    for event in reel.events:
        concept = stage.naming.concept(event.name) if event.kind in ("event", "tool") else None
        if concept is not None:
            by_concept.setdefault(concept, []).append(event)
    found = []
    for concept, events in sorted(by_concept.items()):
        on = [one for one in events if one.start_s <= time_s < one.end_s]
        near = [one for one in events if one.start_s - reel.moment_s < time_s < one.end_s + reel.moment_s]
        sure = [one for one in on if one.start_s + reel.moment_s / 2 <= time_s <= one.end_s - reel.moment_s / 2]
        if sure:
            fact = label_fact(concept, "present", sure[0].pointer, sure[0].name)
            found.append(Stated(concept, "present", fact))
        elif concept in whole and not near:
            found.append(Stated(concept, "absent", label_fact(concept, "absent", events[0].pointer, events[0].name)))
    return tuple(found)


def _view(index: int, frame: Frame, reel: Reel, stage: Stage) -> tuple[Prepared, View]:
    file = reel.media.files[index if reel.in_files else 0]
    prepared = _prepared(file, frame, reel, stage)
    derivation = Derivation(
        frame=index,
        time_s=reel.clip.times[index],
        scale=None if prepared.scale_x == prepared.scale_y == 1 else (prepared.scale_x, prepared.scale_y),
        stripped=prepared.stripped,
        reencoded=prepared.reencoded,
    )
    source = msgspec.structs.replace(reel.media, files=(file,))
    return prepared, view_of(stage, source, prepared, stage.origin.marks[file].sha256, derivation, None, None, None)


def _prepared(file: str, frame: Frame, reel: Reel, stage: Stage) -> Prepared:
    """The stored frame. One that is a file of its own passes through where no pixel changes."""
    if reel.in_files:
        data = stage.origin.read(file)
        return prepare(data, stage.origin.pictures, None, stage.origin.marks[file].sha256)
    return from_array(_plain(frame), stage.origin.pictures)


def _plain(frame: Frame) -> NDArray[np.uint8]:
    """The frame without colours where it has none."""
    few = frame[::8, ::8]
    for part in (few, frame):
        if (part[..., 0] != part[..., 1]).any() or (part[..., 1] != part[..., 2]).any():
            return frame
    return np.ascontiguousarray(frame[..., 0])


def _keep(reel: Reel, hidden: bool, stage: Stage, made: Made) -> None:
    """The view of the whole clip; hash and statistics are those of its middle frame."""
    from medloom.converters.video.whole import whole_clip

    try:
        if hidden or _shows_text(reel, stage):
            told = "text in its frames may tell who the patient is: the clip isn't kept whole"
            raise BadInput("burned_in_text", told)
        kept = whole_clip(reel.clip)
        ((middle, frame),) = reel.clip.frames([len(reel.clip.times) // 2])
    except BadInput as bad:
        _tell(bad, reel, stage, made)
        return
    _, view = _view(middle, frame, reel, stage)
    sha256 = hashlib.sha256(kept.data).hexdigest()
    made.pictures[sha256] = kept.data
    made.whole.append(
        msgspec.structs.replace(
            view,
            id=digest("view", view.source, view.sample, view.media, "whole"),
            source_file=reel.media.files[0],
            source_sha256=stage.origin.marks[reel.media.files[0]].sha256,
            kind="clip",
            format="mp4",
            sha256=sha256,
            bytes=len(kept.data),
            passthrough=False,
            width=kept.width,
            height=kept.height,
            frames=kept.frames,
            duration_s=reel.clip.duration_s,
            derivation=Derivation(stripped=True, reencoded="h264" if kept.encoded else None),
        )
    )


def _shows_text(reel: Reel, stage: Stage) -> bool:
    """Whether any of `LOOKS` frames shows text that may tell who the patient is: what one frame shows, a clip tells."""
    if not looked_at(stage, isinstance(reel.clip, CineDicom), reel.clip.notes):
        return False
    from medloom.converters.identity.burned_in import text_in

    count = len(reel.clip.times)
    looks = sorted({part * count // LOOKS for part in range(LOOKS)})
    return any(line.identifying for _, frame in reel.clip.frames(looks) for line in text_in(_plain(frame)))
