"""Surgical videos as Cholec80 and CholecT50 have them, and what is said in a clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from medloom.converters.text.transcript import cues
from medloom.flows.cards import load_card
from medloom.schemas.errors import BadInput

SRT = "1\r\n00:00:01,500 --> 00:00:04,000\r\nThis is the <i>pleural</i> line.\r\n\r\n2\r\n00:01:02,000 --> 00:01:05,250\r\nA B-line\r\nmoves with it.\r\n\r\n3\r\nbroken --> 1\r\nx\r\n"  # noqa: E501
VTT = "WEBVTT - lecture\n\nNOTE not said\n\nintro\n00:01.500 --> 00:04.000 align:start\n<v Ann>This is the pleural line.\n\n01:02:00.000 --> 01:02:03.000\nMore &amp; more\n"  # noqa: E501
JSON = (
    '{"text": "all", "segments": [{"start": 0.5, "end": 2, "text": " One. "}, {"start": 3, "end": 2, "text": "x"}, {}]}'
)


def said(text: str, suffix: str) -> list[tuple[float, float, str] | str]:
    found = cues(text.encode(), suffix)
    return [one.reason if isinstance(one, BadInput) else (one.start_s, one.end_s, one.body) for one in found]


def test_transcripts_of_three_forms() -> None:
    assert said(SRT, ".srt") == [
        (1.5, 4.0, "This is the pleural line."), (62.0, 65.25, "A B-line moves with it."), "bad_cue",
    ]  # fmt: skip
    assert said(VTT, ".vtt") == [(1.5, 4.0, "This is the pleural line."), (3720.0, 3723.0, "More & more")]
    assert said(JSON, ".json") == [(0.5, 2.0, "One."), "bad_cue", "bad_cue"]


@pytest.mark.parametrize(
    ("text", "suffix"),
    [("no cue", ".srt"), ("1\n00:00 --> 00:01\nx", ".vtt"), ("{}", ".json"), ("[]", ".json"), ("[" * 9999, ".json")],
)
def test_what_is_no_transcript(text: str, suffix: str) -> None:
    with pytest.raises(BadInput) as caught:
        list(cues(text.encode(), suffix))
    assert caught.value.reason == "not_a_transcript"


def test_cholec80(tree, read, card_files) -> None:
    (one,), refusals = read(tree(card_files["cholec80"]), load_card("cholec80"))
    assert not refusals and (one.key, one.patient) == ("video01", "video01")
    assert [(each.kind, each.name, each.start_s, each.end_s) for each in one.events] == [
        ("phase", "Preparation", 0, 2), ("phase", "ClippingCutting", 2, 4),
        ("tool", "Grasper", 0, 2), ("tool", "Hook", 1, 3), ("tool", "Grasper", 3, 4),
    ]  # fmt: skip
    assert one.events[3].pointer == "tool_annotations/video01-tool.txt#row=1"


def test_cholect50(tree, read, card_files) -> None:
    root, card = tree(card_files["cholect50"]), load_card("cholect50")
    (one,), refusals = read(root, card)
    assert not refusals and len(one.media[0].files) == 3 and one.media[0].rate == 1
    assert [(each.kind, each.name, each.start_s, each.end_s) for each in one.events] == [
        ("triplet", "grasper,dissect,cystic_plate", 0, 2), ("triplet", "grasper,null_verb,null_target", 1, 2),
        ("phase", "preparation", 0, 2), ("phase", "clipping-and-cutting", 2, 3),
    ]  # fmt: skip
    boxes = {"triplets": {"file": "labels/{name}.json", "boxes": [40, 20]}}
    (one,), _ = read(root, card.model_copy(update={"params": card.params | boxes}))
    assert [(each.name, each.frame, each.box) for each in one.regions] == [
        ("grasper", 0, (10, 10, 20, 15)), ("grasper", 1, (10, 10, 20, 15)),
    ]  # fmt: skip


def test_frames_are_in_the_order_of_their_numbers(tree, read, make_card) -> None:
    numbers = [1, 10, 11, 2, 9]
    root = tree({f"{folder}/{number}.jpg": b"x" for folder in ("a", "b/c2_f") for number in numbers})
    samples, refusals = read(root, make_card("clip_files", {"clips": r"(?P<name>.+)", "rate": 2}))
    assert not refusals
    assert [[Path(file).stem for file in one.media[0].files] for one in samples] == [["1", "2", "9", "10", "11"]] * 2


def test_what_is_said_goes_with_its_clip(tree, read, make_card) -> None:
    root = tree({
        "a.mp4": b"x", "a.srt": SRT, "b.mp4": b"x", "b.json": JSON, "c.mp4": b"x", "c.vtt": "nothing", "c.json": JSON,
    })  # fmt: skip
    params = {"clips": r"(?P<name>.)\.mp4", "transcripts": ["{name}.vtt", "{name}.srt", "{name}.json"]}
    samples, refusals = read(root, make_card("clip_files", params))
    assert [[(text.start_s, text.body) for text in one.texts] for one in samples] == [
        [(1.5, "This is the pleural line."), (62, "A B-line moves with it.")], [(0.5, "One.")], [],
    ]  # fmt: skip
    assert samples[0].texts[1].pointer == "a.srt#cue=1"
    assert sorted((each.reason, each.file, each.part) for each in refusals) == [
        ("bad_cue", "a.srt", True), ("bad_cue", "b.json", True), ("bad_cue", "b.json", True),
        ("not_a_transcript", "c.vtt", True),
    ]  # fmt: skip


def test_the_words_of_a_narrator_become_records(tmp_path: Path, make_card) -> None:
    from medloom.converters.phantom.clip_folder import FOLDER, write_clip_folder
    from medloom.converters.phantom.course import patients
    from medloom.converters.registry import load_converter
    from medloom.schemas.catalog import FramePolicy, ViewPolicy
    from medloom.synthesis.origin import Origin
    from medloom.synthesis.registry import load_task
    from medloom.synthesis.scenes import scenes_of
    from medloom.synthesis.task import Census, Context
    from medloom.synthesis.template import load_templates
    from medloom.synthesis.vocabulary import load_vocabulary

    write_clip_folder(tmp_path, 7, patients(7, 1))
    root = tmp_path / FOLDER / "clips"
    (root / "P001_L.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nHere the pleural line slides with breath.\n")
    card = make_card("clip_files", {"clips": r"(?P<name>P\d+_L)\.(?:gif|avi)", "transcripts": ["{name}.srt"]})
    (sample,) = load_converter("clip_files").samples(root, card)
    views = ViewPolicy(keep_whole=True, frames=FramePolicy(per_clip=2))
    made = scenes_of(sample, Origin(card=card, root=root, vocabulary=load_vocabulary(), views=views))
    context = Context(vocabulary=load_vocabulary(), templates=load_templates(), census=Census())
    (record,) = load_task("clip.narration", {}).of_case(made.case, context)
    assert (record.type, record.config, record.spans[0].start_s, record.spans[0].end_s) == (20, "video", 0.5, 1.5)
    assert (
        record.turns[1].text == "Here the pleural line slides with breath." and "0.5 to 1.5 s" in record.turns[0].text
    )
