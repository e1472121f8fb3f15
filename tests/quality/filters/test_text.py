from __future__ import annotations

import pytest
from msgspec.structs import replace

from medloom.schemas.errors import CatalogError
from medloom.schemas.record import Answer

BAD = {
    "mojibake": ["CafÃ© au lait spots", "The patientâ€™s lung", "12 Â°C", "broken \ufffd text"],
    "non_printing": ["A zero\u200bwidth space", "A bell\x07", "\u202eturned", "a private \ue123 glyph"],
    "html": ["A <b>large</b> nodule", "5 &lt; 7 mm", "one<br/>two", '<a href="x">here</a>'],
    "template_residue": [
        "There is a {finding} here.", "The size is nan mm.", "There are None cells.", "A {{ slot }}",
        "There is  a cyst.",
    ],
    "raw_name": ["A lung_nodule is visible.", "See case12.png for more.", "the file a.nii.gz", "in /data/images"],
    "reveals_source": [
        "The report says there is a nodule.", "According to the annotation, a cyst.", "The ground truth is a cyst.",
        "As stated in the mask file.", "A cyst, based on the label.", "The description mentions a cyst.",
    ],
    "doubled_word": ["There is is a nodule.", "The the nodule."],
    "repeated_words": ["a small round nodule is seen " * 6],
    "too_long": ["a nodule of the lung, " + " ".join(f"word{i}" for i in range(2000))],
}  # fmt: skip

GOOD = [
    "Yes.", "None of the above.", "None", "No, there is none.", "CT/MR/US", "5 < 7 mm", "A 12 × 9 mm nodule (T1).",
    '{"bbox_2d": [1, 2, 3, 4], "label": "nodule"}', "[10, 12, 20, 18]", "<loc_12><loc_30>", "Café au lait spots",
    "α-fetoprotein, 37 °C, 5 µm, naïve", "Answer: None", "1 1 2 2", "می‌شود", "نعم", "不是", "One.\n\nTwo.",
    "banana", "Ground-glass opacity", "It is very, very small.",
    "Say what that that is.",
]  # fmt: skip


def test_keeps_what_is_valid(kit):
    assert kit.reasons("text", kit.valid()) == {}


@pytest.mark.parametrize(("reason", "said"), [(reason, said) for reason, each in BAD.items() for said in each])
def test_names_what_is_wrong_with_a_text(kit, reason_of, reason, said):
    assert reason_of("text", kit.record(turns=kit.turns("What is shown?", said))) == reason


@pytest.mark.parametrize("said", GOOD)
def test_keeps_what_only_looks_odd(kit, reason_of, said):
    assert reason_of("text", kit.record(turns=kit.turns("What is shown?", said), answer=Answer(text=said))) is None


def test_every_part_is_read(kit, reason_of):
    bad = "a {finding}"
    options = kit.choice().options
    for row in (
        kit.record(turns=kit.turns(bad, "Yes.")),
        kit.caption(texts=("A CT slice.", bad)),
        kit.choice(options=(*options[:2], replace(options[2], text=bad))),
        kit.record(answer=Answer(text=bad)),
        kit.record(reason=bad),
    ):
        assert reason_of("text", row) == "template_residue"


def test_a_prompt_may_ask_for_labels_but_an_answer_has_none(kit, reason_of):
    asked = kit.turns("Give the box and the label of each nodule.", "A nodule at [1, 2, 3, 4].")
    assert reason_of("text", kit.record(turns=asked)) is None
    told = kit.turns("What is shown?", "The label is nodule.")
    assert reason_of("text", kit.record(turns=told)) == "reveals_source"


def test_words_are_judged_in_english_only(kit, reason_of):
    row = kit.record(turns=kit.turns("Was?", "Das Label ist da."), language="de")
    assert reason_of("text", row) is None


def test_captions_have_words(kit, reason_of):
    assert reason_of("text", kit.caption(texts=("CT",))) == "too_short"
    assert reason_of("text", kit.caption(texts=("CT",)), min_caption_words=1) is None


def test_a_picture_within_a_sentence_leaves_no_hole(kit, reason_of):
    asked = kit.turns("Compare <image> with <image> and tell.", "No change.", pictures=0)
    assert reason_of("text", kit.record(turns=asked)) is None


def test_lists_of_places_may_repeat(kit, reason_of):
    said = "a small round nodule is seen " * 6
    assert reason_of("text", kit.grounding(turns=kit.turns("Where?", said))) is None


def test_one_may_forbid_more(kit, reason_of):
    row = kit.record(turns=kit.turns("What is shown?", "A gallbladder."))
    assert reason_of("text", row, forbidden=["(?i)GALL"]) == "forbidden"
    with pytest.raises(CatalogError, match="no regular expression"):
        reason_of("text", row, forbidden=["("])


def test_the_detail_quotes_the_place(kit):
    from medloom.quality.registry import load_filter
    from medloom.schemas.record import Record

    records = kit.frame(Record, [kit.record(turns=kit.turns("What?", "There is a {finding} here."))])
    found = load_filter("text", {}).drops(records, records.select("id"))
    assert found["detail"].to_list() == ["assistant: There is a {finding} here."]
