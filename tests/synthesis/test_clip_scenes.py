"""What is said of a clip lies within it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import FramePolicy, ViewPolicy
from medloom.schemas.sample import Event, Media, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.registry import load_task
from medloom.synthesis.scenes import Made, scenes_of
from medloom.synthesis.task import Context
from medloom.synthesis.vocabulary import load_vocabulary

CARD = SourceCard(
    source="src", title="t", licence="CC0-1.0", citation="c", modality="endoscopy", converter="clip_files",
    patient="unknown", labels={"Hook": "electrosurgical_hook", "Clipper": "clip_applier"}, verified="layout",
)  # fmt: skip


@pytest.fixture
def made(tmp_path: Path):
    """Scenes of two seconds at ten frames per second, in which events go on."""

    def make(*events: tuple[str, float, float]) -> Made:
        files = tuple(f"{number:02d}.png" for number in range(20))
        for number, file in enumerate(files):
            Image.fromarray(np.full((48, 64), 12 * number, np.uint8)).save(tmp_path / file)
        told = tuple(Event(name=name, start_s=start, end_s=end, pointer="t.csv#row=0") for name, start, end in events)
        media = (Media(kind="clip", files=files, rate=10),)
        sample = Sample(key="a", patient=None, split=None, media=media, events=told)
        views = ViewPolicy(keep_whole=True, frames=FramePolicy(per_clip=4))
        return scenes_of(sample, Origin(card=CARD, root=tmp_path, vocabulary=load_vocabulary(), views=views))

    return make


def test_events_beyond_the_end_are_refused_and_cut(made, context: Context) -> None:
    found = made(("Hook", 0.5, 1), ("Hook", 2, 3), ("Clipper", 1.5, 8), ("Clipper", 14, 20))
    assert [(row.unit, row.file, row.reason, row.part, row.detail) for row in found.refused] == [
        ("a", "t.csv", "event_outside", True, f"{what}, but the clip ends at 2.00 s: {fate}") for what, fate in (
            ("Hook from 2.00 to 3.00 s", "it is left out"),
            ("Clipper from 1.50 to 8.00 s", "it is cut"),
            ("Clipper from 14.00 to 20.00 s", "it is left out"),
        )
    ]  # fmt: skip
    records = list(load_task("clip.event", {}).of_case(found.case, context))
    assert [[(span.start_s, span.end_s) for span in one.spans] for one in records] == [[(1.5, 2)], [(0.5, 1)]]


@pytest.mark.parametrize("end", [2.0, 2.004, 2.1])
def test_a_frame_over_the_end_is_rounding(made, end: float) -> None:
    found = made(("Hook", 1.9, end))
    assert not found.refused and [event.end_s for event in found.case.sample.events] == [2]


def test_a_clip_that_cannot_be_opened_keeps_what_was_said(made, tmp_path: Path) -> None:
    found = made(("Hook", 0.5, 1))
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    sample = Sample(
        key="b", patient=None, split=None, media=(Media(kind="clip", files=("bad.mp4",)),),
        events=found.case.sample.events,
    )  # fmt: skip
    failed = scenes_of(sample, Origin(card=CARD, root=tmp_path, vocabulary=load_vocabulary()))
    assert failed.case.sample.events == sample.events and [row.part for row in failed.refused] == [False]
