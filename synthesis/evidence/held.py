"""Held: the claims of a text against what is proved; every fault by kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from medloom.synthesis.evidence.attributes import NEEDED
from medloom.synthesis.evidence.claims import Claim, Claims
from medloom.synthesis.evidence.ground import Ground, taken
from medloom.synthesis.evidence.quantities import Quantity
from medloom.synthesis.evidence.terms import term_book

Kind = Literal[
    "added", "polarity", "lost", "side", "zone", "mark", "mark_lost", "plural", "count", "number", "number_lost",
    "modality", "place", "box", "omitted", "reveals", "language", "copied", "answer", "schema", "format",
]  # fmt: skip
WITHIN = 0.51
"""Pixels by which a box's edge may differ: boxes are written to whole pixels or to one decimal."""
ROUNDED = 0.1
"""Share by which a rounded number may differ from what it is rounded from."""
SIDES = frozenset(("left", "right"))


class Fault(NamedTuple):
    """One thing that a text says and the facts don't, or the other way round."""

    kind: Kind
    said: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.said}"


def held(said: Claims, ground: Ground, boxes: bool = False, numerous: bool = False) -> tuple[Fault, ...]:
    """What of the text is not proved. `boxes` allows coordinates, of what is proved to lie there; `numerous` wants what
    is known to be several to be spoken of as several."""
    return tuple(
        dict.fromkeys([
            *_findings(said, ground), *_numbers(said, ground), *_places(said, ground), *_boxes(said, ground, boxes),
            *(Fault("modality", name) for _, name in sorted(taken(said.plain) - ground.taken)),
            *(_kept(said, ground) if ground.whole else _numerous(said, ground) if numerous else ()),
        ])
    )  # fmt: skip


def _findings(said: Claims, ground: Ground) -> Iterator[Fault]:
    for claim in said.claims:
        if claim.sort == "anatomy":
            with_finding = any(one.sentence == claim.sentence and one.sort != "anatomy" for one in said.claims)
            yield from _anatomy(claim, ground, with_finding)
            continue
        near = [one for one in ground.claims if _entails(one, claim)]
        if not near:
            denied = [
                one for one in ground.claims if claim.term in term_book().above(one.term) | _below(one.term, claim)
            ]
            yield Fault("polarity" if denied else "added", f"{claim.words} ({claim.stance})")
            continue
        faults = [list(_beyond(claim, one, ground)) for one in near]
        yield from min(faults, key=len)


def _anatomy(claim: Claim, ground: Ground, with_finding: bool) -> Iterator[Fault]:
    """Parts of the body are claims of their own only where they are what is annotated; else they may be named, and are
    not denied but with a finding (`with_finding`: "no effusion in the left lung")."""
    if ground.whole:
        return
    near = [one for one in ground.claims if claim.term in term_book().above(one.term)]
    same = [one for one in near if one.stance == claim.stance]
    if near and not same and claim.stance in ("absent", "present"):
        yield Fault("polarity", f"{claim.words} ({claim.stance})")
    elif same:
        yield from min((list(_beyond(claim, one, ground)) for one in same), key=len)
    elif claim.term not in ground.parts or (claim.stance == "absent" and not with_finding):
        yield Fault("added", claim.words)
    elif claim.many is not None:
        yield Fault("count", f"{claim.many} {claim.words}")


def _entails(proved: Claim, claim: Claim) -> bool:
    """Whether one follows from the other: less exact where it is there, more exact where it isn't."""
    if proved.stance != claim.stance:
        return False
    if claim.stance == "absent":
        return proved.term in term_book().above(claim.term)
    return claim.term in term_book().above(proved.term)


def _below(term: str, claim: Claim) -> frozenset[str]:
    return frozenset({claim.term}) if term in term_book().above(claim.term) else frozenset()


def _beyond(claim: Claim, proved: Claim, ground: Ground) -> Iterator[Fault]:
    """What a claim says beyond what is proved of the same thing."""
    sides = _sides(claim) - _sides(proved)
    if sides and not ground.unsided:
        yield Fault("side", f"{', '.join(sorted(sides))} {claim.words}")
    if ground.unsided and (claim.sides or claim.zones) and not ground.whole:
        words = frozenset(claim.sides | claim.zones)
        if not any(words <= place for term, place in ground.spots if term == proved.term):
            yield Fault("place", f"{', '.join(sorted(words))} {claim.words}")
    elif zones := claim.zones - proved.zones - _own_zones(claim):
        yield Fault("zone", f"{', '.join(sorted(zones))} {claim.words}")
    marks = claim.marks - proved.marks - _implied(proved)
    if marks:
        yield Fault("mark", f"{', '.join(sorted(marks))} {claim.words}")
    narrowed = {mark for mark in proved.marks - claim.marks if mark.startswith(NEEDED)} - _own_marks(claim)
    if claim.stance == "absent" and narrowed:
        yield Fault("mark_lost", f"no {', '.join(sorted(narrowed))} {claim.words}")
    if claim.many is not None and claim.many != proved.many:
        yield Fault("count", f"{claim.many} {claim.words}")
    if claim.many == 1 and claim.plural:
        yield Fault("plural", f"one and several: {claim.words}")
    known = ground.whole or proved.many is not None
    several = claim.plural and not proved.plural and claim.many is None and claim.term in term_book().counted
    if several and known and claim.stance in ("present", "uncertain"):
        yield Fault("plural", f"several: {claim.words}")
    for size in claim.sizes:
        if (proved.sizes or not ground.whole) and not any(_same(size, one.value, one.unit) for one in proved.sizes):
            yield Fault("number", f"{size.value:g} {size.unit} {claim.words}")


def _numerous(said: Claims, ground: Ground) -> Iterator[Fault]:
    """What is known to be several and is spoken of as one."""
    for proved in ground.claims:
        if proved.stance == "present" and (proved.many or 0) > 1:
            mine = [one for one in said.claims if one.term == proved.term and one.stance == "present"]
            if mine and not any(one.plural for one in mine):
                yield Fault("plural", f"{mine[0].words} has become one")


def _kept(said: Claims, ground: Ground) -> Iterator[Fault]:
    """What the ground says and the text has lost."""
    for proved in ground.claims:
        if proved.sort in ("anatomy", "guard"):
            continue
        kept = [one for one in said.claims if one.sort != "anatomy" and _keeps(one, proved)]
        if not kept:
            yield Fault("lost", f"{proved.words} ({proved.stance})")
            continue
        best = _best(kept, proved)
        sides = _sides(proved) - frozenset().union(*(_sides(one) for one in best))
        if sides:
            yield Fault("side", f"{proved.words} has lost {', '.join(sorted(sides))}")
        zones = proved.zones - frozenset().union(*(one.zones | _own_zones(one) for one in best))
        if zones:
            yield Fault("zone", f"{proved.words} has lost {', '.join(sorted(zones))}")
        marks = {mark for mark in proved.marks if mark.startswith(NEEDED)}
        marks -= frozenset().union(*(one.marks | _implied(one) for one in best))
        if marks and proved.stance != "absent":
            yield Fault("mark_lost", f"{proved.words} has lost {', '.join(sorted(marks))}")
        several = any(one.plural for one in kept)
        if proved.plural and proved.stance != "absent" and proved.term in term_book().counted and not several:
            yield Fault("plural", f"{proved.words} has become one")
        if proved.many is not None and not any(one.many == proved.many for one in kept):
            yield Fault("count", f"{proved.words} has lost {proved.many}")


def _keeps(one: Claim, proved: Claim) -> bool:
    return one.stance == proved.stance and (one.term == proved.term or proved.term in term_book().above(one.term))


def _best(kept: Sequence[Claim], proved: Claim) -> list[Claim]:
    """Those that don't say more than was said of this one: of two effusions each keeps its own side."""
    fitting = [one for one in kept if _sides(one) <= _sides(proved) and one.marks <= proved.marks | _implied(proved)]
    return fitting or list(kept)


def _numbers(said: Claims, ground: Ground) -> Iterator[Fault]:
    for number in said.numbers:
        if number.unit and not any(_same(number, value, unit) for value, unit in ground.quantities):
            yield Fault("number", f"{number.value:g} {number.unit}")
        written = said.plain[number.start : number.end] if number.end <= len(said.plain) else ""
        if not number.unit and written.strip()[:1].isdigit() and number.value not in ground.numbers:
            yield Fault("number", f"{number.value:g}")
    for code in sorted(said.codes - ground.codes):
        yield Fault("number", code)
    if ground.whole:
        for value, unit in ground.quantities:
            if not any(_same(number, value, unit) for number in said.numbers):
                yield Fault("number_lost", f"{value:g} {unit}")
        for code in sorted(ground.codes - said.codes):
            yield Fault("number_lost", code)


def _same(number: Quantity, value: float, unit: str) -> bool:
    near = abs(number.value - value) <= max(1e-9, min(number.step * (1 + 1e-9), ROUNDED * abs(value)))
    return number.unit == unit and near


def _places(said: Claims, ground: Ground) -> Iterator[Fault]:
    """Places in the picture: where an instance of the thing lies, and its own where the text says whose it is."""
    for spot in said.spots:
        terms = {spot.of.term} if spot.of is not None else set()
        own = [
            words for term, words in ground.spots
            if not term or not terms or any(other in term_book().above(term) for other in terms)
        ]  # fmt: skip
        if not any(spot.words <= words for words in own):
            yield Fault("place", spot.said)


def _boxes(said: Claims, ground: Ground, allowed: bool) -> Iterator[Fault]:
    for box in said.boxes:
        near = any(all(abs(a - b) <= WITHIN for a, b in zip(box, one, strict=True)) for one in ground.boxes)
        if not allowed or not near:
            yield Fault("box", ", ".join(f"{edge:g}" for edge in box))


def _sides(claim: Claim) -> frozenset[str]:
    return SIDES if "both" in claim.sides else claim.sides & SIDES


def _own_zones(claim: Claim) -> frozenset[str]:
    """Zones that are part of what the thing is called."""
    return frozenset({"costophrenic"}) if claim.term == "blunted_angle" else frozenset()


def _own_marks(claim: Claim) -> frozenset[str]:
    return frozenset({"look:calcified"}) if claim.term == "granuloma_calcified" else frozenset()


def _implied(claim: Claim) -> frozenset[str]:
    """Marks that say no more than what is known: several of what is on both sides, or counted."""
    found = set(_own_marks(claim))
    if claim.plural or (claim.many or 0) > 1:
        found.add("spread:many")
    return frozenset(found)
