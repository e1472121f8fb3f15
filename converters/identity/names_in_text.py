"""Names of persons in text, told by what stands around them and by lists of names, without a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from medloom.converters.identity.identifier_patterns import Span, lexicon

_PARTICLE = r"(?:de|da|dos|del|della|der|den|di|du|la|le|van|von|bin|ibn|al|el|ter|ten|y|e)"
_WORD = r"[A-ZÀ-ÖØ-ÞŁŚŻĆ][\w’'-]*[a-zß-öø-ÿłśżćńęąó]"
_NAME = rf"(?:{_WORD}|[A-Z]\.)(?:[ \t]+(?:{_PARTICLE}[ \t]+){{0,2}}(?:{_WORD}|[A-Z]\.?(?![\w]))){{0,3}}"
_CAPS = r"[A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ'’-]+(?:,?[ \t]+[A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ'’.-]*){0,3}"
_TITLE = r"(?:Dr|Drs|Doctor|Mr|Mrs|Ms|Miss|Prof|Professor|Nurse|Herr|Frau|Sra|Mme)"
_DEGREE = (
    r"(?:M\.?D\.?|D\.?O\.?|Ph\.?D\.?|R\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|FRCR|FACR|FRCPC?|MBBS|MBChB|DDS|DPM|RDMS|"
    r"RT\(R\))"
)
_DONE_BY = (
    r"(?:ordered|dictated|signed|reported|reviewed|interpreted|read|transcribed|verified|approved|performed|prepared|"
    r"referred|requested|finali[sz]ed|authenticated|witnessed|scanned)(?:\s+and\s+\w+)?(?:\s+electronically)?\s+by"
)
_LABEL = (
    r"(?:patient(?:['’]s)?(?:\s+name)?|pt(?:\.|\s+name)?|name|surname|(?:first|last|given|family)\s+name|"
    r"(?:referring|ordering|attending|primary\s+care|requesting|performing|reading|consulting)\s+"
    r"(?:physician|doctor|provider|md|radiologist|clinician)|physician|radiologist|sonographer|technologist|"
    r"technician|provider|consultant|attending|resident|fellow|surgeon|pathologist|operator|author|transcriptionist|"
    rf"cc|re|regarding|copy\s+to|attn|attention|next\s+of\s+kin|emergency\s+contact|contact|guardian|spouse|{_DONE_BY})"
)
_KIN = (
    r"(?:wife|husband|daughter|son|mother|father|sister|brother|aunt|uncle|niece|nephew|partner|grandson|granddaughter|"
    r"neighbou?r|friend|colleague|nurse|resident|fellow|intern|caregiver|spouse|surgeon|driver)"
)
_TOLD = (
    r"(?:discussed with|communicated (?:to|with)|conveyed to|notified|informed|called to|telephoned to|relayed to|"
    r"reported to|spoke (?:to|with)|paged|phoned|called|call|contact|ask|told|accompanied by|seen by|asked by|met)"
)
_BEGUN = re.compile(
    r"[ \t]+(?:was|is|has|had|reports?|reported|denies|denied|notes|noted|noticed|says|said|states|stated|came|"
    r"presented|presents|lives|works|underwent|complains|complained|feels|felt|fell|returned|will|did|does)\b"
)
"""What a person does: a listed given name before it is one, even at the beginning of a sentence."""
_ALSO_NAMES = frozenset(("April", "August", "June", "May", "March", "Small", "New", "Old", "Young", "Ward", "Fellow"))
"""Of the words that begin no name, those that do behind a title."""


@cache
def _of_a_thing() -> re.Pattern[str]:
    """What follows a name that stands for a sign, a disease or a device: "'s cyst", " catheter", " III fracture"."""
    nouns = "|".join(lexicon()["named_things"])
    return re.compile(rf"(?:['’]s?)?[\s-]+(?:[a-z]+\s+)?(?:{nouns})s?\b", re.IGNORECASE)


@cache
def _of_several_words() -> re.Pattern[str]:
    said = "|".join(words.replace(" ", "[ -]") for words in lexicon()["eponyms_of_several_words"])
    return re.compile(rf"\b(?:{said})\b", re.IGNORECASE)


@cache
def _no_names() -> frozenset[str]:
    return frozenset(lexicon()["no_names"])


@cache
def _lists() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    said = lexicon()
    places = {word for city in (*said["cities"], *said["cities_of_several_words"]) for word in city.split()}
    return (
        frozenset(said["given"]),
        frozenset(said["family"]),
        frozenset(said["eponyms"]) | frozenset(places) | _no_names(),
    )


@cache
def _by_context() -> tuple[re.Pattern[str], ...]:
    """Patterns whose first group is a name, whatever lists of names say."""
    return tuple(
        re.compile(pattern)
        for pattern in (
            rf"\b{_TITLE}\.?[ \t]+({_NAME})",
            rf"\b(?:(?:DR|MR|MS)\.|(?:MRS|PROF)\.?)[ \t]+({_CAPS})",
            rf"(?i:\b{_LABEL})[ \t]*[:=][ \t]*(?:{_TITLE}\.?[ \t]+)?({_NAME}(?:,[ \t]*{_NAME})?)",
            rf"(?i:\b{_LABEL})[ \t]*[:=][ \t]*(?:DR\.?[ \t]+)?({_CAPS})",
            rf"(?i:\b{_DONE_BY})[ \t]+(?:{_TITLE}\.?[ \t]+)?({_NAME})",
            rf"\b({_NAME}),[ \t]*{_DEGREE}(?!\w)",
            rf"\b({_NAME})[ \t]+(?:M\.?D\.?|R\.?N\.?|NP|FRCR|MBBS)(?!\w)",
            r"\b([A-Z][A-Za-z'’-]+\^[A-Z][A-Za-z'’-]*(?:\^[A-Za-z.'’-]*){0,3})",
            rf"\b(?:named|[Nn]ame is|I am|[Ii]nitials)[ \t]+({_NAME})",
        )
    )


@cache
def _by_lists() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(rf"\b(?:[Tt]he\s+)?(?:patient|pt|{_KIN}),?[ \t]+({_NAME})"),
        re.compile(rf"(?i:\b{_TOLD})[ \t]+({_NAME})"),
        re.compile(rf"\b({_WORD},[ \t]+{_WORD}(?:[ \t]+[A-Z]\.?(?!\w))?)"),
        re.compile(rf"\b({_WORD}(?:[ \t]+[A-Z]\.)?(?:[ \t]+(?:{_PARTICLE}[ \t]+){{0,2}}{_WORD}){{1,2}})"),
        re.compile(r"\b([A-ZÀ-Þ]{2,},?[ \t]+(?:[A-ZÀ-Þ]\.?[ \t]+)?[A-ZÀ-Þ]{2,})\b"),
        re.compile(rf"\b([A-Z]\.[ \t]?(?:[A-Z]\.[ \t]?)?{_WORD})"),
        re.compile(rf"\b({_WORD})"),
    )


def names_in(text: str) -> Iterator[Span]:
    """Names of persons, in no particular order; they may overlap."""
    for pattern in _by_context():
        for found in pattern.finditer(text):
            span = _trimmed(text, *found.span(1))
            if span is not None:
                yield span
    things = [found.span() for found in _of_several_words().finditer(text)]
    yield from (span for span in _listed_in(text) if not any(start <= span.start < end for start, end in things))


def _listed_in(text: str) -> Iterator[Span]:
    """Names that are told by the lists."""
    given, family, known = _lists()
    of_persons, of_callers, last_first, first_last, in_capitals, initial, alone = _by_lists()
    for pattern in (of_persons, of_callers):
        for found in pattern.finditer(text):
            words = _words(found[1])
            listed = bool(words) and (words[0] in given or words[0] in family)
            of_kin = pattern is of_persons and not found[0].lower().startswith(("the ", "patient", "pt"))
            if words and words[0] not in known and (listed or (of_kin and _is_noun(text, found.end(1)))):
                span = _trimmed(text, *found.span(1))
                if span is not None:
                    yield span
    for pattern in (last_first, first_last, in_capitals):
        for start, end in _overlapping(pattern, text):
            words = [word.title() if word.isupper() else word for word in _words(text[start:end])]
            if _is_pair(words, pattern is last_first or "," in text[start:end]) and not _of_a_thing().match(text, end):
                yield Span(start, end, "NAME")
    for found in initial.finditer(text):
        word = _words(found[1])[-1]
        if word in family and word not in known:
            yield Span(*found.span(1), "NAME")
    for found in alone.finditer(text):
        word = re.sub(r"['’]s?$", "", found[1])
        begins = word in given and _BEGUN.match(text, found.end()) is not None
        alone_here = begins or _stands_alone(text, found.start(), found.end())
        if (word in given or word in family) and word not in known and alone_here:
            yield Span(found.start(), found.start() + len(word), "NAME")


def _is_pair(words: list[str], last_first: bool) -> bool:
    """Whether two to four capitalised words are a given and a family name."""
    given, family, known = _lists()
    words = [re.sub(r"['’]s?$", "", word) for word in words if len(word.rstrip(".")) > 1 and not word.islower()]
    if len(words) < 2 or any(word in _no_names() for word in words):
        return False
    first, last = (words[1], words[0]) if last_first else (words[0], words[-1])
    if last_first:
        return first in given and (last in family or last not in known)
    return (first in given and first not in known - family) or (
        first in family and last in family and first not in known and last not in known
    )


def _is_noun(text: str, end: int) -> bool:
    """Whether a word behind "her husband" can be his name: the sentence goes on, or ends there."""
    return _of_a_thing().match(text, end) is None


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether one word is a person's name: in a sentence, and not that of a sign, a device or a hyphenated eponym."""
    if (
        _of_a_thing().match(text, end)
        or text[end : end + 1] in ("-", "–", "/", "^")
        or text[start - 1 : start] in ("-", "–", "/")
    ):
        return False
    before = text[:start].rstrip(" \t")
    return bool(before) and before[-1] not in ".!?:;\n\r-•*" and not before.endswith(("Type", "type", "grade", "Grade"))


def _overlapping(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Matches that may begin within an earlier one: "Told Maria Gomez" is also "Maria Gomez"."""
    at = 0
    while found := pattern.search(text, at):
        yield found.span(1)
        behind = re.compile(r"\s").search(text, found.start(1) + 1)
        at = behind.end() if behind else len(text)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text) if word]


def _trimmed(text: str, start: int, end: int) -> Span | None:
    """The name without the words behind it that are none ("Smith Findings"), and None where nothing is left."""
    kept = 0
    for word in re.finditer(r"[^\s,]+", text[start:end]):
        plain = word[0].rstrip(".'’")
        plain = plain.title() if plain.isupper() and len(plain) > 1 else plain
        if plain in _no_names() and not (kept == 0 and plain in _ALSO_NAMES):
            break
        kept = word.end()
    return Span(start, start + kept, "NAME") if kept > 1 else None
