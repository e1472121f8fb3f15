"""Sections: the parts of a radiology report, by their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

HEADINGS: dict[str, tuple[str, ...]] = {
    "findings": ("findings", "finding", "observations", "description", "report", "chest findings"),
    "impression": ("impression", "impressions", "conclusion", "conclusions", "opinion", "summary", "assessment",
                   "interpretation", "diagnosis", "final impression", "wet read"),
    "comparison": ("comparison", "comparisons", "comparison studies", "comparison study", "prior", "priors",
                   "previous studies"),
    "indication": ("indication", "indications", "clinical indication", "history", "clinical history",
                   "reason for exam", "reason for examination", "reason for study", "clinical information",
                   "clinical data", "clinical statement", "indication for study"),
    "technique": ("technique", "techniques", "procedure", "procedure comments", "examination", "exam", "study",
                  "exam type", "protocol", "views"),
    "recommendation": ("recommendation", "recommendations", "notification", "attestation"),
}  # fmt: skip
_KIND = {words: kind for kind, several in HEADINGS.items() for words in several}
_WORDS = "|".join(re.escape(words) for words in sorted(_KIND, key=len, reverse=True))
# At the start of a line, or after a full stop: a heading ends in a colon, or stands alone in capitals on its line.
_HEADING = re.compile(
    rf"(?:^|(?<=[.\n])[ \t]*)[ \t]*(?P<colon>(?:{_WORDS})(?:[ \t]*\([^)\n]*\))?)[ \t]*:"
    rf"|^[ \t]*(?P<alone>(?:{_WORDS}))[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


class Section(msgspec.Struct, frozen=True):
    """One part of a report. `kind` is a key of `HEADINGS`, or ``report`` for what stands before any heading; `body` is
    characters `start` to `end` of the text, without blanks around it."""

    kind: str
    body: str
    start: int
    end: int


def sections(text: str) -> tuple[Section, ...]:
    """The sections of a report in their order; one of kind ``report`` where it has no headings. Empty ones are left
    out, so a section that is not among them says nothing."""
    return tuple(part for part in _parts(text) if part.body)


def _parts(text: str) -> Iterator[Section]:
    kind, at = "report", 0
    for match in _HEADING.finditer(text.replace("\r", "\n")):  # as long as the text, so that places stay true
        words = match["colon"] or match["alone"]
        if match["alone"] and not words.strip().isupper():
            continue  # a word alone on its line is a heading only where it shouts
        yield _trimmed(kind, text, at, match.start())
        kind, at = _KIND[re.sub(r"[ \t]*\(.*\)$", "", words).strip().lower()], match.end()
    yield _trimmed(kind, text, at, len(text))


def _trimmed(kind: str, text: str, start: int, end: int) -> Section:
    body = text[start:end]
    lead = len(body) - len(body.lstrip())
    body = body.strip()
    return Section(kind, body, start + lead, start + lead + len(body))
