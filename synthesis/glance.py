"""Glance: what is kept of one visit after its Sample is done, so that visits of one patient can be compared.

It is small, and holds no pixel: a unit keeps it for each Sample whose patient and day are known.
"""

from __future__ import annotations

import msgspec
import numpy as np

from medloom.converters.pixels.measure import feret
from medloom.schemas.record import Fact
from medloom.schemas.sample import Polarity, Split
from medloom.schemas.view import View
from medloom.synthesis.scene import Case, Scene, Terms
from medloom.synthesis.task import Context
from medloom.synthesis.told import judged

NEAR_MM = 12.0
"""A slice that shows where something is not may lie so far from the one that shows it at the other visit."""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """What one visit states of one concept.

    `length_mm` is the long axis of its only object in a picture, or the cube root of its volume in a scan: two of one
    `method` may be compared. `view` numbers the view that shows it best.
    """

    concept: str
    polarity: Polarity
    fact: Fact
    length_mm: float | None = None
    method: str | None = None
    view: int | None = None


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """One visit. `kind` is what its pictures have to share with those of another visit: modality, projection or
    sequence, plane. `views` are its pictures.
    """

    sample: str
    who: str
    day: float
    kind: tuple[str | None, ...]
    terms: Terms
    split: Split | None
    views: tuple[View, ...]
    sightings: tuple[Sighting, ...]

    def seen(self, concept: str) -> Sighting | None:
        return next((one for one in self.sightings if one.concept == concept), None)


def glance(case: Case, context: Context) -> Glance | None:
    """None where the visit can't be compared: nobody knows when or whose it was, or it is not of one medium."""
    sample = case.sample
    if sample.patient is None or sample.visit is None or sample.visit.day is None:
        return None
    if len(sample.media) != 1 or sample.media[0].kind == "clip" or not case.scenes:
        return None
    scenes = case.scenes
    first = scenes[0].view
    known = first.acquisition
    kind = (sample.media[0].kind, known.modality, known.view, known.sequence, known.body_part, first.derivation.plane)
    if any(scene.view.derivation.plane != first.derivation.plane for scene in scenes):
        scenes = tuple(scene for scene in scenes if scene.view.derivation.plane == first.derivation.plane)
    found = _in_scan(scenes) if sample.media[0].kind in ("volume", "series") else _in_picture(scenes[0], context)
    return Glance(
        sample=sample.key, who=sample.patient, day=sample.visit.day, kind=kind, terms=case.terms, split=sample.split,
        views=tuple(scene.view for scene in scenes), sightings=found,
    )  # fmt: skip


def _in_picture(scene: Scene, context: Context) -> tuple[Sighting, ...]:
    found = []
    for concept, polarity, fact in judged(scene, context.vocabulary, context.census):
        instances = scene.by_concept.get(concept, ())
        length, method = None, None
        if len(instances) == 1 and scene.countable(concept):
            (one,) = instances
            if one.native_mask is not None and one.native_spacing_mm is not None:
                axes = feret(one.native_mask, one.native_spacing_mm)
                length, method, fact = axes.long_mm, axes.method, one.fact
        found.append(
            Sighting(concept=concept, polarity=polarity, fact=fact, length_mm=length, method=method, view=0)
        )  # fmt: skip
    return tuple(found)


def _in_scan(scenes: tuple[Scene, ...]) -> tuple[Sighting, ...]:
    """By the masks of the whole scan: what is complete and has no voxel is not there."""
    first = scenes[0]
    found = []
    volumes = {volume.concept: volume for volume in first.volumes}
    for concept in sorted(first.complete - first.partial):
        if concept in volumes:
            areas = [sum(one.area_fraction for one in scene.by_concept.get(concept, ())) for scene in scenes]
            best = int(np.argmax(areas))
            shown = best if areas[best] > 0 else None
            volume = volumes[concept]
            found.append(
                Sighting(
                    concept=concept, polarity="present", fact=volume.fact, length_mm=volume.mm3 ** (1 / 3),
                    method="cube root of the volume", view=shown,
                )
            )  # fmt: skip
        elif (fact := first.nothing_of(concept)) is not None:
            found.append(Sighting(concept=concept, polarity="absent", fact=fact))
    return tuple(found)


def nearest(view: View, others: tuple[View, ...]) -> int | None:
    """Which of `others` lies nearest to the view in the patient, None where none is within `NEAR_MM`.

    A picture without a place in the patient is near to any other.
    """
    place = _centre(view)
    if place is None:
        return 0 if others and all(_centre(other) is None for other in others) else None
    far = [np.inf if (centre := _centre(other)) is None else _apart(place, centre) for other in others]
    best = int(np.argmin(far)) if far else 0
    return best if far and far[best] <= NEAR_MM else None


def _centre(view: View) -> tuple[float, float, float] | None:
    if view.to_patient is None:
        return None
    matrix = np.array(view.to_patient).reshape(3, 3)
    x, y, z = (matrix @ ((view.width - 1) / 2, (view.height - 1) / 2, 1.0)).tolist()
    return x, y, z


def _apart(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))
