from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from medloom.flows.figures import Letter
from medloom.flows.report.letter_test import letter_test


@given(st.lists(st.integers(5, 400), min_size=2, max_size=6))
def test_it_agrees_with_scipy(counts):
    mean = sum(counts) / len(counts)
    letters = [Letter(letter=chr(65 + at), correct=count, expected=mean) for at, count in enumerate(counts)]
    found, wanted = letter_test(letters), chisquare(counts)
    assert (found.statistic, found.p) == pytest.approx((wanted.statistic, wanted.pvalue))
    assert found.freedom == len(counts) - 1


def test_too_little_is_not_tested():
    assert letter_test([]) is None
    assert letter_test([Letter(letter="A", correct=900, expected=900.0)]) is None
    assert letter_test([Letter(letter=each, correct=4, expected=4.0) for each in "AB"]) is None
