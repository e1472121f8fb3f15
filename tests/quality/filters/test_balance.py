from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medloom.quality.balance import balance_figures
from medloom.schemas.record import Record

NAMES = ("cyst", "nodule", "effusion", "fracture")


def _closed(kit, name, yes, **changes):
    return kit.record(name, polarity="present" if yes else "absent", **changes)


def _cell(kit, yes, no, **changes):
    prefix = "-".join(changes.values())
    return [
        *(_closed(kit, f"{prefix}yes{i}", True, **changes) for i in range(yes)),
        *(_closed(kit, f"{prefix}no{i}", False, **changes) for i in range(no)),
    ]


def _choices(kit, counts, **changes):
    return [
        kit.choice(f"{changes.get('source', '')}c{right}-{i}", right=right, **changes)
        for right, count in enumerate(counts)
        for i in range(count)
    ]


def _left(kit, rows, **params):
    gone = kit.reasons("balance", rows, **params)
    return [row for row in rows if row.id not in gone], Counter(gone.values())


def test_keeps_what_is_balanced(kit):
    rows = _cell(kit, 6, 6) + _choices(kit, (7, 7, 7)) + [kit.caption(), kit.grounding(), kit.measuring()]
    assert kit.reasons("balance", rows) == {}


def test_the_commoner_answer_is_thinned_to_the_rarer(kit):
    left, why = _left(kit, _cell(kit, 9, 4))
    assert Counter(row.polarity for row in left) == {"present": 4, "absent": 4}
    assert why == {"yes_no": 5}
    left, why = _left(kit, _cell(kit, 9, 4), ratio=1.5)
    assert Counter(row.polarity for row in left) == {"present": 6, "absent": 4}


def test_cells_are_source_task_and_concept(kit):
    for changes in ({"source": "other"}, {"task": "vqa.other"}):
        rows = _cell(kit, 5, 5) + _cell(kit, 2, 4, **changes)
        left, why = _left(kit, rows)
        assert (len(left), why) == (14, {"yes_no": 2})
    cyst = [_closed(kit, f"cyst{i}", i < 2, concepts=("cyst",)) for i in range(6)]
    assert _left(kit, _cell(kit, 5, 5) + cyst)[1] == {"yes_no": 2}


def test_what_is_always_answered_alike_goes_unless_kept(kit):
    assert _left(kit, _cell(kit, 3, 0)) == ([], {"one_sided": 3})
    assert _left(kit, _cell(kit, 0, 3), keep_one_sided=True)[1] == {}


def test_uncertain_answers_are_nobodys_side(kit):
    rows = [*_cell(kit, 2, 2), kit.record("maybe", polarity="uncertain")]
    assert kit.reasons("balance", rows) == {}


def test_distractors_that_are_never_right_go_until_none_is_left(kit):
    # "effusion" is right only in choices that offer "fracture", which is right nowhere: both kinds go, then the rest.
    spare = kit.choice().options
    rest = (*spare[:2], type(spare[2])(key="C", text="fracture", concept="fracture", correct=False))
    with_fracture = [
        kit.choice(f"f{i}", right=2, options=(*(o for o in _turned(spare, 2)[1:]), rest[2])) for i in range(3)
    ]
    plain = _choices(kit, (6, 6, 0))
    assert _left(kit, plain + with_fracture) == ([], {"distractor_never_right": 15})
    assert _left(kit, plain + with_fracture, distractors=False, alpha=0.0)[1] == {}


def _turned(options, right):
    from msgspec.structs import replace

    return [replace(option, correct=number == right) for number, option in enumerate(options)]


def test_distractors_are_judged_within_their_source(kit):
    rows = _choices(kit, (6, 6, 6)) + _choices(kit, (3, 0, 0), source="other")
    left, why = _left(kit, rows)
    assert (len(left), why) == (18, {"distractor_never_right": 3})


def test_uneven_letters_are_thinned_until_the_test_passes(kit):
    rows = _choices(kit, (60, 20, 20))
    left, why = _left(kit, rows)
    assert set(why) == {"letter_position"}
    (cell,) = balance_figures(kit.frame(Record, left)).letters
    assert cell.p >= 0.01
    assert cell.correct[1:] == (20, 20)
    assert 30 < cell.correct[0] < 45
    assert _left(kit, rows, alpha=0.0)[1] == {}
    assert balance_figures(kit.frame(Record, rows)).letters[0].p < 1e-6


def test_few_questions_are_not_enough_to_tell_letters(kit):
    assert _left(kit, _choices(kit, (8, 2, 2)))[1] == {}


def test_one_concept_may_be_kept_to_a_share(kit):
    counts = dict(zip(NAMES, (20, 5, 5, 2), strict=True))
    rows = [kit.caption(f"{name}{i}", concepts=(name,)) for name, count in counts.items() for i in range(count)]
    left, why = _left(kit, rows, max_share=0.5)
    assert Counter(row.concepts[0] for row in left) == {"cyst": 12, "nodule": 5, "effusion": 5, "fracture": 2}
    assert why == {"class_share": 8}
    left, _ = _left(kit, rows, max_share=0.2)
    assert set(Counter(row.concepts[0] for row in left).values()) == {2}


@given(
    st.lists(st.tuples(st.sampled_from(NAMES[:3]), st.booleans()), max_size=60),
    st.lists(st.integers(0, 2), max_size=60),
    st.randoms(use_true_random=False),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_left_is_balanced_whatever_went_in(kit, asked, letters, draw):
    rows = [_closed(kit, f"q{i}", yes, concepts=(name,)) for i, (name, yes) in enumerate(asked)]
    rows += [kit.choice(f"c{i}", right=right) for i, right in enumerate(letters)]
    left, _ = _left(kit, rows)
    figures = balance_figures(kit.frame(Record, left))
    assert all(cell.yes == cell.no > 0 for cell in figures.yes_no)
    assert figures.never_right == ()
    assert all(cell.p is None or cell.p >= 0.01 for cell in figures.letters)
    assert kit.reasons("balance", left) == {}
    draw.shuffle(rows)
    assert {row.id for row in _left(kit, rows)[0]} == {row.id for row in left}


def test_the_draw_depends_on_ids_alone(kit):
    rows = _cell(kit, 30, 10)
    first = kit.reasons("balance", rows)
    random.Random(1).shuffle(rows)
    assert kit.reasons("balance", rows) == first
    apart = [number for number in range(30) if f"yes{number}" in first]
    assert apart != list(range(20)) != list(range(10, 30))


@pytest.mark.parametrize("rows", [[], ["caption"]])
def test_nothing_to_balance(kit, rows):
    assert kit.reasons("balance", [kit.caption() for _ in rows], max_share=0.5) == {}
