"""Spelling: words that are nearly, and not quite, a term of the vocabulary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import ClassVar

import polars as pl
from pydantic import Field

from medloom.quality.filter import Filter, FilterParams, Look
from medloom.quality.said import COLUMNS, drop_said, texts_of
from medloom.quality.verdicts import first_of
from medloom.synthesis.evidence.words import english_words, vocabulary_words

_WORD = re.compile(r"[a-z]+")
_VARIANTS = (("ae", "e"), ("oe", "e"), ("our", "or"), ("ise", "ize"), ("isa", "iza"), ("tre", "ter"), ("ll", "l"))
SHORTEST = 6  # letters; of shorter words one letter makes another word


class SpellingParams(FilterParams):
    """`words`: words of one's own that are right."""

    words: tuple[str, ...] = Field(default=())


class Spelling(Filter):
    """Drops an English record with a word that is one letter away from a word of the vocabulary: ``misspelt``.

    A letter too many, too few or another, or two exchanged ("edudates" for exudates). Words of general English (the
    list that ships in pyspellchecker), plurals, and British or American forms of a term are right. Words of fewer than
    six letters are not asked.
    """

    name: ClassVar[str] = "spelling"
    record_columns: ClassVar[tuple[str, ...]] = COLUMNS
    Params: ClassVar[type[FilterParams]] = SpellingParams
    params: SpellingParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return first_of([drop_said(texts_of(records).filter(_english()), self._wrong, "misspelt")])

    def looks(self, record: str, records: pl.DataFrame, views: pl.DataFrame) -> list[Look]:
        said = texts_of(records.filter(pl.col("id") == record)).filter(_english())
        wrong = [told for text in said["text"] if (told := self._wrong(text)) is not None]
        return [
            Look(what="words near a term", value="; ".join(wrong) or "none", passed=not wrong,
                 change="spell it right, or add it to `words`" if wrong else "")
        ]  # fmt: skip

    def _wrong(self, text: str) -> str | None:
        for word in _WORD.findall(text.lower()):
            if len(word) >= SHORTEST and word not in self.params.words and (meant := meant_by(word)) is not None:
                return f"{word} for {meant}"
        return None


def _english() -> pl.Expr:
    return pl.col("language").str.starts_with("en")


@cache
def meant_by(word: str) -> str | None:
    """The term that a word nearly is; None where it is right, or nothing like a term."""
    terms, near = _terms()
    if word in terms or word in english_words():
        return None
    for other in sorted({term for cut in _cuts(word) for term in near.get(cut, ())}):
        if _one_off(word, other) and _plain(word) != _plain(other):
            return other
    return None


@cache
def _terms() -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    """Words of the vocabulary, and by each form with at most one letter cut out those that have it."""
    words = vocabulary_words()
    near: dict[str, set[str]] = {}
    for word in words:
        if len(word) >= SHORTEST:
            for cut in _cuts(word):
                near.setdefault(cut, set()).add(word)
    return words, {cut: frozenset(found) for cut, found in near.items()}


def _cuts(word: str) -> Iterator[str]:
    yield word
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]


def _one_off(word: str, other: str) -> bool:
    """Whether one insertion, deletion, substitution or exchange of neighbours makes one of the other."""
    if len(word) > len(other):
        word, other = other, word
    if len(word) < len(other):
        return len(other) - len(word) == 1 and word in _cuts(other)
    differ = [at for at, (a, b) in enumerate(zip(word, other, strict=True)) if a != b]
    if len(differ) == 2 and differ[1] == differ[0] + 1:
        return word[differ[0]] == other[differ[1]] and word[differ[1]] == other[differ[0]]
    return len(differ) == 1


def _plain(word: str) -> str:
    for british, american in _VARIANTS:
        word = word.replace(british, american)
    return word
