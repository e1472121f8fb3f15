"""The source's own questions: what becomes of them, and what is never asked."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from medloom.converters.pixels.picture import PicturePolicy
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Media, NamedBox, Question, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.registry import load_task
from medloom.synthesis.scenes import scenes_of
from medloom.synthesis.vocabulary import load_vocabulary

CARD = SourceCard(
    source="src", title="t", licence="CC0-1.0", citation="c", modality="xray", converter="vqa_table", patient="unknown",
    labels={"right lung": "lung_right", "heart": "heart"}, verified="layout",
)  # fmt: skip


@pytest.fixture
def records(tmp_path: Path, context):
    """The records of some questions about pictures (100 × 80 each) that are named by file, stored at `short_side`."""

    def run(*questions, files=("a.png",), roles=(), params=None, short_side=None, missing=()):
        for number, file in enumerate(files):
            noise = np.random.default_rng(number).integers(0, 255, (80, 100), np.uint8)
            (tmp_path / file).write_bytes(cv2.imencode(".png", noise)[1].tobytes())
        keys = ("image",) if len(files) == 1 else tuple(f"image_{n}" for n in range(1, len(files) + 1))
        media = tuple(
            Media(key=key, files=(file,), role=role)
            for key, file, role in zip(keys, files, roles or [None] * len(files), strict=True)
        )
        sample = Sample(
            key="s", patient=None, split="train", media=media, questions=tuple(questions), missing=tuple(missing)
        )
        policy = PicturePolicy(short_side=short_side)
        made = scenes_of(sample, Origin(card=CARD, root=tmp_path, vocabulary=load_vocabulary(), pictures=policy))
        assert made.case is not None
        task = load_task("question.given", params or {})
        return list(task.of_case(made.case, context))

    return run


def asked(question="is it T2?", answer="yes", **fields):
    return Question(question=question, answer=answer, pointer="qa.json#row=3", **({"origin": "people"} | fields))


def test_words_stay_the_sources_own(records):
    (one,) = records(asked(media=("image",), kind="PRES", language="en"))
    assert (one.type, one.form, one.config, one.published_split) == (4, "closed", "vqa", "train")
    assert [turn.text for turn in one.turns] == ["<image>\nis it T2?", "yes"]
    (fact,) = one.evidence
    assert (fact.predicate, fact.file, fact.pointer) == ("stated", "qa.json", "qa.json#row=3")
    assert (fact.source_name, fact.value) == ("PRES (people)", "is it T2?\nyes")
    assert (one.polarity, one.concepts, one.template) == (None, (), "question.given@1")


def test_forms(records):
    options = ("CT", "MR", "PET")
    made = records(
        asked("Which?", "T2", variants=("T2w",)),
        asked("Which one?", "MR", options=options, correct=(1,)),
        asked("Which ones?", "CT, PET", options=options, correct=(0, 2)),
        asked("在哪里?", "左侧", language="zh"),
    )
    assert [(one.type, one.form, one.language) for one in made] == [
        (5, "open", "en"), (6, "single", "en"), (7, "multiple", "en"), (5, "open", "zh"),
    ]  # fmt: skip
    assert made[0].answer.variants == ("T2w",)
    assert made[1].turns[0].text == "<image>\nWhich one?\nA. CT\nB. MR\nC. PET"
    assert (made[1].turns[1].text, made[1].answer.keys) == ("B. MR", ("B",))
    assert (made[2].turns[1].text, made[2].answer.keys) == ("A. CT and C. PET", ("A", "C"))
    assert [option.correct for option in made[2].options] == [True, False, True]


def test_two_pictures(records):
    files = ("a.png", "b.png")
    (one,) = records(asked("what changed?", "edema", media=("image_1", "image_2")), files=files)
    assert (one.type, one.turns[0].text, len(one.views)) == (18, "<image>\n<image>\nwhat changed?", 2)
    (two,) = records(asked("what changed?", "edema"), files=files, roles=("earlier", "later"))
    assert (two.type, two.views) == (17, one.views)
    (back,) = records(asked("what changed?", "edema", media=("image_2", "image_1")), files=files)
    assert back.views == one.views[::-1]


def test_nothing_is_asked_of_a_picture_that_is_not_shown(records):
    assert records(asked(media=("image", "gone"))) == []
    assert records(asked(media=("image",)), files=(), missing=("a.png",)) == []
    (one,) = records(asked("What is pneumonia?", "an infection"), files=())
    assert (one.config, one.type, one.views, one.turns[0].text) == ("text", 34, (), "What is pneumonia?")


def test_reason_and_boxes(records):
    question = asked(
        "where?", "at the base", reason="it is hazy there.", boxes=(NamedBox(name="right lung", box=(10, 20, 50, 80)),)
    )
    (one,) = records(question, short_side=40)
    assert (one.config, one.type, one.reason, one.concepts) == ("reasoning", 23, "it is hazy there.", ("lung_right",))
    (place,) = one.places
    assert (place.box, place.role) == ((5, 10, 25, 40), "answer")
    assert (one.evidence[place.fact].concept, one.evidence[place.fact].source_name) == ("lung_right", "right lung")
    assert one.turns[0].text.startswith("<image>\nwhere?\n")
    assert one.turns[1].text == (
        'at the base\nit is hazy there.\n[{"bbox_2d": [5, 10, 25, 40], "label": "right lung"}]'
    )
    assert one.fills == ("answer", "boxes", "reason")
    (plain,) = records(msgspec.structs.replace(question, reason=None))
    assert (plain.config, plain.type, plain.places[0].role) == ("vqa", 5, "context")
    (other,) = records(msgspec.structs.replace(question, language="zh"))
    assert (other.config, other.places[0].role) == ("vqa", "context")
    (unknown,) = records(msgspec.structs.replace(question, boxes=(NamedBox(name="spleen", box=(1, 2, 3, 4)),)))
    assert (unknown.config, unknown.type, unknown.places) == ("reasoning", 24, ())


def test_a_choice_with_its_reason(records):
    boxes = (NamedBox(name="heart", box=(1, 2, 3, 4)),)
    (one,) = records(asked("which?", "heart", options=("lung", "heart"), correct=(1,), reason="big", boxes=boxes))
    assert (one.type, one.form, one.answer.keys) == (23, "single", ("B",))
    assert one.turns[0].text.endswith("\nA. lung\nB. heart")
    assert one.turns[1].text.startswith("B. heart\nbig\n[{")


def test_braces_in_the_sources_words(records):
    (one,) = records(asked("what is {x}?", "{reason}", reason="{answer} {0}"))
    assert one.turns[1].text == "{reason}\n{answer} {0}"


def test_conversations(records):
    made = records(
        asked("what is it?", "a film"), asked("of what?", "the chest", follows=True),
        asked("is it normal?", "no", follows=True), asked("alone?", "yes"),
    )  # fmt: skip
    assert [(one.type, one.form, len(one.turns)) for one in made] == [(9, "none", 6), (4, "closed", 2)]
    assert [turn.role for turn in made[0].turns] == ["user", "assistant"] * 3
    assert "<image>" not in "".join(turn.text for turn in made[0].turns[1:])
    assert len(made[0].evidence) == 3


def test_what_a_catalog_may_leave_out(records):
    questions = [asked(f"q{n}?", "a", origin=origin) for n, origin in enumerate(["people", "model", "people"])]
    assert len(records(*questions, params={"origins": ["people"]})) == 2
    assert len(records(*questions, params={"per_sample": 1})) == 1
    assert len(records(questions[0], questions[0])) == 1


def test_ids_hang_on_what_is_asked_and_not_on_the_row(records):
    (one,) = records(asked())
    (same,) = records(msgspec.structs.replace(asked(), pointer="qa.json#row=77"))
    (other,) = records(asked(answer="no"))
    assert one.id == same.id != other.id
