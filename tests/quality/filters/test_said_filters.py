"""Language, identifiers, spelling and leaked labels: what is wrong is named, what is right stays."""

from __future__ import annotations

import pytest

from medloom.quality.filters.spelling import meant_by
from medloom.quality.registry import load_filter
from medloom.schemas.appearance import Appearance
from medloom.schemas.record import Answer

NAMES = ("language", "phi", "spelling", "label_leak")
GERMAN = "Auf dem Röntgenbild ist eine deutliche Verschattung im rechten Unterlappen der Lunge zu sehen."
CHINESE = "这张胸部X光片显示右下肺叶有一个明显的阴影，提示可能存在肺炎。心影大小正常。"
ENGLISH = (
    "The chest radiograph shows a clear opacity in the lower lobe of the right lung, and the heart is of normal size."
)


@pytest.mark.parametrize("name", NAMES)
def test_keeps_what_is_valid(kit, name):
    assert kit.reasons(name, kit.valid()) == {}
    assert load_filter(name, {}).looks("r0", *kit.seen(load_filter(name, {}), [kit.record()]))


def test_another_language_or_script_than_stated_is_found(kit, reason_of):
    def row(said, language):
        return kit.record(turns=kit.turns("What is shown?", said), language=language)

    assert reason_of("language", row(ENGLISH, "en")) is None
    assert reason_of("language", row(GERMAN * 2, "en")) == "wrong_language"
    assert reason_of("language", row(CHINESE * 2, "en")) == "wrong_script"
    assert reason_of("language", row(CHINESE * 2, "zh")) is None
    assert reason_of("language", row(ENGLISH, "ar")) == "wrong_script"
    assert reason_of("language", row(GERMAN * 2, "de")) is None
    assert reason_of("language", row("Ja.", "en")) is None  # too short to tell
    assert reason_of("language", row(ENGLISH, "hi-en")) is None
    scores = kit.judgement("language", [row(ENGLISH, "en"), row("Ja.", "en")]).scores
    assert len(scores) == 1 and scores["score"][0] > 0.9


def test_identifiers_are_found_and_never_said(kit):
    row = kit.record(turns=kit.turns("Is there a nodule?", "Yes. Seen by Dr. Martin Keller on 12/03/2019."))
    found = kit.judgement("phi", [row]).drops.row(0)
    assert found[1] == "phi_residue" and "NAME" in found[2] and "Keller" not in found[2]
    looks = load_filter("phi", {}).looks("r0", *kit.seen(load_filter("phi", {}), [row]))
    assert any(look.passed is False for look in looks) and not any("Keller" in str(look) for look in looks)
    assert kit.reasons("phi", [row], allowed=("NAME", "DATE")) == {}


@pytest.mark.parametrize(
    "word", ["edudates", "exudate", "pneumonia", "haemorrhage", "hemorrhage", "tumours", "nodules", "effusions", "the"]
)
def test_only_what_is_nearly_a_term_is_misspelt(word):
    assert meant_by(word) is None or word == "edudates"


def test_a_letter_off_is_found_and_told(kit, reason_of):
    wrong = kit.record(turns=kit.turns("Is there a pleural efusion?", "Yes, there is a pleural effusion."))
    assert reason_of("spelling", wrong) == "misspelt"
    assert reason_of("spelling", wrong, words=("efusion",)) is None
    assert kit.judgement("spelling", [wrong]).drops["detail"][0] == "user: efusion for effusion"
    assert reason_of("spelling", kit.change(wrong, language="de")) is None


def test_an_answer_that_stands_in_the_picture_goes(kit):
    row = kit.choice(right=2)
    assert kit.reasons("label_leak", [row], looks=[Appearance(id="v0", words=("R", "PLEURAL EFFUSION"))]) == {
        "choice": "label_in_picture"
    }
    for words in (None, (), ("R", "LUNG", "effusions")):
        assert kit.reasons("label_leak", [row], looks=[Appearance(id="v0", words=words)]) == {}


def test_an_answer_in_the_path_is_scored_and_dropped_on_request(kit):
    pictures = [kit.view(source_file="train/lung_effusion/0001.png")]
    row = kit.choice(right=2)
    found = kit.judgement("label_leak", [row], pictures)
    assert found.drops.is_empty() and found.scores.rows() == [("choice", 1.0)]
    assert kit.reasons("label_leak", [row], pictures, paths=True) == {"choice": "label_in_path"}
    assert kit.judgement("label_leak", [kit.choice(right=0)], pictures).scores.rows() == [("choice", 0.0)]
    yes = kit.record(answer=Answer(text="yes"), concepts=("fracture",))
    assert kit.judgement("label_leak", [yes], [kit.view(source_file="yes/1.png")]).scores["score"].to_list() == [0.0]


def test_filler_says_nothing_of_a_picture(kit, reason_of):
    filler = kit.record(turns=kit.turns("Is there a nodule?", "Yes. Please consult a healthcare professional."))
    assert reason_of("text", filler) == "boilerplate"
    assert reason_of("text", kit.change(filler, language="fr")) is None
