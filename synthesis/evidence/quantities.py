"""Quantities: the numbers of a text, with their units brought to millimetres."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

WORDS = {
    word: number
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty")
    )
}  # fmt: skip
WORDS |= {"single": 1, "solitary": 1, "pair": 2, "couple": 2, "dozen": 12, "once": 1, "twice": 2}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
WORDS |= _TENS | {f"{ten}-{one}": _TENS[ten] + WORDS[one] for ten in _TENS for one in list(WORDS)[1:10]}
_UNITS: tuple[tuple[str, str, float], ...] = (
    (r"(?:mm|millimet(?:er|re)s?)\s?(?:²|\^?2)|(?:square|sq\.?) (?:mm|millimet(?:er|re)s?)", "mm2", 1.0),
    (r"(?:cm|centimet(?:er|re)s?)\s?(?:²|\^?2)|(?:square|sq\.?) (?:cm|centimet(?:er|re)s?)", "mm2", 100.0),
    (r"(?:mm|millimet(?:er|re)s?)\s?(?:³|\^?3)|cubic (?:mm|millimet(?:er|re)s?)", "mm3", 1.0),
    (r"(?:cm|centimet(?:er|re)s?)\s?(?:³|\^?3)|cubic (?:cm|centimet(?:er|re)s?)|ccm?|m(?:l|L)|millilit(?:er|re)s?",
     "mm3", 1000.0),
    (r"lit(?:er|re)s?|[lL]", "mm3", 1e6),
    (r"mm|millimet(?:er|re)s?", "mm", 1.0), (r"cm|centimet(?:er|re)s?", "mm", 10.0),
    (r"µm|um|microns?|micromet(?:er|re)s?", "mm", 0.001), (r"m|met(?:er|re)s?", "mm", 1000.0),
    (r"inch(?:es)?", "mm", 25.4),
    (r"°|degrees?", "deg", 1.0), (r"%|percent|per cent", "percent", 1.0), (r"hu|hounsfield units?", "hu", 1.0),
    (r"(?:years?|yrs?)(?:[- ]old)?", "years", 1.0), (r"months?", "months", 1.0), (r"weeks?", "days", 7.0),
    (r"days?", "days", 1.0), (r"hours?", "hours", 1.0), (r"seconds?|secs?|s", "s", 1.0),
    (r"kg|kilograms?", "kg", 1.0), (r"mg|milligrams?", "mg", 1.0), (r"mmhg", "mmhg", 1.0),
)  # fmt: skip
_UNIT = "|".join(f"(?P<u{number}>{words})" for number, (words, _, _) in enumerate(_UNITS))
_SPELLED = "|".join(sorted(WORDS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?<![\w.])(?P<number>\d+(?:\.\d+)?|{_SPELLED})(?:(?:\s?-?\s?)(?:{_UNIT})(?![\w²³^]))?(?![\w]|\.\d)",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<!\w)(?:[A-Z]\d{1,2}(?:[-/][A-Z]?\d{1,2})?|\d{1,2}(?:st|nd|rd|th))(?!\w)")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
             "twelfth")  # fmt: skip


class Quantity(NamedTuple):
    """A number of a text. `unit` is mm, mm2, mm3, deg, percent, ... or empty; `value` is in it; `step` is half of the
    last digit that was written, in the same unit; characters are half-open."""

    value: float
    unit: str
    step: float
    start: int
    end: int


@lru_cache(maxsize=8192)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Numbers in figures and in words, in order; those inside of brackets are coordinates and none of them."""
    clean = re.sub(r"(\d),(?=\d{3}\b)", r"\1", text)
    clean = re.sub(r"(\d)\s*(?:×|x|by)\s*(?=\d+(?:\.\d+)?\s?(mm|cm)\b)", r"\1 \2 × ", clean)
    clean = re.sub(r"(\d)\s*(?:to|and|or|-)\s*(?=\d+(?:\.\d+)?\s?(mm|cm|ml)\b)", r"\1 \2 to ", clean)
    clean = re.sub(r"\[[^\[\]]*\]", lambda found: " " * len(found[0]), clean)
    return tuple(_read(match) for match in _NUMBER.finditer(clean))


def codes(text: str) -> frozenset[str]:
    """What numbers a thing and measures nothing: levels of the spine (L4), ordinals (9th)."""
    found = {match[0].upper() for match in _CODE.finditer(text)}
    for number, word in enumerate(_ORDINALS, 1):
        if re.search(rf"\b{word}\b", text, re.IGNORECASE):
            found.add(f"{number}{'ST' if number == 1 else 'ND' if number == 2 else 'RD' if number == 3 else 'TH'}")
    return frozenset(found)


def same(one: Quantity, value: float, unit: str) -> bool:
    """Whether a number that is written rounds from `value`, to its own last digit."""
    return one.unit == unit and abs(one.value - value) <= one.step * (1 + 1e-9)


def _read(match: re.Match[str]) -> Quantity:
    written = match["number"].lower()
    number = float(WORDS[written]) if written in WORDS else float(written)
    digits = len(written.split(".")[1]) if "." in written and written not in WORDS else 0
    unit, factor = "", 1.0
    for which, (_, name, by) in enumerate(_UNITS):
        if match[f"u{which}"] is not None:
            unit, factor = name, by
            break
    step = 0.5 * 10.0**-digits * factor if unit else 1e-9
    return Quantity(number * factor, unit, step, match.start(), match.end())
