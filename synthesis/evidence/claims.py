"""Claims: what a text says is there, is not there or may be there, and what it says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from medloom.converters.text.polarity import Stance, stance
from medloom.converters.text.sentences import sentences
from medloom.synthesis.evidence.attributes import attributes
from medloom.synthesis.evidence.plain import plain
from medloom.synthesis.evidence.quantities import Quantity, codes, quantities
from medloom.synthesis.evidence.terms import Hit, Sort, TermBook, term_book

NORMAL = re.compile(
    r"(?<!ab)(?<![\w-])(?:normal(?:ly)?(?: in size| in appearance)?|unremarkable|within (?:the )?(?:normal|limits|"
    r"range)"
    r"[\w ]{0,20}|intact|clear|maintained|preserved|well (?:aerated|expanded|inflated|ventilated)|not (?:enlarged|"
    r"widened|"
    r"remarkable|abnormal)|without (?:an? )?(?:\w+ ){0,2}(?:abnormalit(?:y|ies)|enlargement)|free of (?:\w+ ){0,2}"
    r"abnormalit(?:y|ies)|(?:shows?|has|have|with|of|is|are) no (?:visible )?abnormalit(?:y|ies)|negative)(?![\w-])",
    re.IGNORECASE,
)
NOT_NORMAL = re.compile(r"(?:\bnot|\bno longer|\bhardly|\bless than|n't)\s+(?:\w+\s)?$|\bno\s+$", re.IGNORECASE)
NO_ABNORMALITY = re.compile(
    r"\b(?:no|without|free of|negative for)\b[^.;]{0,60}?\b(?:abnormalit(?:y|ies)|disease|patholog(?:y|ies))\b",
    re.IGNORECASE,
)
PLACE = re.compile(
    r"\b(?:(?P<down>upper|lower|top|bottom|middle|central|mid)(?:most)?[\s-]+)?(?P<across>left|right|cent(?:er|re)|"
    r"middle)?"
    r"[\s-]*(?:-?hand )?(?P<part>part|corner|quadrant|third|half|side|area|region|edge|portion|section|ninth|end)?"
    r"\s*(?:of|in|within) (?:the|this) (?:picture|image|frame|photo(?:graph)?|field(?: of view)?|view|slice|smear|scan|"
    r"display|canvas|micrograph|film)\b"
    r"|\b(?P<down2>upper|lower|top|bottom)[\s-]+(?P<across2>left|right)\b(?: (?:part|corner|third|edge|area|ninth))?"
    r"(?! (?:upper |lower |middle )?(?:lobe|lung|zone|field|chest|abdomen|extremity|quadrant|ribs?|hemithorax))"
    r"|\b(?P<across3>left|right)[\s-](?:hand|half)\b(?: (?:side|edge|part))?|\bon the (?P<across4>left|"
    r"right) in the (?:picture|image)",
    re.IGNORECASE,
)
_ONE_PLACE = r"(?:(?:upper|lower|top|bottom|middle)[\s-]+(?:left|right|cent(?:er|re))|cent(?:er|re))"
BEFORE_PLACE = re.compile(rf"(?:{_ONE_PLACE}(?:,\s*(?:and\s+)?|\s+and\s+)(?:in the |the )?)+$", re.IGNORECASE)
EACH_PLACE = re.compile(_ONE_PLACE, re.IGNORECASE)
BOX = re.compile(
    r"[\[(]\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*[\])]"
)
_STOP = re.compile(
    r"[,;:()]|\b(?:and|or|but|with|without|while|is|are|was|were|has|have|in|on|at|of|within|over|the)\b", re.I
)
_IS = re.compile(r"\s+(?:is|are|was|were)\s+(?:an? )?(?:(?!no\b|not\b|without\b)[a-z-]+ ){0,2}", re.IGNORECASE)
_WITHIN = re.compile(
    r"\b(?:in|within|of|at|on|over|near|along|by|from|to|with|throughout|around|behind|beneath|for)\b[^.;]*$",
    re.IGNORECASE,
)
_NAMED = ("down", "down2", "across", "across2", "across3", "across4")
_MANY = frozenset(("spread:many",))


class Claim(NamedTuple):
    """One statement of a text: a term, how the text stands to it, and what it says of it.

    `sides` are left, right and both; `zones` parts of the body; `marks` degree, course, spread and look; `sizes`
    quantities; `many` the number of them, where one is said; `plural` whether it is spoken of as several.
    """

    term: str
    sort: Sort
    stance: Stance
    words: str
    sentence: int
    sides: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    sizes: tuple[Quantity, ...] = ()
    many: int | None = None
    plural: bool = False


class Spot(NamedTuple):
    """A place in the picture: rows and columns that it names, as upper, middle, lower, left, centre, right."""

    words: frozenset[str]
    said: str
    of: Hit | None = None


class Claims(NamedTuple):
    """Everything that a text claims."""

    claims: tuple[Claim, ...]
    numbers: tuple[Quantity, ...]
    codes: frozenset[str]
    spots: tuple[Spot, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    plain: str


@lru_cache(maxsize=2048)
def claims_of(text: str) -> Claims:
    """The claims of an English text. Needs no facts, and guesses none: what it isn't sure of is uncertain."""
    said = plain(text)
    book = term_book()
    found: list[Claim] = []
    spots: list[Spot] = []
    for number, (start, end) in enumerate(sentences(said)):
        sentence = said[start:end]
        last = _last(found)
        here, places = _sentence(sentence, number, book, None if last is None else found[last])
        if here and last is not None and not here[0].words:
            found[last] = _merged(found[last], here[0])
            here = here[1:]
        found += here
        spots += places
    boxes = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in BOX.findall(said))
    without = BOX.sub(" ", said)
    return Claims(tuple(found), quantities(without), codes(without), tuple(spots), boxes, said)


def _last(found: Sequence[Claim]) -> int | None:
    """The claim that a sentence without a term goes on about: the last that is more than a part of the body."""
    if not found:
        return None
    back = range(len(found) - 1, -1, -1)
    told = (at for at in back if found[at].sort != "anatomy" and found[at].sentence == found[-1].sentence)
    return next(told, len(found) - 1)


def _sentence(sentence: str, number: int, book: TermBook, before: Claim | None) -> tuple[list[Claim], list[Spot]]:
    """Claims of one sentence; the first stands for the last claim `before` it where it has attributes and no term."""
    places = list(_place_words(sentence))
    taken = [(start, end) for start, end, _ in places]
    hits = [hit for hit in book.find(sentence) if not any(a <= hit.start < b for a, b in taken)]
    normal = _normal(sentence, hits, book)
    covered = {claim.start for claim in normal}
    said_normal = [match.span() for match in NORMAL.finditer(sentence)] if normal else []
    hits = [
        hit for hit in hits
        if not (hit.sort in ("anatomy", "guard") and hit.start in covered)
        and not (hit.sort == "guard" and any(a <= hit.start < b for a, b in said_normal))
    ]  # fmt: skip
    terms = sorted([*hits, *normal], key=lambda hit: hit.start)
    whats = [hit for hit in terms if hit.sort in ("finding", "guard", "normal")] or terms
    gathered: dict[Hit, dict[str, set[str]]] = {hit: {"side": set(), "zone": set(), "mark": set()} for hit in terms}
    loose: dict[str, set[str]] = {"side": set(), "zone": set(), "mark": set()}
    for one in attributes(sentence):
        if any(a <= one.start < b for a, b in taken):
            continue
        inside = [hit for hit in terms if hit.start <= one.start < hit.end]
        if inside and inside[0].sort == "anatomy" and whats is terms:
            continue  # "left lung": the side is the lung's own
        own = inside and one.group == "mark" and inside[0].sort != "anatomy"
        if own and not sentence[one.start : one.end].lower().endswith("ly"):
            continue  # "old granulomatous disease": the word is the term's
        owner = inside[0] if inside and inside[0].sort != "anatomy" else _owner(one.start, one.end, sentence, whats)
        (gathered[owner] if owner else loose)[one.group].add(one.name)
    sizes: dict[Hit, list[Quantity]] = {}
    counts: dict[Hit, int] = {}
    for quantity in quantities(BOX.sub(lambda found: " " * len(found[0]), sentence)):
        if quantity.unit:
            owner = _owner(quantity.start, quantity.end, sentence, whats)
            if owner:
                sizes.setdefault(owner, []).append(quantity)
        elif owner := _counted(quantity, sentence, terms):
            counts[owner] = int(quantity.value)
    made = [_claim(hit, sentence, number, gathered[hit], tuple(sizes.get(hit, ())), counts.get(hit)) for hit in terms]
    if not terms and before is not None and any(loose.values()):
        made = [
            before._replace(
                words="", sentence=number, sides=frozenset(loose["side"]), zones=frozenset(loose["zone"]),
                marks=frozenset(loose["mark"]),
            )
        ]  # fmt: skip
    spots = [
        Spot(words, sentence[start:end].strip(), _owner(start, end, sentence, terms)) for start, end, words in places
    ]
    return made, spots


def _claim(
    hit: Hit, sentence: str, number: int, said: dict[str, set[str]], sizes: tuple[Quantity, ...], count: int | None
) -> Claim:
    stands: Stance = "absent" if hit.sort == "normal" else stance(sentence, hit.start, hit.end)
    if count == 0:
        stands, count = "absent", None
    plural = hit.plural or (count or 0) > 1 or "both" in said["side"] or bool(_MANY & said["mark"])
    return Claim(
        hit.term, hit.sort, stands, sentence[hit.start : hit.end], number, frozenset(said["side"]),
        frozenset(said["zone"]), frozenset(said["mark"]), sizes, count, plural,
    )  # fmt: skip


def _normal(sentence: str, hits: Sequence[Hit], book: TermBook) -> list[Hit]:
    """What the sentence says to be normal: each subject of a normal predicate, as a denial of its abnormality."""
    predicates = [
        match for match in NORMAL.finditer(sentence) if not NOT_NORMAL.search(sentence[: match.start()])
        and not match[0].lower().startswith("negative")
    ]  # fmt: skip
    denials = list(NO_ABNORMALITY.finditer(sentence))
    if not predicates and not denials:
        return []
    found: list[Hit] = []
    blocked = [hit for hit in hits if hit.sort == "finding"]
    for term, pattern in book.normal:
        for match in pattern.finditer(sentence):
            if any(hit.start < match.end() and match.start() < hit.end for hit in blocked):
                continue
            if any(_subject(match, predicate, sentence) for predicate in predicates):
                found.append(Hit(term, "normal", match.start(), match.end(), False))
                break
            if any(denial.start() <= match.start() < denial.end() + 40 for denial in denials):
                found.append(Hit(term, "normal", match.start(), match.end(), False))
                break
    return found


def _subject(match: re.Match[str], predicate: re.Match[str], sentence: str) -> bool:
    """Whether what is matched is the subject of a predicate: before it up to a clause's end, or right after it."""
    if match.end() <= predicate.start():
        between = sentence[match.end() : predicate.start()]
        ended = re.search(r"[;]|\b(?:but|however|although|which|with|there (?:is|are|was|were))\b", between)
        return not ended and len(between) < 110
    between = sentence[predicate.end() : match.start()]
    return len(between) < 45 and not re.search(
        r"[.;:]|,\s*(?:and )?(?:no|with)|\b(?:but|without|no|of|with|there)\b", between
    )


def _owner(start: int, end: int, sentence: str, terms: Sequence[Hit]) -> Hit | None:
    """The term that an attribute belongs to: the next one if nothing but words stand between, else the one before it,
    else the next."""
    after = [hit for hit in terms if hit.start >= end]
    before = [hit for hit in terms if hit.end <= start]
    if after and not _STOP.search(sentence[end : after[0].start]):
        return after[0]
    if after and before:
        # "left and right", "small to moderate": a row of attributes goes where its last one goes.
        between = sentence[end : after[0].start]
        row = re.findall(r"[\w-]+", between)
        words = [word for word in row if word not in ("and", "to", "or")]
        if words and len(row) <= 4 and re.fullmatch(r"[\s,\w-]*", between) and _one_group(sentence[start:end], *words):
            return after[0]
        return before[-1]
    return before[-1] if before else (after[0] if after else None)


@lru_cache(maxsize=4096)
def _one_group(*words: str) -> bool:
    """Whether all words are attributes of one group: "left and right", "small to moderate"."""
    groups = [
        {(one.group, one.name.split(":")[0] if one.group == "mark" else "") for one in attributes(word)}
        for word in words
    ]
    return bool(set.intersection(*groups))


def _counted(quantity: Quantity, sentence: str, terms: Sequence[Hit]) -> Hit | None:
    """The term that a bare number counts: "three small nodules", "nodules: 3", "3 of the platelets"."""
    for hit in terms:
        if hit.start >= quantity.end:
            between = sentence[quantity.end : hit.start]
            if len(between.split()) <= 4 and not re.search(
                r"[,;:.()]|\b(?:is|are|in|at|on|and|the|lung|with)\b", between
            ):
                return hit
            return None
    for hit in reversed(terms):
        if hit.end <= quantity.start:
            between = sentence[hit.end : quantity.start]
            if re.fullmatch(r"\s*(?::|=|\(|,?\s*(?:of which there are|numbering|totall?ing|count(?:s|ed)?(?: (?:is|"
                r"of|at))?|"
                            r"number(?:s)?(?: (?:is|of))?|(?:are|is) (?:counted|numbered)(?: as| at)?|add up to|"
                            r"total|amount to|"
                            r"come to|there are))\s*", between):  # fmt: skip
                return hit
            return None
    return None


def _place_words(sentence: str) -> Iterator[tuple[int, int, frozenset[str]]]:
    """(start, end, words) of each place in the picture; of a row of them ("the upper left and centre of the picture")
    each has the characters of all."""
    for match in PLACE.finditer(sentence):
        if any(match[name] for name in _NAMED):
            row = BEFORE_PLACE.search(sentence[: match.start()])
            start = row.start() if row else match.start()
            yield start, match.end(), frozenset(_spot(match[0]))
            for one in EACH_PLACE.finditer(row[0]) if row else ():
                yield start, match.end(), frozenset(_spot(one[0]))


def _spot(words: str) -> Iterator[str]:
    """Rows and columns of the 3×3 grid that words name."""
    said = set(re.findall(r"[a-z]+", re.split(r"\b(?:of|in|within) (?:the|this)\b", words.lower())[0]))
    row = {"upper": "upper", "top": "upper", "lower": "lower", "bottom": "lower"}
    down = {row[word] for word in said if word in row}
    across = said & {"left", "right"}
    yield from down | across
    if said & {"center", "centre", "central", "middle", "mid"}:
        yield "middle" if across else "centre"


def part_called_finding(sentence: str) -> str | None:
    """The words of a sentence that takes a part of the body for something in it ("the lobe is a granuloma")."""
    hits = term_book().find(sentence)
    for part, thing in pairwise(hits):
        if part.sort != "anatomy" or thing.sort != "finding" or thing.term not in term_book().counted:
            continue
        inverted = _WITHIN.search(sentence[: part.start])
        if _IS.fullmatch(sentence[part.end : thing.start]) and not inverted:
            return sentence[part.start : thing.end]
    return None


def _merged(one: Claim, more: Claim) -> Claim:
    return one._replace(
        sides=one.sides | more.sides, zones=one.zones | more.zones, marks=one.marks | more.marks,
        plural=one.plural or more.plural,
    )  # fmt: skip
