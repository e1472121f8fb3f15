"""Words: whether a word is one, so that what a model makes up is not taken for medicine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from medloom.synthesis.evidence.terms import term_book
from medloom.synthesis.vocabulary import load_vocabulary

_WORD = re.compile(r"[a-z]+")
SHORTEST = 6  # letters: shorter ones are abbreviations as often as not


@cache
def english_words() -> frozenset[str]:
    """The list of general English that ships in pyspellchecker."""
    from spellchecker import SpellChecker

    return frozenset(SpellChecker(language="en", distance=1).word_frequency.words())


@cache
def vocabulary_words() -> frozenset[str]:
    """Words of the vocabulary's names, synonyms, attributes and definitions, and their plurals."""
    said = " ".join(
        " ".join((one.name, one.plural, *one.synonyms, *one.attributes, one.definition or ""))
        for one in load_vocabulary()
    )
    words = words_in(said)
    return frozenset(words | {f"{word}s" for word in words} | {f"{word}es" for word in words})


def words_in(text: str) -> frozenset[str]:
    """The words of a text, in small letters."""
    return frozenset(_WORD.findall(text.lower()))


def coined(text: str, given: frozenset[str]) -> Iterator[str]:
    """Words of an English text that are in no list, are no term of the evidence check, and aren't among those given."""
    for word in sorted(words_in(text) - given):
        if len(word) >= SHORTEST and not _known(word):
            yield word


@cache
def _known(word: str) -> bool:
    return word in english_words() or word in vocabulary_words() or bool(term_book().find(word))
