"""Tables of clips: the real lung ultrasound set, and events in every unit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from medloom.converters.formats.clips import Clips
from medloom.flows.cards import load_card
from medloom.schemas.card import Exhaustive, SourceCard
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


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Two folders of three frames, and one without."""
    for folder in ("one.mp4", "b/two", "none"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("2.png", "1.png", "10.png"):
        for folder in ("one.mp4", "b/two"):
            (tmp_path / folder / name).write_bytes(b"x")
    return tmp_path


def _read(root: Path, card: SourceCard) -> tuple[list[Sample], list[Refusal]]:
    found = list(Clips().samples(root, card))
    return [one for one in found if isinstance(one, Sample)], [one for one in found if isinstance(one, Refusal)]


def test_a_folder_is_a_clip_of_its_frames(frames: Path) -> None:
    (frames / "clips.csv").write_text("clip,a\none.mp4,0\nb/two,1\nnone,1\nno,1\n")
    (frames / "events.csv").write_text("clip,what,from,to\nb/two,cut,0,1\nnone,cut,0,1\n")
    events = {"table": "events.csv", "clip": "{clip}", "name": "what", "start": "from", "end": "to"}
    samples, refusals = _read(frames, _card(frames_per_second=12.5, events=events))
    assert [(one.key, one.media[0].kind, one.media[0].rate, len(one.events)) for one in samples] == [
        ("one.mp4", "clip", 12.5, 0), ("b/two", "clip", 12.5, 1),
    ]  # fmt: skip
    assert samples[1].media[0].files == ("b/two/1.png", "b/two/2.png", "b/two/10.png")
    assert [(one.unit, one.reason, one.part) for one in refusals] == [
        ("none", "not_a_clip", False), ("clips.csv#row=3", "missing_file", False), ("none", "missing_file", True),
    ]  # fmt: skip


def test_a_folder_outside_the_source_is_no_clip(frames: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "1.png").write_bytes(b"x")
    (frames / "link").symlink_to(outside)
    (frames / "clips.csv").write_text("clip,a\nlink,1\n../x,1\n")
    samples, refusals = _read(frames, _card(frames_per_second=1))
    assert not samples and [one.reason for one in refusals] == ["unsafe_path", "unsafe_path"]


def test_each_row_may_state_its_own_rate(frames: Path) -> None:
    rows = "one.mp4,0,2\nb/two,1,29.97\n"
    (frames / "clips.csv").write_text(f"clip,a,fps\n{rows}")
    samples, refusals = _read(frames, _card(frames_per_second="fps"))
    assert not refusals and [one.media[0].rate for one in samples] == [2, 29.97]
    (frames / "clips.csv").write_text("clip,a,fps\none.mp4,0,\nb/two,1,fast\n")
    samples, refusals = _read(frames, _card(frames_per_second="fps"))
    assert not samples and [one.reason for one in refusals] == ["no_frame_time", "no_frame_time"]
    (frames / "clips.csv").write_text("clip,a,fps\nb/two,1,2\nb/two,1,3\n")
    samples, refusals = _read(frames, _card(frames_per_second="fps", merge_rows=True))
    assert not samples and [one.reason for one in refusals] == ["conflicting_rows"]
    samples, refusals = _read(frames, _card(frames_per_second="rate"))
    assert not samples and [one.reason for one in refusals] == ["missing_column"]


def test_clips_need_no_labels(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"x")
    (tmp_path / "FileList.csv").write_text("clip,EF,Split\nv.mp4,78.5,VAL\n")
    card = _card(tables=["FileList.csv"], one_hot=[])
    card = card.model_copy(update={"exhaustive": Exhaustive(labels=True), "labels": {}})
    samples, refusals = _read(tmp_path, card)
    assert not refusals and [(one.key, one.media[0].kind, one.labels) for one in samples] == [("v.mp4", "clip", ())]
    assert Clips().gives(card) == {"clips"}
    assert Clips().gives(_card()) == {"clips", "labels", "absent_labels"}
