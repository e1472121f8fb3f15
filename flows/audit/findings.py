"""Findings: what a check says of a corpus, with what it is held against and what to do about it."""

from __future__ import annotations

from math import sqrt
from typing import Literal

import msgspec

Verdict = Literal["fine", "look", "bad", "skipped"]
ORDER: dict[Verdict, int] = {"bad": 0, "look": 1, "fine": 2, "skipped": 3}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An example: an item and what was found in it. `row` is its number in the frame of items."""

    id: str
    row: int | None = None
    text: str = ""
    note: str = ""
    picture: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check. `figure` is the number in words, `value` and `bound` as numbers; `known` what published sets have.

    `cells` are (name, figure) where it was found, the worst first.
    """

    key: str
    title: str
    about: str
    verdict: Verdict
    figure: str
    value: float | None = None
    bound: float | None = None
    affected: int = 0
    known: str = ""
    advice: str = ""
    examples: tuple[Shown, ...] = ()
    cells: tuple[tuple[str, str], ...] = ()


def graded(value: float, look: float, bad: float) -> Verdict:
    """Fine up to and at `look`, bad above `bad`."""
    return "bad" if value > bad else "look" if value > look else "fine"


def surely(rate: float, count: int) -> float:
    """The rate less two standard errors at most: what it is beyond chance of few questions."""
    return rate - 1 / sqrt(max(1, count))


def share(value: float) -> str:
    return f"{value:.1%}" if value < 0.1 else f"{value:.0%}"
