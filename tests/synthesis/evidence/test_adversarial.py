"""The evidence check against planted lies and true paraphrases: the figures that the project promises."""

from __future__ import annotations

import pytest
from lies import KINDS, lies
from measure import Figures, figures, gathered, table

RECALL, PRECISION = 0.97, 0.95
FEWEST = 400
"""Lies, and true texts, over both parts; without the real sources there are about half as many."""


@pytest.fixture(scope="module")
def found() -> dict[str, Figures]:
    truths = gathered()
    parts = {"tuned on": False, "held out": True}
    return {title: figures([truth for truth in truths if truth.held_out is part]) for title, part in parts.items()}


@pytest.mark.parametrize("part", ["tuned on", "held out"])
def test_lies_are_caught_and_truth_passes(found: dict[str, Figures], part: str) -> None:
    whole = found[part].whole
    print(table(part, found[part]))
    assert whole.recall >= RECALL, found[part].missed
    assert whole.precision >= PRECISION, found[part].alarms
    assert whole.true - whole.refused >= PRECISION * whole.true, found[part].alarms


def test_there_are_enough_of_both(found: dict[str, Figures]) -> None:
    assert sum(one.whole.planted for one in found.values()) >= FEWEST
    assert sum(one.whole.true for one in found.values()) >= FEWEST


def test_every_kind_is_planted_and_found(found: dict[str, Figures]) -> None:
    for kind in KINDS:
        rows = [row for one in found.values() for row in one.rows if row.kind == kind]
        assert sum(row.planted for row in rows) >= 5, kind
        assert sum(row.caught for row in rows) >= 0.9 * sum(row.planted for row in rows), kind


def test_a_lie_is_one_change_and_the_same_again() -> None:
    text = "There are two small nodules of 6 mm in the left lung. No pneumothorax is seen."
    first = {lie.kind: lie.text for lie in lies(text, "seed")}
    assert first == {lie.kind: lie.text for lie in lies(text, "seed")}
    assert first["flipped side"] == text.replace("left", "right")
    assert first['"small" lost'] == text.replace("small ", "")
    assert {"changed number", "wrong unit", "dropped negation", "added finding", "plural to single"} <= first.keys()
