"""Sentences of clinical text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SHORT = frozenset(
    {"dr", "mr", "mrs", "ms", "prof", "st", "vs", "no", "fig", "approx", "resp", "ca", "cf", "e.g", "i.e", "al", "pt",
     "hx", "dx", "tx", "rt", "lt", "bilat", "post", "ant", "sup", "inf", "lat", "max", "avg", "temp", "wt", "ht"}
)  # fmt: skip
"""Abbreviations after which a sentence goes on; words that often end one (``etc``, ``cm``) are none."""
_END = re.compile(r"[.!?]+(?=[\"')\]]*(?:\s|$))|\n\s*\n|\n(?=\s*(?:\d+[.)]|[-*•])\s)|;\s*\n")
_NUMBERED = re.compile(r"\s*(?:\d{1,2}[.)]|[-*•])\s+")


def sentences(text: str) -> tuple[tuple[int, int], ...]:
    """Half-open character spans of the sentences, in order, without blanks or list numbers around them.

    A full stop ends no sentence in a decimal, after an abbreviation or a single letter, or after a number that opens an
    item of a list; a blank line and a new item of a list do.
    """
    return tuple(_spans(text))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _END.finditer(text):
        if text[match.start()] == "." and _goes_on(text, start, match.start()):
            continue
        span = _trimmed(text, start, match.end())
        if span is not None:
            yield span
        start = match.end()
    span = _trimmed(text, start, len(text))
    if span is not None:
        yield span


def _goes_on(text: str, start: int, stop: int) -> bool:
    before = re.search(r"(\S+)$", text[start:stop])
    if before is None:
        return False
    word = before[1].lower().lstrip("(\"'")
    first = not text[start : start + before.start()].strip()
    return word in _SHORT or (len(word) == 1 and word.isalpha() and word != "i") or (first and word.isdigit())


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    opened = _NUMBERED.match(text, start, end)
    start = opened.end() if opened else start
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if re.search(r"\w", text[start:end]) else None
