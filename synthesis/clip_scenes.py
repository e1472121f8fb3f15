"""A clip becomes Scenes: chosen frames with their times; and, where it is wanted, a view of the whole clip."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from medloom.converters.pixels.picture import Prepared, from_array
from medloom.converters.video.choose_frames import choose_frames
from medloom.converters.video.clip import Clip, Frame, open_clip
from medloom.schemas.errors import BadInput
from medloom.schemas.identity import digest
from medloom.schemas.sample import Media
from medloom.schemas.view import Derivation, View
from medloom.synthesis.burned_in import uncovered, without_text
from medloom.synthesis.picture_regions import Canvas, instances_of
from medloom.synthesis.scene import Scene
from medloom.synthesis.scenes import Made, Stage, refusal, view_of


def clip_scenes(media: Media, stage: Stage, made: Made) -> Iterator[Scene]:
    """Scenes of the frames that the catalog's policy names, in order of time.

    What is said of a whole clip isn't proven by each of its frames: the scenes carry no labels, only the regions of
    their own frame. Raises BadInput where the clip can't be read.
    """
    origin = stage.origin
    paths = [origin.path(file) for file in media.files]
    clip = open_clip(paths, rate=media.rate)
    events = [event for event in stage.sample.events if event.media == media.key]
    hidden = False
    for index, frame in clip.frames(choose_frames(clip, origin.views.frames, events)):
        scene = _scene(media, index, frame, clip, stage, made)
        hidden = hidden or bool(scene.view.derivation.masked)
        yield scene
    if origin.views.keep_whole and hidden:
        told = "text in its frames may tell who the patient is: the clip isn't kept whole"
        made.refused.append(refusal(stage.sample, BadInput("burned_in_text", told), media.files[0], part=True))
    elif origin.views.keep_whole:
        from medloom.converters.video.whole import whole_clip

        _keep(whole_clip(paths, clip), media, clip, stage, made)


def _scene(media: Media, index: int, frame: Frame, clip: Clip, stage: Stage, made: Made) -> Scene:
    prepared, view = _view(media, index, frame, clip, stage)
    prepared, view = without_text(prepared, view, stage, made, False)
    made.pictures[prepared.sha256] = prepared.data
    own = tuple(region for region in stage.sample.regions if region.media == media.key and region.frame == index)
    here = msgspec.structs.replace(stage.sample, regions=own)
    staged = replace(stage, sample=here)
    instances, lost = instances_of(media, staged, made, Canvas.of(prepared, view.spacing_mm, 1)) if own else ((), set())
    return Scene(
        view=view,
        sample=stage.sample,
        terms=stage.terms,
        instances=uncovered(instances, view, staged, made, lost) if own else (),
    )


def _view(media: Media, index: int, frame: Frame, clip: Clip, stage: Stage) -> tuple[Prepared, View]:
    grey = frame[..., 0] if (frame[..., 0] == frame[..., 1]).all() and (frame[..., 1] == frame[..., 2]).all() else frame
    prepared = from_array(grey, stage.origin.pictures)
    derivation = Derivation(
        frame=index,
        time_s=clip.times[index],
        scale=None if prepared.scale_x == prepared.scale_y == 1 else (prepared.scale_x, prepared.scale_y),
        reencoded=prepared.format,
    )
    sha256 = stage.origin.marks[media.files[0]].sha256
    return prepared, view_of(stage, media, prepared, sha256, derivation, None, None, None)


def _keep(data: bytes, media: Media, clip: Clip, stage: Stage, made: Made) -> None:
    """The view of the whole clip; hash and statistics are those of its middle frame."""
    middle = len(clip.times) // 2
    (_, frame), *_ = clip.frames([middle])
    _, view = _view(media, middle, frame, clip, stage)
    sha256 = hashlib.sha256(data).hexdigest()
    made.pictures[sha256] = data
    made.whole.append(
        msgspec.structs.replace(
            view,
            id=digest("view", view.source, view.sample, view.media, "whole"),
            kind="clip",
            format="mp4",
            sha256=sha256,
            bytes=len(data),
            passthrough=False,
            width=clip.width,
            height=clip.height,
            frames=len(clip.times),
            duration_s=clip.duration_s,
            derivation=Derivation(stripped=True),
        )
    )
