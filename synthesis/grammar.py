"""Grammar: the few rules of English that templates need."""

from __future__ import annotations

from collections.abc import Sequence

from medloom.schemas.vocabulary import Concept

_VOWEL_SOUNDS = frozenset("aeiou")
_LETTERS_WITH_VOWEL_SOUND = frozenset("AEFHILMNORSX")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def indefinite(concept: Concept) -> str:
    """The concept's name with "a" or "an"; with "the" where a body has one of it; bare where it takes none."""
    if concept.kind in ("organ", "structure") and not concept.countable:
        return definite(concept)
    return concept.name if concept.mass else f"{article(concept.name)} {concept.name}"


def definite(concept: Concept) -> str:
    """The concept's name with "the", or bare where it takes no article."""
    return concept.name if concept.mass else f"the {concept.name}"


def article(words: str) -> str:
    """ "a" or "an", by the sound that the first word begins with; a word in capitals is spelled out."""
    first = words.split()[0]
    if first[0].isupper() and not first[1:2].islower():
        return "an" if first[0] in _LETTERS_WITH_VOWEL_SOUND else "a"
    return "an" if first[0].lower() in _VOWEL_SOUNDS and not first.lower().startswith(("uni", "ute", "eu")) else "a"


def listed(items: Sequence[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def counted(concept: Concept, count: int) -> str:
    """ "one red blood cell", "13 red blood cells", "no platelets"."""
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    return f"{number} {concept.name if count == 1 else concept.plural}"


def millimetres(value: float) -> str:
    """A length for a sentence, one decimal: the unrounded number stands beside it in the record."""
    return f"{value:.1f} mm"
