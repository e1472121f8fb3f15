"""Identifiers that have a form: dates, times, numbers, addresses of every kind, institutions, high ages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

Kind = Literal["NAME", "DATE", "TIME", "ID", "PHONE", "EMAIL", "URL", "PLACE", "HOSPITAL", "AGE"]
KINDS: tuple[Kind, ...] = ("NAME", "DATE", "TIME", "ID", "PHONE", "EMAIL", "URL", "PLACE", "HOSPITAL", "AGE")


class Span(msgspec.Struct, frozen=True):
    """Characters `start` (inclusive) to `end` (exclusive) of a text, and what kind of identifier stands there."""

    start: int
    end: int
    kind: Kind


@cache
def lexicon() -> dict[str, tuple[str, ...]]:
    """The lists of lexicon.yaml: names, cities, states, eponyms, and words that are none of these."""
    found = _read("lexicon.yaml")
    return {name: tuple(words.split() if isinstance(words, str) else words) for name, words in found.items()}


def of_a_form(text: str) -> Iterator[Span]:
    """Identifiers that have a form, in no particular order; they may overlap."""
    for kind, pattern, group in _patterns():
        for found in pattern.finditer(text):
            start, end = found.span(group)
            if kind == "HOSPITAL":
                start = _named_from(text, start, end)
            if start < end:
                yield Span(start, end, kind)


@cache
def _patterns() -> tuple[tuple[Kind, re.Pattern[str], int], ...]:
    """(kind, pattern, the group that is hidden), those of any case first."""
    said, listed = lexicon(), _read("patterns.yaml")
    parts: dict[str, str] = listed["parts"] | {
        "STATES": _any_of(said["states"]),
        "STATE_NAMES": _any_of([state for state in said["states"] if not state.isupper()]),
        "CITIES": _any_of([*said["cities"], *said["cities_of_several_words"]]),
    }
    found = []
    for case, flags in (("any_case", re.IGNORECASE), ("as_written", 0)):
        for kind, group, pattern in listed[case]:
            whole = re.sub(r"<([A-Z_]+)>", lambda part: parts[part[1]], pattern)
            found.append((kind, re.compile(whole, flags), group))
    return tuple(found)


def _any_of(words: Any) -> str:
    """The longest first, so that a longer name is not cut short."""
    return "|".join(sorted(map(re.escape, words), key=lambda word: (-len(word), word)))


def _read(name: str) -> dict[str, Any]:
    import yaml

    text = files("medloom.converters.identity").joinpath(name).read_text("utf-8")
    found: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return found


def _named_from(text: str, start: int, end: int) -> int:
    """Where an institution's own name begins; `end` where it has none ("the Hospital", "Pain Clinic")."""
    common = frozenset(lexicon()["of_no_institution"])
    for word in re.finditer(r"\S+", text[start:end]):
        if word[0][0].isupper() and word[0].rstrip(".,:;") not in common:
            return start + word.start()
    return end
