from __future__ import annotations

import pytest
from msgspec.structs import replace

from medloom.schemas.record import Answer, Place


def test_keeps_what_is_valid(kit):
    assert kit.reasons("prompt_answer", kit.valid()) == {}


def _answered(row, **changes):
    return replace(row, answer=replace(row.answer, **changes))


def _placed(row, **changes):
    return replace(row, places=tuple(replace(place, **changes) for place in row.places))


BROKEN = {
    "place_concept": lambda k: k.grounding(concepts=("cyst",), evidence=(k.fact("cyst"),)),
    "count": lambda k: k.counting(answer=Answer(text="3", number=3.0, unit="count")),
    "number": lambda k: _answered(k.measuring(), number=15.0),
    "polarity": lambda k: k.record(polarity="absent"),
    "not_yes_or_no": lambda k: _answered(k.record(), text="a nodule"),
    "keys": lambda k: _answered(k.choice(), keys=("A",)),
    "option_text": lambda k: _answered(k.choice(), text="cyst"),
    "option_not_in_prompt": lambda k: k.choice(turns=k.turns("A. cyst B. nodule C. fracture", "B. nodule")),
    "not_said": lambda k: k.choice(turns=(k.choice().turns[0], replace(k.choice().turns[1], text="A. cyst"))),
    "slot_not_filled": lambda k: k.counting(fills=("count", "boxes")),
    "places_asked": lambda k: k.counting(places=()),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_names_what_does_not_match(kit, reason_of, reason):
    assert reason_of("prompt_answer", BROKEN[reason](kit)) == reason


def test_a_place_cites_a_fact_of_its_own_concept_that_is_present(kit, reason_of):
    row = kit.grounding()
    assert reason_of("prompt_answer", replace(row, evidence=(kit.fact("cyst"),))) == "place_concept"
    assert reason_of("prompt_answer", replace(row, evidence=(kit.fact(polarity="absent"),))) == "place_concept"
    given = replace(row, turns=kit.turns("What is in the box?", "A nodule."))
    assert reason_of("prompt_answer", _placed(given, role="prompt", concept="cyst")) is None


@pytest.mark.parametrize(
    ("said", "number", "unit", "kept"),
    [
        ("It is 12.3 mm long.", 12.34, "mm", True),
        ("It is 12 mm long.", 12.34, "mm", True),
        ("It is 1.23 cm long.", 12.34, "mm", True),
        ("It is 12.4 mm long.", 12.34, "mm", False),
        ("It is 1.4 cm long.", 12.34, "mm", False),
        ("It measures 1,234 mm².", 1234.4, "mm2", True),
        ("It holds 2.5 ml.", 2512.0, "mm3", True),
        ("There are two.", 3.0, "count", True),
        ("Three cells: (4, 9), (1, 7), (5, 5).", 3.0, "count", True),
        ("4 cells.", 3.0, "count", False),
        ('3: [{"bbox_2d": [1, 2, 5, 7], "label": "cell"}]', 3.0, "count", True),
        ('3: [{"bbox_2d": [1, 2, 5, 7], "label": "cell"}]', 2.0, "count", False),
    ],
)
def test_the_number_said_is_the_number_meant(kit, reason_of, said, number, unit, kept):
    row = kit.record(
        form="numeric", turns=kit.turns("How much?", said), answer=Answer(text="", number=number, unit=unit)
    )
    assert reason_of("prompt_answer", row) == (None if kept else "number")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Long axis 12.3 mm, short axis 8.2 mm.", True),
        ("1.23 × 0.82 cm", True),
        ("Long axis 12.3 mm, short axis 9.1 mm.", False),
        ("12.3 mm at L4", True),
        ("12.3 mm, at 30° to the spine", False),
    ],
)
def test_every_number_with_a_unit_was_measured(kit, reason_of, said, kept):
    (long,) = kit.measuring().measurements
    both = (long, replace(long, name="short_axis", value=8.21))
    row = kit.measuring(measurements=both, turns=kit.turns("How large is the nodule?", said))
    assert reason_of("prompt_answer", row) == (None if kept else "number")


def test_no_is_told_by_answer_turn_and_polarity_alike(kit, reason_of):
    no = kit.record(turns=kit.turns("Is there a nodule?", "No."), polarity="absent", answer=Answer(text="no"))
    assert reason_of("prompt_answer", no) is None
    assert reason_of("prompt_answer", replace(no, polarity="present")) == "polarity"
    assert reason_of("prompt_answer", _answered(replace(no, polarity=None), text="yes")) == "not_said"
    assert reason_of("prompt_answer", _answered(replace(no, language="de"), text="nein")) is None


def test_a_sentence_may_answer_without_yes(kit, reason_of):
    row = kit.record(turns=kit.turns("Is there a nodule?", "There is a nodule."))
    assert reason_of("prompt_answer", row) is None


def test_a_choice_may_be_answered_by_key_alone(kit, reason_of):
    row = kit.choice(turns=(kit.choice().turns[0], replace(kit.choice().turns[1], text="The answer is B.")))
    assert reason_of("prompt_answer", row) is None
    assert reason_of("prompt_answer", _answered(row, text="B")) is None


def test_a_multiple_choice_names_every_right_option(kit, reason_of):
    options = tuple(replace(option, correct=option.key != "A") for option in kit.choice().options)
    asked = kit.choice().turns[0]
    both = kit.choice(
        form="multiple", options=options, answer=Answer(text="nodule, effusion", keys=("C", "B")),
        turns=(asked, replace(kit.choice().turns[1], text="B. nodule, C. effusion")),
    )  # fmt: skip
    assert reason_of("prompt_answer", both) is None
    assert reason_of("prompt_answer", _answered(both, keys=("B",))) == "keys"
    assert reason_of("prompt_answer", _answered(both, text="nodule")) == "option_text"
    half = replace(both, turns=(asked, replace(asked, role="assistant", text="B. nodule")))
    assert reason_of("prompt_answer", half) == "not_said"


def test_slots_are_filled_in_every_place(kit, reason_of):
    points = kit.counting(fills=("count", "points"))
    assert reason_of("prompt_answer", points) is None
    partly = replace(points, places=(points.places[0], Place(concept="cell", box=(1, 1, 2, 2), fact=1)))
    assert reason_of("prompt_answer", partly) == "slot_not_filled"
    assert reason_of("prompt_answer", kit.grounding(fills=("box", "mask"))) is None
    assert reason_of("prompt_answer", kit.grounding(places=(), fills=("mask",))) == "slot_not_filled"


def test_nothing_to_show_fills_every_slot(kit, reason_of):
    none = kit.grounding(
        places=(), polarity="absent", fills=("boxes",), evidence=(kit.fact(polarity="absent"),),
        turns=kit.turns("Draw a box around each nodule.", "There is no nodule."), answer=Answer(text="none"),
    )  # fmt: skip
    assert reason_of("prompt_answer", none) is None


ASKS = ["Draw a box around the nodule.", "Point to it.", "Give its coordinates.", "Please outline the nodule."]
MENTIONS = [
    "What is in the marked box?", "Give the name of what is inside the red outline.", "Is the lung segment affected?",
    "Is there ground-glass opacity?", "Where is the nodule?", "Is the outline smooth?",
]  # fmt: skip


@pytest.mark.parametrize("asked", ASKS)
def test_asking_for_places_wants_places(kit, reason_of, asked):
    row = kit.record(form="open", turns=kit.turns(asked, "In the liver."), answer=Answer(text="liver"))
    assert reason_of("prompt_answer", row) == "places_asked"


@pytest.mark.parametrize("asked", MENTIONS)
def test_mentioning_places_does_not(kit, reason_of, asked):
    row = kit.record(form="open", turns=kit.turns(asked, "In the liver."), answer=Answer(text="liver"))
    assert reason_of("prompt_answer", row) is None


def test_a_bare_count_is_not_asked_where(kit, reason_of):
    asked = kit.turns("How many cells are there and where are they?", "There are 2.")
    assert reason_of("prompt_answer", kit.counting(places=(), turns=asked)) == "places_asked"
    plain = kit.turns("How many cells are there?", "There are 2.")
    assert reason_of("prompt_answer", kit.counting(places=(), turns=plain)) is None
