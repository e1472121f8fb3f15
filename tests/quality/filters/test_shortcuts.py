"""What text alone answers is measured and mended, and what it doesn't answer is left alone."""

from __future__ import annotations

import random

import pytest

from medloom.quality.registry import load_filter

NAMES = ("cyst", "nodule", "effusion", "fracture", "mass", "oedema")


def choices(kit, count, right_of, seed=0, task="vqa.single", **changes):
    """Single choices of four; `right_of` draws the right name."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        right = right_of(draw)
        names = [right, *draw.sample([name for name in NAMES if name != right], 3)]
        draw.shuffle(names)
        options = tuple(kit.option("ABCD"[place], name, correct=name == right) for place, name in enumerate(names))
        asked = "What is shown?\n" + "\n".join(f"{one.key}. {one.text}" for one in options)
        rows.append(
            kit.choice(
                f"{task}-{number}", options=options, sample=f"s{number}", concepts=(right,), task=task,
                turns=kit.turns(asked, right), **changes,
            )
        )  # fmt: skip
    return rows


def cell(found, what, task="vqa.single"):
    return next(one for one in found.cells if one.what == what and one.task == task)


def test_even_choices_stay_and_are_near_chance(kit):
    found = kit.judgement("shortcuts", choices(kit, 400, lambda draw: draw.choice(NAMES)))
    assert found.drops.is_empty()
    for what in ("option prior", "bag of words"):
        assert 0.15 < cell(found, what).before < 0.35
    assert len(found.scores) == 400


def test_a_cell_that_its_commonest_answer_gives_away_is_rebalanced(kit):
    rows = choices(kit, 400, lambda draw: "nodule" if draw.random() < 0.8 else draw.choice(NAMES))
    even = choices(kit, 200, lambda draw: draw.choice(NAMES), seed=1, task="other", source="elsewhere")
    found = kit.judgement("shortcuts", rows + even)
    prior = cell(found, "option prior")
    assert prior.before > 0.7 and prior.after <= 0.35 + 0.15 and prior.left < prior.asked == 400
    gone = set(found.drops["record"])
    assert gone and all(name.startswith("vqa.single") for name in gone)
    assert set(found.drops["reason"]) <= {"answered_by_text", "cell_answered_by_text"}
    again = kit.judgement("shortcuts", (rows + even)[::-1])
    assert again.drops.equals(found.drops)


def test_a_cell_goes_whole_on_request_and_not_at_all_when_only_scores_are_wanted(kit):
    rows = choices(kit, 100, lambda draw: "nodule")
    assert set(kit.reasons("shortcuts", rows, mend="drop").values()) == {"cell_answered_by_text"}
    scored = kit.judgement("shortcuts", rows, mend="score")
    assert scored.drops.is_empty() and cell(scored, "option prior").before == cell(scored, "option prior").after > 0.9


def test_distractors_that_are_never_right_give_the_answer_away(kit):
    draw = random.Random(5)
    rows = []
    for number in range(200):
        right = draw.choice(["cyst", "nodule"])
        options = tuple(
            kit.option("ABCD"[place], name, correct=name == right)
            for place, name in enumerate(draw.sample([right, *(f"never {draw.randrange(9)}{k}" for k in range(3))], 4))
        )
        rows.append(kit.choice(f"n{number}", options=options, sample=f"s{number}", turns=kit.turns("Which?", right)))
    assert cell(kit.judgement("shortcuts", rows, mend="score"), "option prior").before > 0.95


def test_yes_or_no_that_the_question_tells_is_found(kit):
    rows = [
        kit.record(f"q{number}", sample=f"s{number}", polarity="present" if number % 2 else "absent",
                   turns=kit.turns(f"Is there a {'mass' if number % 2 else 'cyst'}?", "?"))
        for number in range(120)
    ]  # fmt: skip
    found = kit.judgement("shortcuts", rows, mend="score")
    assert cell(found, "option prior", "vqa.closed").before == 1.0
    fair = [kit.change(row, polarity="present" if number // 2 % 2 else "absent") for number, row in enumerate(rows)]
    assert cell(kit.judgement("shortcuts", fair, mend="score"), "option prior", "vqa.closed").before < 0.65


def test_a_patient_is_never_asked_about_himself(kit):
    """Every option is right for one patient alone: whoever looks at the same patient's other questions knows all."""
    rows = []
    for number in range(60):
        name = f"finding {number // 4}"
        options = tuple(kit.option("ABC"[k], text, correct=k == 0) for k, text in enumerate((name, f"x{number}", "y")))
        rows.append(kit.choice(f"p{number}", options=options, patient=f"p{number // 4}", sample=f"s{number}"))
    assert cell(kit.judgement("shortcuts", rows, mend="score"), "option prior").before < 0.6


def test_looks_tell_belief_and_cell(kit):
    rows = choices(kit, 100, lambda draw: "nodule")
    one = load_filter("shortcuts", {})
    looks = one.looks(rows[0].id, *kit.seen(one, rows))
    assert any(look.passed is False and "chance + margin" in look.bound for look in looks)


@pytest.mark.parametrize("params", [{"margin": 2}, {"mend": "redraw"}])
def test_wrong_parameters_are_told(params):
    from medloom.schemas.errors import CatalogError

    with pytest.raises(CatalogError, match="shortcuts"):
        load_filter("shortcuts", params)
