"""Briefed: from a Scene, or from a record that templates have made of it, to the Brief that an engine gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from medloom.converters.pixels.measure import place
from medloom.schemas.record import MEDIA_TAGS, Fact, Record
from medloom.schemas.view import View
from medloom.schemas.vocabulary import Concept
from medloom.synthesis.acquired import acquired, picture_words
from medloom.synthesis.brief import Brief, Finding, Shown
from medloom.synthesis.grammar import counted, indefinite, listed
from medloom.synthesis.scene import Case, Instance, Scene
from medloom.synthesis.task import Context
from medloom.synthesis.template import sentence
from medloom.synthesis.told import judged, present, sides_around
from medloom.synthesis.writer import Writer

MOST_PLACES = 6
"""Places beyond which a sentence names none of them."""


def shown(view: View) -> Shown:
    """What a Brief keeps of a view."""
    return Shown(id=view.id, sha256=view.sha256, kind=view.kind, width=view.width, height=view.height)


def brief_of(writer: Writer, of: Scene | Case, views: Sequence[View], key: str, **fields: Any) -> Brief:
    """A Brief with what every one carries; `fields` are the writer's own."""
    terms = of.terms
    return Brief(
        id=key,
        task=writer.name,
        version=writer.version,
        source=terms.source,
        sample=of.sample.key,
        views=tuple(shown(view) for view in views),
        licence=terms.licence,
        access=terms.access,  # type: ignore[arg-type]
        redistribute=terms.redistribute,  # type: ignore[arg-type]
        patient=terms.patient,
        study=terms.study,
        published_split=of.sample.split,
        **fields,
    )


def told_of(scene: Scene, context: Context, first: Sequence[str] = (), most: int = 12) -> dict[str, Any]:
    """The fields `facts`, `findings` and `known` of a Brief: what the picture is proved to show and not to show.

    Concepts of `first` come first; at most `most` findings, those that are shown before those that aren't.
    """
    facts: list[Fact] = []
    findings: list[Finding] = []
    taken = acquired(scene)
    for _, fact in taken.values():
        facts.append(fact)
    shows = present(scene, context.vocabulary)
    known = [(concept, polarity, fact) for concept, polarity, fact in judged(scene, context.vocabulary, context.census)]
    stated = {concept for concept, _, _ in known}
    rows = known + [(concept, "present", found[0]) for concept, found in shows.items() if concept not in stated]
    rows.sort(key=lambda row: (row[0] not in first, row[1] != "present", row[0]))
    for concept, polarity, fact in rows[:most]:
        number = len(facts)
        facts.append(fact)
        findings.append(_finding(scene, context, context.vocabulary[concept], polarity, number))
    values = [(name, fact.value if name == "modality" else words) for name, (words, fact) in taken.items()]
    if taken:
        values.append(("picture", picture_words(taken)))
    return {
        "facts": tuple(facts),
        "findings": tuple(findings),
        "known": tuple((name, value) for name, value in values if value is not None),
    }


def _finding(scene: Scene, context: Context, meant: Concept, polarity: str, fact: int) -> Finding:
    instances = scene.by_concept.get(meant.id, ()) if polarity == "present" else ()
    width, height = scene.view.width, scene.view.height
    spots = [place(one.centroid, width, height) for one in instances]
    grids = list(dict.fromkeys(spot.grid for spot in spots))
    known = bool(instances) and meant.countable and scene.countable(meant.id)
    return Finding(
        concept=meant.id,
        polarity=polarity,  # type: ignore[arg-type]
        says=_says(meant, polarity, instances, grids, known),
        fact=fact,
        side=_side(scene, context, meant, instances),
        places=tuple(dict.fromkeys(words for spot in spots for words in (spot.grid, spot.quadrant))),
        count=len(instances) if known else None,
        boxes=tuple(one.box for one in instances),
    )


def _says(meant: Concept, polarity: str, instances: Sequence[Instance], grids: list[str], known: bool) -> str:
    if polarity == "absent":
        return f"There is no {meant.name}."
    several = meant.countable and sum(one.whole_object for one in instances) > 1
    name = counted(meant, len(instances)) if known else meant.plural if several else indefinite(meant)
    where = f", in the {listed(grids)} of the picture" if grids and len(grids) <= MOST_PLACES else ""
    verb = "are" if several else "is"
    return f"{sentence(name)} {verb} shown{where}."


def _side(scene: Scene, context: Context, meant: Concept, instances: Sequence[Instance]) -> Any:
    """The patient's side that one-sided structures around all instances prove; None where they don't."""
    if meant.side or meant.kind != "finding" or not scene.view.orientation or not instances:
        return None
    found: set[str] = set()
    for one in instances:
        around = sides_around(one, scene, context.vocabulary)
        if len(around) != 1:
            return None
        found.update(around)
    return "both" if len(found) == 2 else next(iter(found))


def lines(brief: Brief, of: Sequence[str] | None = None) -> list[str]:
    """What a prompt says of a brief: the picture, then its findings, all or those `of` some concepts, and its
    measurements, one sentence each."""
    known = dict(brief.known)
    first = [f"The picture is {known['picture']}."] if "picture" in known else []
    told = [finding.says for finding in brief.findings if of is None or finding.concept in of]
    return [*first, *told, *(_measured(brief))]


def _measured(brief: Brief) -> Iterator[str]:
    units = {"mm": "mm", "mm2": "mm²", "mm3": "mm³", "deg": "°", "count": "", "ratio": ""}
    for one in brief.measurements:
        if one.unit != "count":
            yield f"Measured {one.name.replace('_', ' ')}: {one.value:.1f} {units[one.unit]}".rstrip() + "."


def asked(record: Record) -> str:
    """The first question of a record without the marks of media."""
    text = record.turns[0].text
    for tag in MEDIA_TAGS.values():
        text = text.replace(f"{tag}\n", "").replace(tag, "")
    return text.strip()
