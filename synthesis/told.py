"""Told: what may be said of a Scene as a whole, each with the fact that proves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from medloom.schemas.record import Fact
from medloom.schemas.sample import Polarity
from medloom.schemas.vocabulary import Vocabulary
from medloom.synthesis.compose import absence
from medloom.synthesis.scene import Point, Scene, Stated
from medloom.synthesis.task import Census

SAID_OF_FINDINGS = ("finding", "organ", "structure", "cell", "device", "class")
"""Kinds of concepts that one sees in a picture; modality, view and quality are said otherwise."""
KINDS = {
    "finding": "finding",
    "organ": "organ",
    "structure": "structure",
    "cell": "type of cell",
    "device": "device",
    "class": "class",
    "modality": "imaging modality",
    "view": "part of the body",
}
"""What a question calls a kind of concept."""


def diagnoses(scene: Scene) -> list[Stated]:
    """Labels that are the patient's and not the picture's, where they are present."""
    return [one for one in scene.labels if scene.labels_of_patient and one.polarity == "present"]


def present(scene: Scene, vocabulary: Vocabulary) -> dict[str, list[Fact]]:
    """Concepts that the picture shows with all facts that say so, sorted; a label first, then instances in order."""
    found: dict[str, list[Fact]] = {}
    for stated in scene.labels:
        if stated.polarity == "present" and not scene.labels_of_patient:
            found.setdefault(stated.concept, []).append(stated.fact)
    for instance in scene.instances:
        found.setdefault(instance.concept, []).append(instance.fact)
    return {concept: found[concept] for concept in sorted(found) if vocabulary[concept].kind in SAID_OF_FINDINGS}


def judged(scene: Scene, vocabulary: Vocabulary, census: Census) -> Iterator[tuple[str, Polarity, Fact]]:
    """Every concept known to be present or absent, once, sorted: stated labels, and regions under complete names.

    Absence counts only for concepts that are right somewhere in the source. An uncertain concept is left out, and so
    is one that a label denies and a region shows.
    """
    shown = {concept: facts[0] for concept, facts in present(scene, vocabulary).items()}
    stated_here = () if scene.labels_of_patient else scene.labels
    unsure = {stated.concept for stated in stated_here if stated.polarity == "uncertain"}
    denied = {stated.concept: stated.fact for stated in stated_here if stated.polarity == "absent"}
    somewhere = sorted({*census.labels, *census.regions})
    for concept in sorted({*shown, *somewhere} - unsure):
        if vocabulary[concept].kind not in SAID_OF_FINDINGS or (concept in shown and concept in denied):
            continue
        if concept in shown:
            yield concept, "present", shown[concept]
            continue
        fact = denied.get(concept) or (None if concept in census.labels else absence(scene, concept))
        related = any(vocabulary.related(concept, other) for other in shown)
        if fact is not None and not related:
            yield concept, "absent", fact


def named_points(scene: Scene) -> list[Point]:
    """Landmarks by concept, sorted, of which the picture has one each: of two with one name none is "the" one."""
    times = Counter(point.concept for point in scene.points)
    return sorted((point for point in scene.points if times[point.concept] == 1), key=lambda point: point.concept)
