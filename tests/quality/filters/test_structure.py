from __future__ import annotations

import pytest

from medloom.schemas.record import Answer, Measurement, Option, Place, Turn


def _without(row, position, **changes):
    from msgspec.structs import replace

    parts = list(row.options)
    parts[position] = replace(parts[position], **changes)
    return replace(row, options=tuple(parts))


def test_keeps_what_is_valid(kit):
    assert kit.reasons("structure", kit.valid()) == {}


def test_keeps_several_turns_and_pictures(kit):
    row = kit.record(
        views=("v0", "v1"),
        turns=(
            *kit.turns("Is there a nodule?", "Yes."),
            Turn(role="user", text="And in <image>?"),
            Turn(role="assistant", text="No."),
        ),
    )
    assert kit.reasons("structure", [row], [kit.view("v0"), kit.view("v1")]) == {}


BROKEN = {
    "no_turns": lambda k: k.record(turns=()),
    "turns_order": lambda k: k.record(turns=k.turns("Is there a nodule?", "Yes.")[:1]),
    "no_picture": lambda k: k.record(views=(), turns=k.turns("Is there a nodule?", "Yes.", pictures=0)),
    "image_count": lambda k: k.record(turns=k.turns("Is there a nodule?", "Yes.", pictures=2)),
    "image_in_answer": lambda k: k.record(turns=k.turns("Is there a nodule?", "Yes, see <image>.")),
    "unknown_view": lambda k: k.record(views=("elsewhere",)),
    "repeated_view": lambda k: k.record(views=("v0", "v0"), turns=k.turns("Is there a nodule?", "Yes.", pictures=2)),
    "empty_text": lambda k: k.record(turns=k.turns("Is there a nodule?", " \n")),
    "empty_prompt": lambda k: k.record(turns=k.turns(" ", "Yes.")),
    "options_missing": lambda k: k.choice(options=k.choice().options[1:2]),
    "option_empty": lambda k: _without(k.choice(), 2, text=" "),
    "option_repeated": lambda k: _without(k.choice(), 2, text="Nodule "),
    "option_correct_count": lambda k: _without(k.choice(), 2, correct=True),
    "answer_missing": lambda k: k.record(answer=None),
    "no_evidence": lambda k: k.record(evidence=()),
    "fact_index": lambda k: k.grounding(places=(Place(concept="nodule", box=(1, 1, 2, 2), fact=1),)),
    "place_view": lambda k: k.grounding(places=(Place(view=1, concept="nodule", box=(1, 1, 2, 2), fact=0),)),
    "place_empty": lambda k: k.grounding(places=(Place(concept="nodule", fact=0),)),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_names_what_is_broken(kit, reason_of, reason):
    assert reason_of("structure", BROKEN[reason](kit)) == reason


def test_every_reason_is_told_in_the_docstring():
    from medloom.quality.filters.structure import Structure

    assert all(f"``{reason}``" in (Structure.__doc__ or "") for reason in [*BROKEN, "duplicate_id"])


def test_roles_swapped_are_out_of_order(kit, reason_of):
    row = kit.record(turns=tuple(reversed(kit.record().turns)))
    assert reason_of("structure", row) == "turns_order"


def test_only_the_shared_id_is_dropped(kit):
    rows = [kit.record("same"), kit.record("same", sample="other"), kit.record("alone")]
    assert kit.reasons("structure", rows) == {"same": "duplicate_id"}


def test_repeated_keys_are_repeated_options(kit, reason_of):
    assert reason_of("structure", _without(kit.choice(), 2, key="A")) == "option_repeated"


def test_a_single_choice_needs_a_right_option_and_its_key(kit, reason_of):
    assert reason_of("structure", _without(kit.choice(), 1, correct=False)) == "option_correct_count"
    assert reason_of("structure", kit.choice(answer=Answer(text="nodule"))) == "answer_missing"


def test_a_multiple_choice_may_have_several_right_options_but_not_none(kit, reason_of):
    both = _without(kit.choice(form="multiple"), 2, correct=True)
    none = _without(kit.choice(form="multiple"), 1, correct=False)
    assert reason_of("structure", both) is None
    assert reason_of("structure", none) == "option_correct_count"


def test_a_number_is_due_where_the_answer_is_numeric(kit, reason_of):
    assert reason_of("structure", kit.counting(answer=Answer(text="two"))) == "answer_missing"


def test_a_measurement_cites_a_fact_that_is_there(kit, reason_of):
    wrong = Measurement(name="long_axis", value=12.3, unit="mm", method="Feret", fact=-1)
    assert reason_of("structure", kit.measuring(measurements=(wrong,))) == "fact_index"


def test_captions_may_not_be_blank(kit, reason_of):
    assert reason_of("structure", kit.caption(texts=("A CT slice.", ""))) == "empty_text"


def test_extra_options_on_a_closed_question_need_one_right(kit, reason_of):
    yes, no = (Option(key=key, text=text, concept=text, correct=False) for key, text in (("A", "yes"), ("B", "no")))
    assert reason_of("structure", kit.record(options=(yes, no))) == "option_correct_count"
