"""Ground: what the facts of a brief, or a text that is the source's own, prove."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from medloom.schemas.record import Measurement
from medloom.synthesis.brief import Brief
from medloom.synthesis.evidence.claims import Claim, claims_of
from medloom.synthesis.evidence.quantities import Quantity, codes
from medloom.synthesis.evidence.terms import term_book
from medloom.synthesis.evidence.words import words_in

TAKEN: dict[str, dict[str, str]] = {
    "modality": {
        "ct": r"ct|(?:computed|computerised|computerized) tomograph(?:y|ic)|cat scan",
        "mr": r"mri?|magnetic[- ]resonance(?:[- ]imag(?:e|ing))?",
        "xray": r"x-?\s?rays?|radiographs?|radiograph(?:y|ic)|plain films?|chest films?|roentgen\w*",
        "ultrasound": r"ultraso(?:und|nograph\w*|nic)|sonograph?\w*|sonograms?|echograph\w*|pocus",
        "fundus": r"fundus(?: photograph\w*)?|retinal photograph\w*",
        "oct": r"oct|optical coherence tomography",
        "dermoscopy": r"dermo?s?cop(?:y|ic)|dermatoscop\w*",
        "microscopy": r"microscop\w*|(?:blood )?smears?|micrographs?|photomicrographs?",
        "histopathology": r"histo(?:patho)?log\w*|biops(?:y|ies)|h&e",
        "endoscopy": r"endoscop\w*|colonoscop\w*|gastroscop\w*",
        "mammography": r"mammogra\w*",
        "pet": r"pet|positron emission \w*",
        "nuclear": r"scintigra\w*|nuclear medicine|bone scan",
    },
    "view": {
        "front": r"frontal|antero-?posterior|postero-?anterior|ap|pa",
        "side": r"lateral(?: (?:view|projection|radiograph|film|picture|image)s?)",
    },
    "plane": {"axial": r"axial|transverse", "coronal": r"coronal", "sagittal": r"sagittal"},
    "sequence": {
        "t1": r"t1(?:-?\s?w(?:eighted)?)?", "t2": r"t2\*?(?:-?\s?w(?:eighted)?)?", "flair": r"flair",
        "dwi": r"dwi|diffusion-?\s?weighted", "pd": r"proton[- ]density(?:-weighted)?",
    },
}  # fmt: skip
_TAKEN = tuple(
    (kind, name, re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE))
    for kind, several in TAKEN.items()
    for name, words in several.items()
)
NEAR = {"histopathology": {"microscopy"}}
"""What a modality may be called as well."""
UNSIDED = frozenset(("microscopy", "histopathology", "dermoscopy", "endoscopy", "photograph"))
"""Modalities whose pictures have no patient's left and right: there left and right are the picture's."""
UNITS = {"mm": "mm", "mm2": "mm2", "mm3": "mm3", "deg": "deg"}


class Ground(NamedTuple):
    """What may be said. `whole` says that all of it must be: the ground is a text that is said again.

    `taken` are how the picture was taken, as (kind, name) of `TAKEN`; `spots` the words for the places of a term's
    instances, one set each; `boxes` half-open xyxy in stored pixels; `unsided` that left and right are the picture's;
    `parts` are terms of the body that may be named; `numbers` may be written without a unit; `words` are those of the
    text, where one is said again.
    """

    claims: tuple[Claim, ...] = ()
    whole: bool = False
    quantities: tuple[tuple[float, str], ...] = ()
    numbers: frozenset[float] = frozenset()
    codes: frozenset[str] = frozenset()
    taken: frozenset[tuple[str, str]] = frozenset()
    spots: tuple[tuple[str, frozenset[str]], ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    unsided: bool = False
    parts: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


@lru_cache(maxsize=4096)
def taken(text: str) -> frozenset[tuple[str, str]]:
    """How a text says that a picture was taken."""
    return frozenset((kind, name) for kind, name, pattern in _TAKEN if pattern.search(text))


def of_text(*texts: str, whole: bool = True, also: Iterable[tuple[str, str]] = ()) -> Ground:
    """The ground that the source's own words are: everything that they claim, and `also` how the picture was taken."""
    read = [claims_of(text) for text in texts]
    said = " ".join(one.plain for one in read)
    return Ground(
        claims=tuple(claim for one in read for claim in one.claims),
        whole=whole,
        quantities=tuple((number.value, number.unit) for one in read for number in one.numbers if number.unit),
        numbers=frozenset(number.value for one in read for number in one.numbers if not number.unit),
        codes=frozenset().union(*(one.codes for one in read)),
        taken=taken(said) | frozenset(also),
        spots=tuple(("", spot.words) for one in read for spot in one.spots),
        words=words_in(" ".join(texts)),
    )


def of_brief(brief: Brief) -> Ground:
    """The ground that annotations are: findings with side, place and count, measurements, how the picture was taken."""
    book = term_book()
    claims, spots, parts = [], [], set[str]()
    for finding in brief.findings:
        meant = book.vocabulary[finding.concept]
        both = frozenset() if finding.side is None else frozenset({finding.side})
        claims.append(
            Claim(
                finding.concept, book.sorts.get(finding.concept, "finding"), finding.polarity, meant.name, 0,
                sides=both, sizes=_sizes(brief, finding.concept), many=finding.count, plural=(finding.count or 0) > 1,
            )
        )  # fmt: skip
        spots += [(finding.concept, frozenset(place.split())) for place in finding.places]
        parts |= _parts(finding.concept)
    known = dict(brief.known)
    modality = known.get("modality", "")
    for words in (known.get("body_part", ""), *(value for _, value in brief.given)):
        parts |= {hit.term for hit in book.find(words) if hit.sort == "anatomy"}
    numbers = {float(finding.count) for finding in brief.findings if finding.count is not None}
    return Ground(
        claims=tuple(claims),
        quantities=tuple((one.value, UNITS[one.unit]) for one in brief.measurements if one.unit in UNITS),
        codes=frozenset().union(*(_codes(finding.concept) for finding in brief.findings)),
        numbers=frozenset(numbers | {one.value for one in brief.measurements if one.unit in ("count", "ratio")}),
        taken=_known(known),
        spots=tuple(spots),
        boxes=tuple(box for finding in brief.findings for box in finding.boxes),
        unsided=modality in UNSIDED,
        parts=frozenset(parts),
    )


def joined(*grounds: Ground) -> Ground:
    """What all of them prove together."""
    return Ground(
        claims=tuple(claim for one in grounds for claim in one.claims),
        whole=any(one.whole for one in grounds),
        quantities=tuple(pair for one in grounds for pair in one.quantities),
        numbers=frozenset().union(*(one.numbers for one in grounds)),
        codes=frozenset().union(*(one.codes for one in grounds)),
        taken=frozenset().union(*(one.taken for one in grounds)),
        spots=tuple(spot for one in grounds for spot in one.spots),
        boxes=tuple(box for one in grounds for box in one.boxes),
        unsided=all(one.unsided for one in grounds),
        parts=frozenset().union(*(one.parts for one in grounds)),
    )


def measured(several: Iterable[Measurement]) -> tuple[tuple[float, str], ...]:
    """(value, unit) of measurements that have a unit."""
    return tuple((one.value, UNITS[one.unit]) for one in several if one.unit in UNITS)


def _known(known: dict[str, str]) -> frozenset[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    modality = known.get("modality")
    if modality:
        found |= {("modality", name) for name in ({modality} | NEAR.get(modality, set()))}
    for kind in ("view", "plane", "sequence"):
        if kind in known:
            words = "lateral view" if known[kind] == "lateral" else known[kind]
            found |= {one for one in taken(words) if one[0] == kind}
    return frozenset(found)


def _sizes(brief: Brief, concept: str) -> tuple[Quantity, ...]:
    """The measurements of a concept, by the fact that proves them."""
    return tuple(
        Quantity(one.value, UNITS[one.unit], 0.0, 0, 0)
        for one in brief.measurements
        if one.unit in UNITS and 0 <= one.fact < len(brief.facts) and brief.facts[one.fact].concept == concept
    )


def _codes(concept: str) -> frozenset[str]:
    meant = term_book().vocabulary[concept]
    return codes(" ".join((meant.name, *meant.synonyms)))


def _parts(concept: str) -> set[str]:
    """The parts of the body that go with a concept: itself, what it is a part of, and the organ that it lies in."""
    book = term_book()
    vocabulary = book.vocabulary
    found = set(book.above(concept))
    organ = vocabulary[concept].organ
    if organ is not None and organ in vocabulary:
        found |= {organ, *vocabulary.ancestors(organ)}
    return found
