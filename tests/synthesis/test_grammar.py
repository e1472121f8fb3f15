"""The few rules of English that templates need."""

from __future__ import annotations

import pytest

from medloom.schemas.vocabulary import Concept
from medloom.synthesis.grammar import article, counted, definite, indefinite, listed

CELL = Concept(id="c", name="red blood cell", plural="red blood cells", kind="cell")
MASS = Concept(id="m", name="pneumonia", plural="pneumonias", kind="finding", mass=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [("effusion", "an"), ("liver", "a"), ("MR slice", "an"), ("CT slice", "a"), ("X-ray", "an"),
     ("ultrasound picture", "an"),
     ("unilateral effusion", "a"), ("uterus", "a"), ("axial CT slice", "an"), ("L1 vertebra", "an"), ("OCT", "an")],
)  # fmt: skip
def test_articles_follow_the_sound(words, expected) -> None:
    assert article(words) == expected


def test_what_a_body_has_one_of_takes_the() -> None:
    liver = Concept(id="l", name="liver", plural="livers", kind="organ", countable=False)
    kidney = Concept(id="k", name="kidney", plural="kidneys", kind="organ")
    assert (indefinite(liver), indefinite(kidney)) == ("the liver", "a kidney")


def test_phrases() -> None:
    assert indefinite(CELL) == "a red blood cell" and indefinite(MASS) == "pneumonia" == definite(MASS)
    assert [counted(CELL, count) for count in (0, 1, 3, 13)] == [
        "no red blood cells", "one red blood cell", "three red blood cells", "13 red blood cells",
    ]  # fmt: skip
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c" and listed(["a", "b"], "or") == "a or b"
