from __future__ import annotations

import pytest
from msgspec.structs import replace
from scipy.stats import chisquare

from medloom.quality.balance import balance_figures
from medloom.schemas.record import Record


def _figures(kit, rows):
    return balance_figures(kit.frame(Record, rows))


def test_counts_yes_and_no_by_source_task_and_concept(kit):
    rows = [kit.record(f"y{i}") for i in range(3)] + [kit.record("n", polarity="absent")]
    rows.append(kit.record("o", source="other"))
    found = [(cell.source, cell.task, cell.concept, cell.yes, cell.no) for cell in _figures(kit, rows).yes_no]
    assert found == [("clinic", "vqa.closed", "nodule", 3, 1), ("other", "vqa.closed", "nodule", 1, 0)]


def test_letters_agree_with_scipy_over_mixed_numbers_of_options(kit):
    rows = [kit.choice(f"c{right}-{i}", right=right) for right, n in enumerate((20, 9, 4)) for i in range(n)]
    two = [kit.choice(f"t{right}-{i}", right=right) for right, n in enumerate((7, 12)) for i in range(n)]
    rows += [replace(row, options=row.options[:2]) for row in two]
    (cell,) = _figures(kit, rows).letters
    expected = [33 / 3 + 19 / 2, 33 / 3 + 19 / 2, 33 / 3]
    assert cell.correct == (27, 21, 4)
    assert cell.expected == pytest.approx(expected)
    truth = chisquare([27, 21, 4], expected)
    assert (cell.chi2, cell.p) == pytest.approx((truth.statistic, truth.pvalue))


def test_letters_of_few_questions_have_no_p(kit):
    assert _figures(kit, [kit.choice()]).letters[0].p is None


def test_the_longest_option_shares_ties(kit):
    long = [kit.choice("a", right=2), kit.choice("b", right=0)]  # effusion is the longest of three
    tied = [replace(kit.choice("c", right=0), options=_texts(kit.choice("c", right=0).options, "aa", "bb", "c"))]
    (cell,) = _figures(kit, long + tied).longest
    assert (cell.questions, cell.rate, cell.chance) == (3, pytest.approx((1 + 0 + 0.5) / 3), pytest.approx(1 / 3))


def _texts(options, *texts):
    return tuple(replace(option, text=text) for option, text in zip(options, texts, strict=True))


def test_options_that_are_never_right_are_named(kit):
    rows = [kit.choice("a", right=0), kit.choice("b", right=1)]
    assert _figures(kit, rows).never_right == (("clinic", "effusion"),)


def test_an_empty_corpus_has_empty_figures(kit):
    assert _figures(kit, []) == _figures(kit, [kit.caption()])
    assert _figures(kit, []).letters == ()
