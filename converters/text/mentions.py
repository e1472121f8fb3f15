"""Mentions: where a text names a concept, in any of the concept's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from medloom.converters.text.polarity import Stance, stance
from medloom.converters.text.sentences import sentences
from medloom.schemas.vocabulary import Concept

ELSEWHERE = frozenset(("indication", "comparison", "history", "recommendation", "preliminary", "other"))
"""Sections that are not about what this picture shows, or that nobody has signed."""


class Mentioned(msgspec.Struct, frozen=True):
    """A concept in a text: half-open character spans of the mention and of its sentence, and how the text stands."""

    concept: str
    start: int
    end: int
    stance: Stance
    sentence: tuple[int, int]


class Lexicon:
    """The words of some concepts: names, plurals and synonyms, longest first; a mention within a longer one is none."""

    def __init__(self, concepts: Iterable[Concept]) -> None:
        self._concept: dict[str, str] = {}
        for concept in concepts:
            for words in (concept.name, concept.plural, *concept.synonyms):
                self._concept.setdefault(_plain(words), concept.id)
        longest = sorted(self._concept, key=lambda words: (-len(words), words))
        spelled = "|".join(r"[\s-]+".join(re.escape(word) for word in re.split(r"[\s-]+", words)) for words in longest)
        self._pattern = re.compile(rf"(?<![\w-])(?:{spelled})(?:e?s)?(?![\w-])", re.IGNORECASE) if longest else None

    def find(self, text: str, section: str = "report") -> tuple[Mentioned, ...]:
        """Every mention in the text of a section, in order."""
        return tuple(self._found(text, section)) if self._pattern else ()

    def _found(self, text: str, section: str) -> Iterator[Mentioned]:
        assert self._pattern is not None
        for start, end in sentences(text):
            said = text[start:end]
            for match in self._pattern.finditer(said):
                words = _plain(match[0])
                concept = self._concept.get(words) or self._concept.get(re.sub(r"e?s$", "", words))
                concept = concept or self._concept.get(re.sub(r"s$", "", words))
                if concept is not None:
                    stands = stance(said, match.start(), match.end(), section in ELSEWHERE)
                    yield Mentioned(concept, start + match.start(), start + match.end(), stands, (start, end))


def _plain(words: str) -> str:
    return re.sub(r"[\s-]+", " ", words.strip().lower())
