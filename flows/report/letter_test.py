"""Are the right answers of single choice spread evenly over the letters?"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from medloom.flows.figures import Letter


class LetterTest(msgspec.Struct, frozen=True):
    """Pearson's χ² of the letters against what even odds would give, its degrees of freedom and its p."""

    statistic: float
    freedom: int
    p: float


def letter_test(letters: Sequence[Letter]) -> LetterTest | None:
    """None where there are fewer than two letters, or fewer than 5 expected for one of them (Cochran's rule)."""
    if len(letters) < 2 or min(letter.expected for letter in letters) < 5:
        return None
    from scipy.special import chdtrc

    statistic = sum((letter.correct - letter.expected) ** 2 / letter.expected for letter in letters)
    return LetterTest(statistic, len(letters) - 1, float(chdtrc(len(letters) - 1, statistic)))
