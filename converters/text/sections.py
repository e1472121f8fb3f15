"""Sections: the parts of a radiology report, by their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

HEADINGS: dict[str, tuple[str, ...]] = {
    "findings": ("findings", "finding", "observations", "description", "report", "chest findings",
                 "findings and impression", "findings and impressions", "findings & impression", "findings/impression",
                 "findings / impression", "impression and findings"),
    "impression": ("impression", "impressions", "conclusion", "conclusions", "opinion", "summary", "assessment",
                   "interpretation", "diagnosis", "final impression"),
    "comparison": ("comparison", "comparisons", "comparison studies", "comparison study", "prior", "priors",
                   "previous studies"),
    "indication": ("indication", "indications", "clinical indication", "history", "clinical history",
                   "reason for exam", "reason for examination", "reason for study", "clinical information",
                   "clinical data", "clinical statement", "indication for study", "reason for this examination",
                   "medical history", "past medical history"),
    "technique": ("technique", "techniques", "procedure", "procedure comments", "examination", "exam", "study",
                  "exam type", "protocol", "views"),
    "recommendation": ("recommendation", "recommendations", "notification", "attestation"),
    "preliminary": ("wet read", "preliminary report", "preliminary read"),
}  # fmt: skip
_KIND = {words: kind for kind, several in HEADINGS.items() for words in several}
_WORDS = "|".join(re.escape(words) for words in sorted(_KIND, key=len, reverse=True))
# At the start of a line, or after a full stop: a heading ends in a colon, or stands alone in capitals on its line. One
# that nobody knows is seen only where it shouts, at the start of a line and with a colon that is none of a time.
_HEADING = re.compile(
    rf"(?:^|(?<=[.\n])[ \t]*)[ \t]*(?P<colon>(?:{_WORDS})(?:[ \t]*\([^)\n]*\))?)[ \t]*:"
    rf"|^[ \t]*(?P<alone>(?:{_WORDS}))[ \t]*$"
    r"|^[ \t]*(?-i:(?P<final>FINAL REPORT)(?:[ \t]*\([^)\n]*\))?)[ \t]*(?::|$)"
    r"|^[ \t]*(?-i:(?P<unknown>[A-Z][A-Z0-9 ,/&()_-]{2,70}?))[ \t]*:(?!\d)",
    re.IGNORECASE | re.MULTILINE,
)
_EXAMINATION = re.compile(
    r"(?:(?:CHEST|THORAX|ABDOMEN|PELVIS|HEAD|BRAIN|NECK|SPINE|CT|CTA|MR|MRI|MRA|ULTRASOUND|SONOGRAM|X-?RAYS?|FILMS?"
    r"|RADIOGRAPHS?|RADIOGRAPHY|VIEWS?|PA|AP|FRONTAL|LATERAL|PORTABLE|UPRIGHT|SUPINE|ERECT|SEMI-?ERECT|SINGLE|ONE|TWO"
    r"|THREE|CONTRAST|IV|WITH|WITHOUT|AND|OF|THE|AT|ON|_+|\d+)(?:[ ,/&()-]+|$))+"
)
# What an unknown heading ends: findings go on below "LUNGS:", and a first reading goes on to the final report.
_ENDED = frozenset(("indication", "technique", "comparison", "recommendation", "other"))


class Section(msgspec.Struct, frozen=True):
    """One part of a report. `kind` is a key of `HEADINGS`, or ``report`` for what stands before any heading or below
    the name of the examination, ``other`` below a heading that nobody knows; `body` is characters `start` to `end` of
    the text, without blanks around it."""

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
    found = list(_HEADING.finditer(text.replace("\r", "\n")))  # as long as the text, so that places stay true
    final = max((match.start() for match in found if match["final"]), default=0)
    for match in found:
        words = match["colon"] or match["alone"]
        if match["alone"] and not words.strip().isupper():
            continue  # a word alone on its line is a heading only where it shouts
        if kind == "preliminary" and match.start() < final:
            continue  # the first reading may have sections of its own
        if match["unknown"] and (kind not in _ENDED or not text[at : match.start()].strip()):
            continue  # "COMPARISON:" may stand above the name of what it is with
        yield _trimmed(kind, text, at, match.start())
        kind, at = _kind_of(match), match.end()
    yield _trimmed(kind, text, at, len(text))


def _kind_of(match: re.Match[str]) -> str:
    if match["unknown"]:
        return "report" if _EXAMINATION.fullmatch(match["unknown"]) else "other"
    words = match["colon"] or match["alone"]
    return _KIND[re.sub(r"[ \t]*\(.*\)$", "", words).strip().lower()] if words else "report"


def _trimmed(kind: str, text: str, start: int, end: int) -> Section:
    body = text[start:end]
    lead = len(body) - len(body.lstrip())
    body = body.strip()
    return Section(kind, body, start + lead, start + lead + len(body))
