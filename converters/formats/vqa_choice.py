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
_WORDS = re.compile(r"\b(?:and|or|options?|answers?|choices?)\b", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,;/&|+、，；]+")
_MARK = re.compile(r"""[\s(\["']*([A-Za-z]+|\d{1,9})(?:\.0+)?[\s)\]"'.:]*""")
"""A letter, or a number as tables write it ("2.0"), but not "-1", "1-2" or "B+"."""


class OptionFields(Params):
    """`at` points to the options: one text each, or one list, or one object by letter; `split` cuts one text.

    `correct` points to the letter or number (from `first`) of the right one, or else to its text; without it the answer
    is its text or letter. A list may name several, and with `several` one text too ("AC", "A, C"). A letter of its own
    before every option ("A: ", "(B) ") is no part of its text.
    """

    at: tuple[str, ...] = Field(min_length=1)
    correct: str | None = None
    split: str | None = None
    first: int = 0
    several: bool = False


class Choice:
    """The options of one row by letter, in the source's order; blanks are left out.

    Raises BadInput: ``too_few_options`` (one), ``repeated_option``.
    """

    def __init__(self, fields: Fields, params: OptionFields) -> None:
        self._params = params
        pairs = _lettered(fields, params)
        self._places = [place for place, (_, text) in enumerate(pairs) if text]
        texts = _without_letters([pair for pair in pairs if pair[1]])
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

        Raises BadInput: ``answer_not_an_option``, ``ambiguous_answer`` (the letter of one option, the text of another).
        """
        stated = None if self._correct in (None, "") else self._correct
        if stated is None:
            read = [self._meant(answer, by_text, False) for by_text in (True, False)]
            if read[0] != read[1]:
                texts = [self.texts[index] for found in read for index in found]
                raise BadInput("ambiguous_answer", f"{answer!r:.60} may mean either of {texts!r:.120}")
        else:
            read = self._agreed([self._meant(stated, by_text, True) for by_text in (False, True)], answer)
        if not read[0]:
            told = answer if stated is None else stated
            raise BadInput("answer_not_an_option", f"{told!r:.120} is none of {list(self.texts)!r:.200}")
        return read[0]

    def _agreed(self, marked: list[tuple[int, ...]], answer: str) -> list[tuple[int, ...]]:
        """What is marked as the answer has it: read as it is likelier meant, else in the one way that fits."""
        if not answer or not marked[0]:
            return marked
        said = [self._meant(answer, by_text, False) for by_text in (True, False)]
        if marked[0] == said[0]:
            return marked
        fit = {*marked} & {*said}
        if len(fit) != 1:
            reason = "ambiguous_answer" if fit else "answer_not_an_option"
            raise BadInput(reason, f"{self._correct!r:.60} is marked, but the answer is {answer!r:.120}")
        return [*fit]

    def _meant(self, stated: Any, by_text: bool, numbered: bool) -> tuple[int, ...]:
        """The options that are stated: by their texts or by their marks first."""
        found: set[int] = set()
        for one in stated if isinstance(stated, list) else [stated]:
            text = plain(one)
            meant = (by_text and self._of_text(text)) or self._of_mark(text, numbered) or self._of_text(text)
            if not meant:
                return ()
            found.update(meant)
        return tuple(sorted(found))

    def _of_text(self, text: str) -> tuple[int, ...]:
        """The option of this text, which its own letter may precede."""
        if same(text) in self._same:
            return (self._same.index(same(text)),)
        for number, letter in enumerate(self.letters):
            if same(_cut(text, letter)) == self._same[number]:
                return (number,)
        return ()

    def _of_mark(self, text: str, numbered: bool) -> tuple[int, ...]:
        """The option of this letter, or of this number where one may stand; several where the card says so."""
        several = self._params.several or isinstance(self._correct, list)
        text = _WORDS.sub(" ", text)
        parts = _BETWEEN.split(text) if several else [text]
        found = [_MARK.fullmatch(part) for part in parts if part.strip()]
        marks = [one[1].upper() for one in found if one is not None]
        if not marks or len(marks) != len(found):
            return ()
        if several and len(marks) == 1 and marks[0] in text and list(marks[0]) == sorted({*marks[0]}):
            marks = list(marks[0])  # "AC", but not "Bad"
        if all(mark in self.letters for mark in marks):
            return tuple(sorted({self.letters.index(mark) for mark in marks}))
        if not numbered or not all(mark.isdecimal() for mark in marks):
            return ()
        numbers = sorted({int(mark) - self._params.first for mark in marks})
        return tuple(map(self._places.index, numbers)) if {*numbers} <= {*self._places} else ()


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
    return pairs


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
