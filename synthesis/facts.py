"""Facts: what a Sample states, under the concepts that its card maps names to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from medloom.schemas.card import SourceCard
from medloom.schemas.record import Fact
from medloom.schemas.sample import Polarity, Refusal, Sample, first_file
from medloom.synthesis.scene import Stated


@dataclass
class Naming:
    """The card's label map at work on one Sample. Names that it does not know are refused once each."""

    card: SourceCard
    sample: str
    refused: dict[str, Refusal] = field(default_factory=dict)

    def concept(self, name: str) -> str | None:
        """The concept of a source's name; None where the card leaves the name out or does not know it."""
        if name in self.card.labels:
            return self.card.labels[name]
        if name not in self.refused:
            self.refused[name] = Refusal(
                unit=self.sample,
                reason="unmapped_label",
                detail=f"label {name!r} is not in the card's `labels`",
                stage="convert",
                part=True,
            )
        return None

    def all_of(self, names: Iterable[str]) -> frozenset[str]:
        """The concepts of which every source name is among `names`: only those are judged as a whole."""
        given = set(names)
        if not given:
            return frozenset()
        return frozenset(concept for concept, needed in self.card.names_of.items() if given.issuperset(needed))


def stated_labels(sample: Sample, naming: Naming) -> tuple[tuple[Stated, ...], frozenset[str]]:
    """The Sample's labels by concept, sorted, and the concepts that are judged present or absent.

    A concept is present where any of its names is; absent where each of its names is absent or, under complete
    labels, not given; uncertain otherwise. What is neither stated nor complete stays unsaid.
    """
    by_concept: dict[str, dict[str, tuple[Polarity, str]]] = {}
    for label in sample.labels:
        concept = naming.concept(label.name)
        if concept is not None:
            by_concept.setdefault(concept, {})[label.name] = (label.polarity, label.pointer)
    exhaustive = set(sample.complete_labels)
    default_pointer = sample.labels[0].pointer if sample.labels else f"{first_file(sample)}#labels"
    for name, concept in naming.card.labels.items():
        if concept is not None and name in exhaustive:
            by_concept.setdefault(concept, {}).setdefault(name, ("absent", default_pointer))
    names_of = naming.card.names_of
    stated: list[Stated] = []
    for concept in sorted(by_concept):
        given = by_concept[concept]
        polarity = _joined([given[name][0] if name in given else None for name in names_of[concept]])
        if polarity is None:
            continue
        name = next(name for name in sorted(given) if given[name][0] == polarity)
        stated.append(Stated(concept, polarity, label_fact(concept, polarity, given[name][1], name)))
    return tuple(stated), frozenset(fact.concept for fact in stated if fact.polarity != "uncertain")


def label_fact(concept: str, polarity: Polarity, pointer: str, name: str) -> Fact:
    """The evidence of a label; the file is the part of its pointer before ``#``."""
    return Fact(
        concept=concept,
        predicate="labelled",
        polarity=polarity,
        file=pointer.split("#", 1)[0],
        pointer=pointer,
        source_name=name,
    )


def region_fact(concept: str, file: str, pointer: str, name: str | None, polarity: Polarity = "present") -> Fact:
    """The evidence of a region, or of there being none."""
    return Fact(concept=concept, predicate="region", polarity=polarity, file=file, pointer=pointer, source_name=name)


def _joined(polarities: list[Polarity | None]) -> Polarity | None:
    """Present if any name is; else uncertain if any is; absent only if every name is."""
    if "present" in polarities:
        return "present"
    if "uncertain" in polarities:
        return "uncertain"
    return "absent" if polarities and all(polarity == "absent" for polarity in polarities) else None
