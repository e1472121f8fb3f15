"""Told: what may be said of a Scene as a whole, each with the fact that proves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from medloom.schemas.record import Fact
from medloom.schemas.sample import Polarity
from medloom.schemas.vocabulary import Vocabulary
from medloom.synthesis.compose import absence
from medloom.synthesis.scene import Instance, Point, Scene, Stated
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
VESSELS = frozenset(("artery", "vein"))


def diagnoses(scene: Scene) -> list[Stated]:
    """Labels that are the patient's and not the picture's, where they are present."""
    return [one for one in scene.labels if scene.labels_of_patient and one.polarity == "present"]


def present(scene: Scene, vocabulary: Vocabulary) -> dict[str, list[Fact]]:
    """Concepts that the picture shows with all facts that say so, sorted; a label first, then instances in order.

    One whose label is uncertain is not shown, whatever marks it: some who looked see it, others don't.
    """
    found: dict[str, list[Fact]] = {}
    for stated in scene.labels:
        if stated.polarity == "present" and not scene.labels_of_patient:
            found.setdefault(stated.concept, []).append(stated.fact)
    unsure = _unsure(scene)
    for instance in scene.instances:
        if instance.concept not in unsure:
            found.setdefault(instance.concept, []).append(instance.fact)
    return {concept: found[concept] for concept in sorted(found) if vocabulary[concept].kind in SAID_OF_FINDINGS}


def judged(scene: Scene, vocabulary: Vocabulary, census: Census) -> Iterator[tuple[str, Polarity, Fact]]:
    """Every concept known to be present or absent, once, sorted: stated labels, and regions under complete names.

    Absence counts only for concepts that are right somewhere in the source. An uncertain concept is left out, and so
    is one that a label denies and a region shows.
    """
    shown = {concept: facts[0] for concept, facts in present(scene, vocabulary).items()}
    stated_here = () if scene.labels_of_patient else scene.labels
    denied = {stated.concept: stated.fact for stated in stated_here if stated.polarity == "absent"}
    unsure = _unsure(scene)
    near = {*shown, *unsure.intersection(scene.by_concept)}
    somewhere = sorted({*census.labels, *census.regions})
    for concept in sorted({*shown, *somewhere} - unsure):
        if vocabulary[concept].kind not in SAID_OF_FINDINGS or (concept in shown and concept in denied):
            continue
        if concept in shown:
            yield concept, "present", shown[concept]
            continue
        fact = denied.get(concept) or (None if concept in census.labels else absence(scene, concept))
        related = any(vocabulary.related(concept, other) for other in near)
        if fact is not None and not related:
            yield concept, "absent", fact


def sides_around(one: Instance, scene: Scene, vocabulary: Vocabulary) -> dict[str, Fact]:
    """The sides of the patient of the one-sided structures that one instance lies in, each with what proves it.

    Of two masks the larger part of the one must lie within the other, or within a hole of it; where either has only a
    box, the middle of the one within the other's box. Vessels cross the midline, whatever their name says.
    """
    found: dict[str, Fact] = {}
    for other in scene.instances:
        side = vocabulary[other.concept].side
        if side and not VESSELS.intersection(vocabulary.ancestors(other.concept)) and _within(one, other):
            found.setdefault(side, other.fact)
    return found


def _within(one: Instance, other: Instance) -> bool:
    from scipy.ndimage import binary_fill_holes

    x, y = one.centroid
    if one.rle is None or other.rle is None:
        return other.box[0] <= x < other.box[2] and other.box[1] <= y < other.box[3]
    if min(one.box[2], other.box[2]) <= max(one.box[0], other.box[0]):
        return False
    inner, outer = one.mask(), other.mask()
    return bool(binary_fill_holes(outer)[inner].mean() > 0.5)


def named_points(scene: Scene) -> list[Point]:
    """Landmarks by concept, sorted, of which the picture has one each: of two with one name none is "the" one."""
    times = Counter(point.concept for point in scene.points)
    return sorted((point for point in scene.points if times[point.concept] == 1), key=lambda point: point.concept)


def _unsure(scene: Scene) -> set[str]:
    return {one.concept for one in scene.labels if one.polarity == "uncertain" and not scene.labels_of_patient}
