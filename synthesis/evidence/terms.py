"""Terms: what a text may call a finding, a part of the body or a cell, in the vocabulary's words and in many more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from medloom.schemas.vocabulary import Vocabulary
from medloom.synthesis.vocabulary import load_vocabulary

Sort = Literal["finding", "anatomy", "guard", "normal"]
FINDINGS = ("finding", "device", "class")
ANATOMY = ("organ", "structure", "cell")
_NO_PLURAL = re.compile(r"(?:ss|is|us|as)$|^(?:gas|thorax)$", re.IGNORECASE)
_PLURAL = re.compile(r"(?:s|ata|nuclei|thoraces|metastases)$", re.IGNORECASE)


class Hit(NamedTuple):
    """A term at half-open characters of a sentence. `plural` is that of the word itself."""

    term: str
    sort: Sort
    start: int
    end: int
    plural: bool


class TermBook:
    """All terms. `related` knows which of them say the same less exactly."""

    def __init__(self, vocabulary: Vocabulary, page: Mapping[str, Any]) -> None:
        self.vocabulary = vocabulary
        words = {term: list(several) for term, several in page["words"].items()}
        sorts: dict[str, Sort] = dict.fromkeys(words, "finding")
        for concept in vocabulary:
            if concept.kind in FINDINGS or concept.kind in ANATOMY:
                named = {concept.name, concept.plural, *concept.synonyms} - set(page["ignored"])
                words.setdefault(concept.id, []).extend(re.escape(word).replace(r"\ ", " ") for word in sorted(named))
                sorts.setdefault(concept.id, "finding" if concept.kind in FINDINGS else "anatomy")
        self.sorts = sorts
        self._patterns = [(term, _pattern(several)) for term, several in words.items()]
        self.normal = [(term, _pattern(several)) for term, several in page["normal"].items()]
        guard = page["guard"]
        self._guard = re.compile(
            rf"\b(?:{'|'.join(guard['heads'])}|[a-z]{{2,}}(?:{'|'.join(guard['endings'])}))\b", re.IGNORECASE
        )
        self._innocent = frozenset(guard["innocent"])
        self.counted = frozenset(page["counted"])
        self._parents = dict(page["parents"])
        self._find = lru_cache(maxsize=8192)(self._search)

    def name(self, term: str) -> str:
        """The term in words."""
        return self.vocabulary[term].name if term in self.vocabulary else term.replace("_", " ")

    def find(self, sentence: str) -> tuple[Hit, ...]:
        """The terms of a sentence in order; of those that overlap the longest."""
        return self._find(sentence)

    def _search(self, sentence: str) -> tuple[Hit, ...]:
        hits = [
            Hit(term, self.sorts[term], match.start(), match.end(), is_plural(match[0]))
            for term, pattern in self._patterns
            for match in pattern.finditer(sentence)
        ]
        hits += [
            Hit(f"word:{match[0].lower()}", "guard", match.start(), match.end(), is_plural(match[0]))
            for match in self._guard.finditer(sentence)
            if match[0].lower() not in self._innocent
        ]
        return _longest(hits)

    def above(self, term: str) -> frozenset[str]:
        """The terms that say the same less exactly, itself among them."""
        found, waiting = {term}, [term]
        while waiting:
            one = waiting.pop()
            up = [self._parents.get(one), *(self.vocabulary.ancestors(one) if one in self.vocabulary else ())]
            fresh = [other for other in up if other is not None and other not in found]
            found.update(fresh)
            waiting += fresh
        return frozenset(found)


@cache
def term_book() -> TermBook:
    """The terms of the built-in vocabulary and of ``terms.yaml``."""
    import yaml

    page = yaml.load((files("medloom.synthesis.evidence") / "terms.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    return TermBook(load_vocabulary(), page)


def is_plural(words: str) -> bool:
    """Whether the last word of a term is a plural, by its ending."""
    last = words.split()[-1]
    return bool(_PLURAL.search(last)) and not _NO_PLURAL.search(last)


def _pattern(several: Iterable[str]) -> re.Pattern[str]:
    spelled = "|".join(sorted((_spaced(word) for word in several), key=len, reverse=True))
    return re.compile(rf"(?<![\w-])(?:{spelled})(?![\w])", re.IGNORECASE)


def _spaced(words: str) -> str:
    return words.replace(" ?", r"[\s-]*").replace(" ", r"[\s-]+")


def _longest(hits: list[Hit]) -> tuple[Hit, ...]:
    kept: list[Hit] = []
    order = {"finding": 0, "anatomy": 1, "guard": 2}
    for hit in sorted(
        hits, key=lambda hit: (hit.start - hit.end, order[hit.sort], hit.start, -len(hit.term), hit.term)
    ):
        if all(hit.end <= other.start or other.end <= hit.start for other in kept):
            kept.append(hit)
    return tuple(sorted(kept, key=lambda hit: hit.start))
