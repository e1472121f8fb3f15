"""Elsewhere: what a picture proves not to be at one place, so that it may stand there as a wrong option."""

from __future__ import annotations

from medloom.schemas.record import Fact
from medloom.schemas.vocabulary import Vocabulary
from medloom.synthesis.compose import absence
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Census

Box = tuple[float, float, float, float]


def elsewhere(concept: str, box: Box, scene: Scene, census: Census, vocabulary: Vocabulary) -> dict[str, Fact]:
    """Concepts of the source that are not in `box` (half-open xyxy, stored pixels), each with the fact that shows it.

    Every instance of each is known, and there is none, or none that touches the box; then the fact is that of the
    first. What is related to `concept`, or is the organ that it lies in, is left out: at a lesion of the liver the
    liver is right as well.
    """
    found: dict[str, Fact] = {}
    for other in census.regions:
        if vocabulary.related(concept, other) or _within(concept, other, vocabulary):
            continue
        instances = scene.by_concept.get(other, ())
        fact = absence(scene, other)
        if instances and other in scene.complete and not any(overlap(box, one.box) for one in instances):
            fact = instances[0].fact
        if fact is not None:
            found[other] = fact
    return found


def overlap(one: Box, other: Box) -> bool:
    """Whether two half-open boxes share any area."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _within(one: str, other: str, vocabulary: Vocabulary) -> bool:
    """Whether the organ of one is the other, or lies above or below it."""
    pairs = ((vocabulary[one].organ, other), (vocabulary[other].organ, one))
    return any(organ is not None and vocabulary.related(organ, whole) for organ, whole in pairs)
