"""Copies: text that an engine took over from its prompt instead of writing it."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache


@lru_cache(maxsize=1024)
def words_of(text: str) -> tuple[str, ...]:
    """Words in small letters, without marks."""
    return tuple(re.findall(r"[\w%°²³]+(?:[.'-]\w+)*", text.lower()))


def copied(text: str, instructions: str, long: int = 8) -> str | None:
    """The first `long` words in a row that the text has from the instructions, or None."""
    words = words_of(text)
    theirs = _runs(instructions, long)
    for start in range(len(words) - long + 1):
        if words[start : start + long] in theirs:
            return " ".join(words[start : start + long])
    return None


def looped(text: str, long: int = 5, often: int = 3) -> str | None:
    """The first `long` words in a row that stand `often` times in the text: a model that has begun to go round."""
    words = words_of(text)
    seen: Counter[tuple[str, ...]] = Counter()
    for start in range(len(words) - long + 1):
        run = words[start : start + long]
        seen[run] += 1
        if seen[run] == often:
            return " ".join(run)
    return None


def near(one: str, other: str) -> float:
    """How alike two texts are, 0 to 1: the share of word pairs that they have in common (Jaccard), order counted."""
    first, second = set(_pairs(words_of(one))), set(_pairs(words_of(other)))
    return len(first & second) / len(first | second) if first | second else 1.0


def _pairs(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(("", *words), (*words, ""), strict=True))


@lru_cache(maxsize=64)
def _runs(text: str, long: int) -> frozenset[tuple[str, ...]]:
    words = words_of(text)
    return frozenset(words[start : start + long] for start in range(len(words) - long + 1))
