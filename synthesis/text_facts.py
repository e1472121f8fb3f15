"""Text facts: what the texts of a Sample state of concepts, each with the characters that prove it."""

from __future__ import annotations

from functools import cache

import msgspec

from medloom.converters.text.mentions import Lexicon, Mentioned
from medloom.converters.text.polarity import polarity
from medloom.schemas.record import Fact
from medloom.schemas.sample import Polarity, Text
from medloom.synthesis.vocabulary import load_vocabulary

STATED_KINDS = ("finding", "device")
"""Kinds of concepts of which a text can say that they are there or not."""


class TextFact(msgspec.Struct, frozen=True):
    """One concept as a text states it: polarity, the mentions that say so (in order), and the evidence."""

    concept: str
    polarity: Polarity
    mentions: tuple[Mentioned, ...]
    fact: Fact


@cache
def lexicon() -> Lexicon:
    """The words of all findings and devices of the vocabulary."""
    return Lexicon(concept for concept in load_vocabulary() if concept.kind in STATED_KINDS)


def text_facts(text: Text) -> tuple[TextFact, ...]:
    """What the text states, one for each concept, sorted. Silence states nothing.

    Of several mentions that agree the first is the evidence; where they disagree the concept is uncertain. What is said
    of another time or person states nothing.
    """
    by_concept: dict[str, list[tuple[Polarity, Mentioned]]] = {}
    for mention in lexicon().find(text.body, text.kind):
        said = polarity(mention.stance)
        if said is not None:
            by_concept.setdefault(mention.concept, []).append((said, mention))
    return tuple(_fact(text, concept, by_concept[concept]) for concept in sorted(by_concept))


def _fact(text: Text, concept: str, found: list[tuple[Polarity, Mentioned]]) -> TextFact:
    polarities = {said for said, _ in found}
    said: Polarity = polarities.pop() if len(polarities) == 1 else "uncertain"
    first = found[0][1]
    start, end = first.sentence
    fact = Fact(
        concept=concept,
        predicate="stated",
        polarity=said,
        value=text.body[start:end],
        file=text.pointer.split("#", 1)[0],
        pointer=f"{text.pointer};characters={first.start}:{first.end}",
        source_name=text.body[first.start : first.end],
    )
    return TextFact(concept, said, tuple(mention for _, mention in found), fact)


def text_fact(text: Text, predicate: str) -> Fact:
    """The evidence that a whole text is the source's own."""
    return Fact(
        concept="", predicate=predicate, value=text.kind, file=text.pointer.split("#", 1)[0], pointer=text.pointer
    )
