"""Ultrasound clips, decoded again: as long as they say, and showing their events when they say."""

from __future__ import annotations

import csv
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from medloom.converters.phantom.clinic import Clinic
from medloom.converters.phantom.clip_folder import FOLDER
from medloom.converters.phantom.truth import ClipTruth
from medloom.converters.text.transcript import cues


def frames_of(clinic: Clinic, clip: ClipTruth) -> list[NDArray[np.float64]]:
    first = clinic.root / clip.files[0]
    if first.suffix == ".gif":
        with Image.open(first) as file:
            assert file.info["duration"] == round(1000 / clip.frames_per_second)
            return [np.asarray(frame.convert("L"), float) for frame in ImageSequence.Iterator(file)]
    if first.suffix == ".jpg":
        return [cv2.imread(str(clinic.root / file), cv2.IMREAD_GRAYSCALE).astype(float) for file in clip.files]
    video = cv2.VideoCapture(str(first))
    assert video.get(cv2.CAP_PROP_FPS) == clip.frames_per_second
    found = []
    while True:
        there, frame = video.read()
        if not there:
            return found
        found.append(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(float))


def during(clip: ClipTruth, concept: str) -> NDArray[np.bool_]:
    """For each frame, whether its time lies in an event of that name."""
    time = np.arange(clip.frames) / clip.frames_per_second
    found = np.zeros(clip.frames, bool)
    for event in clip.events:
        if event.concept == concept:
            assert 0 <= event.start_s < event.end_s <= clip.frames / clip.frames_per_second
            found |= (time >= event.start_s - 1e-9) & (time < event.end_s - 1e-9)
    return found


def test_clips_are_as_long_and_as_large_as_they_say(clinic: Clinic) -> None:
    assert {(clinic.root / clip.files[0]).suffix for clip in clinic.truth.clips} == {".gif", ".avi", ".jpg"}
    for clip in clinic.truth.clips:
        frames = frames_of(clinic, clip)
        assert len(frames) == clip.frames
        assert all(frame.shape == clip.size[::-1] for frame in frames)


def test_b_lines_show_when_and_only_when_they_are_there(clinic: Clinic) -> None:
    """A beam that runs to the bottom makes some columns far brighter there than the others."""
    seen = 0
    for clip in clinic.truth.clips:
        deep = [frame[int(clip.pleural_line_y) + 30 :, 45:115].mean(axis=0) for frame in frames_of(clinic, clip)]
        contrast = np.array([column.max() - np.median(column) for column in deep])
        there = during(clip, "b_lines")
        seen += int(there.sum())
        assert contrast[there].min(initial=np.inf) > contrast[~there].max() + 5
    assert seen > 20


def test_the_pleura_slides_except_when_it_is_still(clinic: Clinic) -> None:
    """Speckle below the pleura moves from frame to frame; where sliding is absent it stays, but for noise."""
    seen = 0
    for clip in clinic.truth.clips:
        if not any(event.concept == "pleural_sliding_absent" for event in clip.events):
            continue
        frames = frames_of(clinic, clip)
        depth = int(clip.pleural_line_y)
        moved = np.array(
            [
                1
                - np.corrcoef(a[depth + 4 : depth + 30, 45:115].ravel(), b[depth + 4 : depth + 30, 45:115].ravel())[
                    0, 1
                ]
                for a, b in pairwise(frames)
            ]
        )
        still, beams = during(clip, "pleural_sliding_absent"), during(clip, "b_lines")
        both = still[1:] & still[:-1] & (beams[1:] == beams[:-1])
        neither = ~still[1:] & ~still[:-1] & (beams[1:] == beams[:-1])
        assert np.median(moved[both]) < 0.6 * np.median(moved[neither])
        seen += 1
    assert seen >= 2


def test_tables_say_what_the_truth_says(clinic: Clinic) -> None:
    with (clinic.root / FOLDER / "clips.csv").open(newline="") as file:
        clips = {row["clip"]: row for row in csv.DictReader(file)}
    with (clinic.root / FOLDER / "events.csv").open(newline="") as file:
        events = list(csv.DictReader(file))
    assert len(clips) == len(clinic.truth.clips) == 4
    told = []
    for clip in clinic.truth.clips:
        name = clip.files[0].removeprefix(f"{FOLDER}/")
        row = clips[name if len(clip.files) == 1 else name.rsplit("/", 1)[0]]
        assert (row["patient"], row["side"], int(row["frames"])) == (clip.patient, clip.side, clip.frames)
        assert (clinic.root / FOLDER / row["clip"]).exists()
        told += [(row["clip"], event.concept, event.start_s, event.end_s) for event in clip.events]
    assert [(row["clip"], row["event"]) for row in events] == [one[:2] for one in told]
    for row, one in zip(events, told, strict=True):
        assert (float(row["start_s"]), float(row["end_s"])) == pytest.approx(one[2:])


def test_what_is_said_is_what_is_there_at_that_time(clinic: Clinic) -> None:
    said = {"b_lines": "see B-lines", "pleural_sliding_absent": "pleura is not sliding"}
    heard = 0
    for clip in clinic.truth.clips:
        spoken = list(cues((clinic.root / clip.said).read_bytes(), ".vtt"))
        assert (spoken[0].start_s, spoken[-1].end_s) == (0, pytest.approx(clip.frames / clip.frames_per_second))
        assert f"the {clip.side} lung" in spoken[0].body
        for cue in spoken:
            middle = (cue.start_s + cue.end_s) / 2
            there = {event.concept for event in clip.events if event.start_s <= middle < event.end_s}
            assert {concept for concept, words in said.items() if words in cue.body} == there
            heard += len(there)
    assert heard >= 4
