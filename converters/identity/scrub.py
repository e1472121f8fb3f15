"""Scrub: free text with every name, date, number and place in it replaced by what kind of thing it was."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from medloom.converters.identity.identifier_patterns import KINDS, Kind, Span, of_a_form
from medloom.converters.identity.names_in_text import names_in

_PLAIN = re.compile(r"[A-Z0-9@]")
_PLACEHOLDER = re.compile(r"\[(?:" + "|".join(KINDS) + r")\]")
_RANK = {kind: number for number, kind in enumerate(("EMAIL", "URL", "ID", "DATE", "TIME", "PHONE", "HOSPITAL", "PLACE",
                                                     "NAME", "AGE"))}  # fmt: skip


class Scrubbed(msgspec.Struct, frozen=True):
    """A scrubbed text and the kinds of what was found, in order: one for each placeholder."""

    text: str
    kinds: tuple[Kind, ...] = ()


@lru_cache(maxsize=4096)
def scrub(text: str) -> Scrubbed:
    """The text with ``[NAME]``, ``[DATE]``, ``[TIME]``, ``[ID]``, ``[PHONE]``, ``[EMAIL]``, ``[URL]``, ``[PLACE]``,
    ``[HOSPITAL]`` and ``[AGE]`` (90 or older) where such a thing stood.

    It works by rule and list, so that the same text gives the same result everywhere: forms of dates, numbers and
    addresses, titles and roles before a name, and lists of names and cities. Eponyms, units, measurements, levels of
    the spine, grades and years alone stay: 45 CFR 164.514(b)(2) lets years stand. What was scrubbed before is not found
    again. English; forms that need no words (numbers, addresses of e-mail) in any language.
    """
    if not _PLAIN.search(text):  # nothing begins with a capital or holds a figure
        return Scrubbed(text)
    spans = _disjoint([*of_a_form(text), *names_in(text)], text)
    if not spans:
        return Scrubbed(text)
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], f"[{span.kind}]"]
        at = span.end
    return Scrubbed("".join([*parts, text[at:]]), tuple(span.kind for span in spans))


def _disjoint(spans: list[Span], text: str) -> list[Span]:
    """Of overlapping spans the longer, then the surer; then neighbours of one kind as one."""
    taken: list[Span] = []
    kept = [(found.start(), found.end()) for found in _PLACEHOLDER.finditer(text)]
    for span in sorted(spans, key=lambda one: (one.start - one.end, _RANK[one.kind], one.start)):
        clear = all(span.end <= other.start or other.end <= span.start for other in taken)
        if clear and all(span.end <= start or end <= span.start for start, end in kept):
            taken.append(span)
    joined: list[Span] = []
    for span in sorted(taken, key=lambda one: one.start):
        last = joined[-1] if joined else None
        if last is not None and last.kind == span.kind and not text[last.end : span.start].strip(" ,"):
            joined[-1] = Span(last.start, span.end, span.kind)
        else:
            joined.append(span)
    return joined
