"""Choices: the options of a question as sources write them, and which of them are right."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from pydantic import Field

from medloom.converters.base import Params
from medloom.converters.formats.vqa_pointer import Fields, plain
from medloom.schemas.errors import BadInput

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class OptionFields(Params):
    """`at` points to the options: one text each, or one list, or one object by letter; `split` cuts one text.

    `correct` points to the letters, the numbers (from `first`) or the texts of the right ones; without it the answer
    does. A letter of its own before every option ("A: ", "(B) ") is no part of its text.
    """

    at: tuple[str, ...] = Field(min_length=1)
    correct: str | None = None
    split: str | None = None
    first: int = 0


class Choice:
    """The options of one row by letter, in the source's order; blanks are left out.

    Raises BadInput: ``too_few_options`` (one), ``repeated_option``.
    """

    def __init__(self, fields: Fields, params: OptionFields) -> None:
        self._params = params
        texts = _without_letters(_lettered(fields, params))
        self.letters = tuple(letter for letter, _ in texts)
        self.texts = tuple(text for _, text in texts)
        self._correct = None if params.correct is None else fields.value(params.correct)
        if len(texts) == 1:
            raise BadInput("too_few_options", f"one option is no choice: {texts[0][1]!r:.80}")
        self._same = [same(text) for text in self.texts]
        if len(set(self._same)) != len(self.texts):
            raise BadInput("repeated_option", f"an option stands twice: {list(self.texts)!r:.200}")

    def right(self, answer: str) -> tuple[int, ...]:
        """Indices of the right options, rising. What the row says twice (a letter and a text) has to agree.

        Raises BadInput ``answer_not_an_option``.
        """
        stated = self._correct
        found = self._meant(answer) if stated in (None, "") else self._all_meant(stated)
        if not found:
            told = answer if stated in (None, "") else stated
            raise BadInput("answer_not_an_option", f"{told!r:.120} is none of {list(self.texts)!r:.200}")
        if stated not in (None, "") and answer and self._meant(answer) != found:
            raise BadInput("answer_not_an_option", f"{stated!r:.60} is marked, but the answer is {answer!r:.120}")
        return found

    def _all_meant(self, stated: Any) -> tuple[int, ...]:
        if not isinstance(stated, list):
            return self._meant(stated)
        each = [self._meant(one) for one in stated]
        return tuple(sorted({index for one in each for index in one})) if all(each) else ()

    def _meant(self, stated: Any) -> tuple[int, ...]:
        """The option that has this text, else those of these letters, else that of this number."""
        text = plain(stated)
        if same(text) in self._same:
            return (self._same.index(same(text)),)
        for number, letter in enumerate(self.letters):
            if same(_cut(text, letter)) == self._same[number]:
                return (number,)
        found = re.findall(r"[A-Za-z]+|\d+", re.sub(r"(?i)\b(?:and|or|options?|answers?)\b", " ", text))
        marks = [one.upper() for one in found]
        if len(found) == 1 and found[0].isupper() and list(found[0]) == sorted({*found[0]}):
            marks = list(found[0])  # "AC", but not "Bad"
        if marks and all(mark in self.letters for mark in marks):
            return tuple(sorted({self.letters.index(mark) for mark in marks}))
        if marks and all(mark.isdigit() and 0 <= int(mark) - self._params.first < len(self.texts) for mark in marks):
            return tuple(sorted({int(mark) - self._params.first for mark in marks}))
        return ()


def same(text: str) -> str:
    """What two spellings of one option share: letters without case, spaces once."""
    return " ".join(text.casefold().split())


def _lettered(fields: Fields, params: OptionFields) -> list[tuple[str, str]]:
    found: Any = [fields.value(pointer) for pointer in params.at]
    if len(params.at) == 1:
        found = found[0]
    if isinstance(found, str) and params.split is not None:
        found = found.split(params.split)
    if isinstance(found, dict):
        pairs = [(str(key).strip().upper(), plain(value)) for key, value in found.items()]
    elif isinstance(found, list):
        if len(found) > len(LETTERS):
            raise BadInput("bad_annotation", f"{len(found)} options")
        pairs = [(LETTERS[number], plain(value)) for number, value in enumerate(found)]
    else:
        pairs = []
    return [(letter, text) for letter, text in pairs if text]


def _without_letters(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The texts without their letters, where every one begins with its own."""
    if not pairs or _cut(pairs[0][1], pairs[0][0]) == pairs[0][1]:
        return pairs
    cut = [(letter, _cut(text, letter)) for letter, text in pairs]
    kept = all(text and text != before for (_, text), (_, before) in zip(cut, pairs, strict=True))
    return cut if kept else pairs


def _cut(text: str, letter: str) -> str:
    found = _before(letter).match(text)
    return text if found is None else text[found.end() :]


@lru_cache(maxsize=256)
def _before(letter: str) -> re.Pattern[str]:
    return re.compile(rf"\(?{re.escape(letter)}\s*[).:：、]\s*", re.IGNORECASE)
