"""Told: what may be said of a Scene as a whole, each with the fact that proves it."""

from __future__ import annotations

from collections.abc import Iterator

from medloom.schemas.record import Fact
from medloom.schemas.sample import Polarity
from medloom.schemas.vocabulary import Vocabulary
from medloom.synthesis.compose import absence
from medloom.synthesis.grammar import article
from medloom.synthesis.scene import Scene, Stated
from medloom.synthesis.task import Census

MODALITIES = {
    "ct": "CT",
    "mr": "MR",
    "xray": "radiograph",
    "ultrasound": "ultrasound",
    "fundus": "colour fundus photograph",
    "oct": "optical coherence tomography",
    "dermoscopy": "dermoscopic",
    "microscopy": "microscopy",
    "histopathology": "histopathology",
    "endoscopy": "endoscopic",
    "mammography": "mammography",
    "pet": "PET",
    "nuclear": "nuclear medicine",
    "photograph": "photograph",
}
_NOUN = {"radiograph", "colour fundus photograph", "photograph"}
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


WEIGHTINGS = ("T1", "T2", "PD", "FLAIR", "DWI", "ADC", "SWI")
"""Sequences that readers say; a header's ScanningSequence ("SE", "GR") is none of them."""


def part_words(body_part: str) -> str:
    """A part of the body as one says it: a header's WHOLE_BODY is "whole body"."""
    return body_part.replace("_", " ").lower() if body_part.isupper() else body_part


def picture_words(scene: Scene) -> str:
    """The kind of picture in words, "an axial CT slice of the abdomen": only what is known."""
    known, plane = scene.view.acquisition, scene.view.derivation.plane
    modality = MODALITIES.get(known.modality or "", "")
    noun = "" if modality in _NOUN else ("slice" if plane else "picture")
    sequence = known.sequence if known.sequence and known.sequence.upper().startswith(WEIGHTINGS) else None
    words = " ".join(part for part in (plane, sequence, modality, noun) if part) or "picture"
    place = f" of the {part_words(known.body_part)}" if known.body_part else ""
    return f"{article(words)} {words}{place}"


def diagnoses(scene: Scene) -> list[Stated]:
    """Labels that are the patient's and not the picture's, where they are present."""
    return [one for one in scene.labels if scene.labels_of_patient and one.polarity == "present"]


def acquisition_facts(scene: Scene) -> list[Fact]:
    """What proves `picture_words`."""
    known, view = scene.view.acquisition, scene.view
    stated = (("modality", known.modality), ("body_part", known.body_part), ("plane", view.derivation.plane))
    return [
        Fact(
            concept=name,
            predicate="acquired",
            value=value,
            file=view.source_file,
            pointer=f"{view.source_file}#{'affine' if name == 'plane' else name}",
        )
        for name, value in stated
        if value
    ]


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
