"""Check: all that a text must be before it may become part of a record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from medloom.converters.text.revealing import REVEALS_SOURCE, SAYS_LABEL
from medloom.converters.text.sentences import sentences
from medloom.synthesis.evidence.claims import claims_of, part_called_finding
from medloom.synthesis.evidence.copies import copied, looped, near, words_of
from medloom.synthesis.evidence.ground import Ground
from medloom.synthesis.evidence.held import Fault, held
from medloom.synthesis.evidence.language import speaks
from medloom.synthesis.evidence.plain import plain
from medloom.synthesis.evidence.terms import term_book
from medloom.synthesis.evidence.words import coined

_REVEALS = re.compile(REVEALS_SOURCE)
_SAYS_LABEL = re.compile(SAYS_LABEL)
_COORDINATES = re.compile(
    r"\b(?:bounding[- ]box(?:es)?|bbox\w*|coordinates?|pixels?|x[_ ]?min|y[_ ]?min)\b|\bbox(?:es)?\b", re.IGNORECASE
)
_META = re.compile(
    r"\b(?:language model|i (?:can ?not|can't|am unable|am sorry|apologi[sz]e)|sorry,|ignore (?:the|all|any|previous)|"
    r"instructions?|the (?:given|provided|listed|above|supplied) (?:facts?|information|data|list|statements?|"
    r"answers?|text)|"
    r"according to the (?:facts?|list|data|information|text)|(?:the|these|listed|stated) facts? (?:say|state|list|"
    r"indicate|are)|"
    r"fact (?:number )?\d+|json|prompts?\b|the (?:expected|correct|right) answer|as instructed|you asked|"
    r"system message)",
    re.IGNORECASE,
)
_RESIDUE = re.compile(
    r"[{}]|<\|?[a-z_/]+\|?>|\[/?INST\]|^\s*(?:assistant|user|system)\s*:|\bNone\b|\\n|```", re.I | re.M
)
_ORDER = re.compile(
    r"(?:please )?(?:name|state|identify|describe|count|locate|tell|say|give|choose|select|determine|specify|list|"
    r"explain)\b",
    re.IGNORECASE,
)
_LITTLE = frozenset(("a", "an", "the", "there", "is", "are", "was", "were", "any", "of", "seen", "visible", "found"))
_REPORT = re.compile(r"\b(?:reports?|captions?)\b", re.IGNORECASE)


class Wanted(NamedTuple):
    """What a text is held to.

    `must` are the concepts that it has to name, each as the ground has it. `boxes` allows coordinates, `of_text` that
    it speaks of a report; `instructions` is what it must not copy, `unlike` a text that it must not repeat. `question`
    says that it asks: it then states nothing but what it takes for granted, and `about` are the concepts that it may
    ask for. `untold` are words that would give the answer away.
    """

    ground: Ground
    language: str = "en"
    must: tuple[str, ...] = ()
    boxes: bool = False
    of_text: bool = False
    instructions: str = ""
    unlike: str | None = None
    question: bool = False
    about: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    words: tuple[int, int] = (2, 200)


def faults(text: str, wanted: Wanted) -> tuple[Fault, ...]:
    """Everything that is wrong with the text; empty where it may stand."""
    found = list(_form(text, wanted))
    if not speaks(text, wanted.language):
        found.append(Fault("language", f"not {wanted.language}"))
    elif wanted.language == "en":
        found += _asked(text, wanted) if wanted.question else _stated(text, wanted)
    return tuple(dict.fromkeys(found))


def _form(text: str, wanted: Wanted) -> Iterator[Fault]:
    count = len(text.split()) if wanted.language not in ("zh", "ja") else len(text) // 2
    least, most = wanted.words
    if not least <= count <= most:
        yield Fault("format", f"{count} words, not {least} to {most}")
    said = [text[start:end] for start, end in sentences(text)]
    for number, one in enumerate(said):
        again = next((other for other in said[:number] if near(one, other) >= 0.6 and len(one.split()) > 3), None)
        if again is not None and (_told(one) <= _told(again) or _told(again) <= _told(one)):
            yield Fault("format", f"says again: {one}")
            break
        meant = _told(one) - _LITTLE
        if len(meant) > 1 and meant in [_told(other) - _LITTLE for other in said[:number]]:
            yield Fault("format", f"says again: {one}")
            break
    round_and_round = looped(text)
    if round_and_round is not None:
        yield Fault("format", f"goes round: {round_and_round}")
    if _RESIDUE.search(text):
        yield Fault("format", f"marks of a prompt: {_RESIDUE.search(text)[0]!r}")  # type: ignore[index]
    patterns = [_META] + ([] if wanted.of_text else [_REVEALS, _SAYS_LABEL, _REPORT])
    patterns += [] if wanted.boxes else [_COORDINATES]
    for pattern in patterns:
        match = pattern.search(text)
        if match is not None:
            yield Fault("reveals", match[0].strip())
    run = copied(text, wanted.instructions) if wanted.instructions else None
    if run is not None:
        yield Fault("copied", run)
    if wanted.unlike is not None and near(text, wanted.unlike) >= 0.9:
        yield Fault("copied", "the same words again")


def _told(text: str) -> set[str]:
    return set(words_of(text))


def _stated(text: str, wanted: Wanted) -> Iterator[Fault]:
    said = claims_of(text)
    yield from held(said, wanted.ground, wanted.boxes, numerous=bool(wanted.must))
    if wanted.ground.whole:
        yield from (Fault("added", word) for word in coined(text, wanted.ground.words))
    for start, end in sentences(text):
        mixed = part_called_finding(text[start:end])
        if mixed is not None:
            yield Fault("format", f"a part of the body is no finding: {mixed}")
    for concept in wanted.must:
        stances = {one.stance for one in wanted.ground.claims if one.term == concept}
        if not any(claim.stance in stances and (claim.term == concept or concept in term_book().above(claim.term))
                   for claim in said.claims):  # fmt: skip
            yield Fault("omitted", term_book().name(concept))


def _asked(text: str, wanted: Wanted) -> Iterator[Fault]:
    """A question may name what it asks for and parts of the body; all else that it says must be proved."""
    ordered = _ORDER.match(text) and text.rstrip().endswith(".") and "?" not in text
    if not ordered and (not text.rstrip().endswith("?") or text.count("?") > 1):
        yield Fault("format", "not one question")
    book = term_book()
    said = claims_of(text)
    about = frozenset().union(*(book.above(concept) for concept in wanted.about)) if wanted.about else frozenset()
    named = {claim.term for claim in said.claims}
    for concept in wanted.about:
        if not named & (book.above(concept) | {concept}):
            yield Fault("omitted", term_book().name(concept))
    for claim in said.claims:
        if claim.term in about:
            if claim.stance == "absent":
                yield Fault("polarity", f"{claim.words} (asked the other way round)")
            if claim.sides or claim.marks or claim.many is not None:
                yield from held(
                    said._replace(claims=(claim,), numbers=(), spots=()), wanted.ground._replace(whole=False)
                )
        elif claim.sort in ("finding", "guard") and claim.term not in {one.term for one in wanted.ground.claims}:
            yield Fault("added", claim.words)
    bare = said._replace(claims=(), codes=frozenset())
    yield from held(bare, wanted.ground._replace(whole=False), wanted.boxes)
    lowered = plain(text).lower()
    for word in wanted.untold:
        if re.search(rf"(?<!\w){re.escape(word.lower())}(?!\w)", lowered):
            yield Fault("answer", f"gives away {word!r}")
