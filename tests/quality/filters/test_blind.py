"""Blind answering: a model that likes a letter gains nothing, one that knows the answers is found out."""

from __future__ import annotations

import pytest

from medloom.quality.blind import letter_of, questions_of
from medloom.quality.registry import load_filter
from medloom.schemas.record import Record

NAMES = ("cyst", "nodule", "effusion")


class Reader:
    """Answers by what stands in the question: the option that it prefers, or always the same letter."""

    def __init__(self, prefers=None, letter="A"):
        self.prefers, self.letter, self.asked = prefers, letter, []

    def answers(self, questions):
        self.asked += questions
        return [self._answer(one.text) for one in questions]

    def _answer(self, text):
        hit = [line for line in text.split("\n") if self.prefers and line.endswith(f". {self.prefers}")]
        return f"The answer is {hit[0][0]}." if hit else f"{self.letter}."


def judged(kit, rows, answerer, **params):
    one = load_filter("blind", params)
    one.answerer = answerer
    return one.judge(*kit.seen(one, rows))


def rows_of(kit, rights):
    return [kit.choice(f"c{number:03d}", right=right) for number, right in enumerate(rights)]


def test_without_an_engine_nothing_is_asked_and_the_report_says_so(kit):
    found = kit.judgement("blind", rows_of(kit, [0, 1, 2]))
    assert found.drops.is_empty() and found.scores.is_empty() and "no engine" in found.note


def test_who_likes_a_letter_is_at_chance(kit):
    found = judged(kit, rows_of(kit, [n % 3 for n in range(90)]), Reader())
    (cell,) = found.cells
    assert found.drops.is_empty() and abs(cell.before - 1 / 3) < 0.1 and cell.asked == 90


def test_who_knows_without_looking_is_found_out_and_the_cell_mended(kit):
    rows = rows_of(kit, [1] * 60 + [0] * 30)
    found = judged(kit, rows, Reader(prefers="nodule"))
    (cell,) = found.cells
    assert cell.before == pytest.approx(60 / 90) and cell.after <= 1 / 3 + 0.1 + 1e-9
    assert set(found.drops["reason"]) == {"answered_blind"} and len(found.drops) + cell.left == 90
    assert dict(found.scores.rows())["c000"] == 1.0
    assert judged(kit, rows, Reader(prefers="nodule"), least=100).drops.is_empty()
    assert judged(kit, rows[::-1], Reader(prefers="nodule")).drops.equals(found.drops)


def test_questions_show_what_was_asked_for_and_never_the_tags(kit):
    rows = [kit.choice("a", views=("v0",)), kit.choice("b", views=("v1",))]
    records = kit.frame(Record, rows)
    plain = questions_of(records, "nothing", 2)
    assert len(plain) == 4 and all(one.picture is None and "<image>" not in one.text for one in plain)
    assert {one.picture for one in questions_of(records, "blank", 1)} == {""}
    other = {one.record: one.picture for one in questions_of(records, "another", 1)}
    assert other == {"a": "v1", "b": "v0"}
    orders = {one.text for one in questions_of(records, "nothing", 8) if one.record == "a"}
    assert len(orders) > 2


@pytest.mark.parametrize(
    ("said", "letter"),
    [
        ("B", "B"),
        ("The answer is C.", "C"),
        ("(d)", "D"),
        ("A or B", None),
        ("I see a nodule", None),
        ("", None),
        (None, None),
    ],
)
def test_a_letter_is_read_or_nothing(said, letter):
    assert letter_of(said) == letter
