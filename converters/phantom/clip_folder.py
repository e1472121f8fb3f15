"""`us_clips`: lung ultrasound clips as GIF, AVI or a folder of frames, with a table of clips, one of events,
and what is said while they are taken."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.course import Patient
from medloom.converters.phantom.lung_ultrasound import B_LINES, NO_SLIDING, RATE, SIZE, Plan, lung_clip
from medloom.converters.phantom.pictures import write_jpeg
from medloom.converters.phantom.truth import ClipTruth, EventTruth
from medloom.schemas.identity import seed

FOLDER = "us_clips"
NAMES = {B_LINES: "b_lines", NO_SLIDING: "pleural_sliding_absent"}
"""The event table's name of each concept."""

Frames = list[NDArray[np.uint8]]


def write_clip_folder(root: Path, clinic_seed: int, patients: list[Patient]) -> list[ClipTruth]:
    """Writes ``clips``, ``clips.csv``, ``events.csv`` and ``said/NAME.vtt``: both lungs of the first patient, and of
    every fifth from the third on. B-lines and a still pleura come in all four combinations.
    """
    found: list[ClipTruth] = []
    sides: tuple[Literal["left", "right"], ...] = ("left", "right")
    for patient in patients:
        if patient.number == 0 or patient.number % 5 == 2:
            for side in sides:
                found.append(_clip(root, clinic_seed, patient, side, len(found)))
    columns = ["clip", "patient", "side", "frames", "frames_per_second", "width", "height"]
    clips = [[_below(one), one.patient, one.side, one.frames, f"{RATE:g}", *one.size] for one in found]
    events = [
        [_below(one), f"{event.start_s:.2f}", f"{event.end_s:.2f}", NAMES[event.concept]]
        for one in found
        for event in one.events
    ]
    for one in found:
        (root / one.said).parent.mkdir(exist_ok=True)
        (root / one.said).write_text(_speech(one), "utf-8", newline="\n")
    _write_table(root / FOLDER / "clips.csv", columns, clips)
    _write_table(root / FOLDER / "events.csv", ["clip", "start_s", "end_s", "event"], events)
    return found


def _below(clip: ClipTruth) -> str:
    """The clip's file, or its folder of frames, below the source's root."""
    return f"clips/{clip.key}" + ("" if len(clip.files) > 1 else Path(clip.files[0]).suffix)


def _clip(root: Path, clinic_seed: int, patient: Patient, side: Literal["left", "right"], number: int) -> ClipTruth:
    draw = np.random.default_rng(seed(clinic_seed, FOLDER, patient.key, side))
    plan = Plan.drawn(draw, with_b_lines=number % 2 == 0, with_still=number // 2 % 2 == 1)
    frames = lung_clip(plan, draw)
    key = f"{patient.key}_{side[0].upper()}"
    place = f"{FOLDER}/clips/{key}"
    (root / FOLDER / "clips").mkdir(parents=True, exist_ok=True)
    if number % 3 == 0:
        files = [f"{place}.gif"]
        _write_gif(root / files[0], frames)
    elif number % 3 == 1:
        files = [f"{place}.avi"]
        _write_avi(root / files[0], frames)
    else:
        files = [f"{place}/frame_{index:04d}.jpg" for index in range(len(frames))]
        for file, frame in zip(files, frames, strict=True):
            write_jpeg(root / file, frame, quality=80)
    spans = ((B_LINES, plan.b_lines), (NO_SLIDING, plan.still))
    return ClipTruth(
        source=FOLDER,
        key=key,
        patient=patient.key,
        side=side,
        files=files,
        frames=len(frames),
        frames_per_second=RATE,
        size=SIZE,
        events=[
            EventTruth(concept=concept, start_s=span[0] / RATE, end_s=span[1] / RATE)
            for concept, span in spans
            if span is not None
        ],
        pleural_line_y=plan.pleura,
        said=f"{FOLDER}/said/{key}.vtt",
    )


def _speech(clip: ClipTruth) -> str:
    """What a sonographer says, fillers and all, and no more than what is there: a cue to each stretch of the clip."""
    edges = {0.0, clip.frames / clip.frames_per_second}
    edges |= {time for event in clip.events for time in (event.start_s, event.end_s)}
    times = sorted(edges)
    cues = []
    for number, (start, end) in enumerate(pairwise(times)):
        there = {event.concept for event in clip.events if event.start_s <= start and end <= event.end_s}
        beams = "you you see B-lines" if B_LINES in there else "there are uh no B-lines"
        slides = "the the pleura is not sliding" if NO_SLIDING in there else "pleural sliding it is normal"
        begin = f"so um this is the {clip.side} lung and" if number == 0 else "okay and uh now"
        cues.append(f"{number + 1}\n{_time(start)} --> {_time(end)}\n{begin} {beams} um and {slides} you know\n")
    return "\n".join(["WEBVTT\n", *cues])


def _time(seconds: float) -> str:
    return f"00:{int(seconds // 60):02d}:{seconds % 60:06.3f}"


def _write_gif(path: Path, frames: Frames) -> None:
    from PIL import Image

    first, *rest = (Image.fromarray(frame) for frame in frames)
    first.save(path, save_all=True, append_images=rest, duration=round(1000 / RATE), loop=0)


def _write_avi(path: Path, frames: Frames) -> None:
    """Motion JPEG by OpenCV's own writer, which puts neither a time nor a version into the file."""
    code = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, code, RATE, SIZE)
    writer.set(cv2.VIDEOWRITER_PROP_QUALITY, 80)
    for frame in frames:
        writer.write(cv2.merge([frame, frame, frame]))
    writer.release()


def _write_table(path: Path, columns: Sequence[object], rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    path.write_bytes(text.getvalue().encode())
