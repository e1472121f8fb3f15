"""Tables of clips: the real lung ultrasound set, and events in every unit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from medloom.converters.formats.clips import Clips
from medloom.flows.cards import load_card
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Refusal, Sample


def test_the_real_clips(data_dir: Path) -> None:
    found = list(Clips().samples(data_dir / "pocus_lus", load_card("pocus_lus")))
    samples = [one for one in found if isinstance(one, Sample)]
    assert Counter(one.reason for one in found if isinstance(one, Refusal)) == {}
    assert len(samples) == 36 and Counter(one.media[0].kind for one in samples) == {"clip": 29, "picture": 7}
    assert {one.licence for one in samples} == {"CC-BY-4.0", "CC-BY-2.0"}
    assert len({one.patient for one in samples}) == 17
    stated = Counter((label.name, label.polarity) for one in samples for label in one.labels)
    assert stated["B-lines", "present"] == 5 and stated["B-lines", "absent"] == 26


def _card(**params: object) -> SourceCard:
    base = {"tables": ["clips.csv"], "picture": "{clip}", "one_hot": ["a"], "facts": {}}
    return SourceCard.model_validate(
        {
            "source": "s", "title": "t", "licence": "CC0-1.0", "citation": "c", "modality": "endoscopy",
            "converter": "clips", "params": base | params, "patient": "unknown", "labels": {"a": "pneumonia"},
            "verified": "layout",
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "start", "end", "rate"),
    [("seconds", "62.5", "63", None), ("frames", "625", "630", 10), ("clock", "00:01:02.5", "1:03", None)],
)
def test_events_in_every_unit(tmp_path: Path, unit: str, start: str, end: str, rate: float | None) -> None:
    (tmp_path / "v.mp4").write_bytes(b"x")
    (tmp_path / "clips.csv").write_text("clip,a\nv.mp4,1\n")
    (tmp_path / "events.csv").write_text(
        f"video,what,from,to\nv.mp4,cut,{start},{end}\nv.mp4,cut,9,x\nw.mp4,cut,{start},{end}\n"
    )
    events = {"table": "events.csv", "clip": "{video}", "name": "what", "start": "from", "end": "to", "unit": unit}
    found = list(Clips().samples(tmp_path, _card(events=events | {"rate": rate})))
    (sample,) = (one for one in found if isinstance(one, Sample))
    assert [(one.name, one.start_s, one.end_s) for one in sample.events] == [("cut", 62.5, 63.0)]
    assert [(one.reason, one.part) for one in found if isinstance(one, Refusal)] == [
        ("bad_event", True), ("missing_file", True),
    ]  # fmt: skip


def test_a_folder_is_a_clip_of_its_frames(tmp_path: Path) -> None:
    for name in ("b.png", "a.png"):
        (tmp_path / "frames").mkdir(exist_ok=True)
        (tmp_path / "frames" / name).write_bytes(b"x")
    (tmp_path / "clips.csv").write_text("clip,a\nframes,0\n")
    found = list(Clips().samples(tmp_path, _card(frames_per_second=12.5)))
    reasons = [one.reason for one in found if isinstance(one, Refusal)]
    assert not reasons or reasons == ["not_a_file"]
