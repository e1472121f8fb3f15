"""Scene: one View with every fact of its Sample that the picture can show; Case: all of one Sample. In memory only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.mask import rle_decode
from medloom.schemas.record import Fact
from medloom.schemas.sample import Polarity, Rle, Sample
from medloom.schemas.view import View

if TYPE_CHECKING:
    from medloom.synthesis.facts import Naming


@dataclass(frozen=True)
class Stated:
    """A label of the whole picture: concept, polarity and the fact that proves it."""

    concept: str
    polarity: Polarity
    fact: Fact


@dataclass(frozen=True)
class Instance:
    """One object in the picture.

    `box` (half-open xyxy), `rle` and `centroid` (x, y) are in stored pixels of the view; `box` is the box of `rle`
    where there is one. `native_mask` is the object's crop in native pixels with `native_spacing_mm` (down, right),
    for measuring. `component` numbers the 3D component that it is a section of; `largest_section` says that no other
    slice of that component has a larger area. `volume_mm3` is that of the whole 3D component. `whole_object` is false
    where the instance may be a piece of an object: it isn't counted then.
    """

    concept: str
    box: tuple[float, float, float, float]
    centroid: tuple[float, float]
    area_fraction: float
    fact: Fact
    rle: Rle | None = None
    native_mask: NDArray[np.bool_] | None = None
    native_spacing_mm: tuple[float, float] | None = None
    component: int | None = None
    largest_section: bool = True
    volume_mm3: float | None = None
    whole_object: bool = True

    def mask(self) -> NDArray[np.bool_] | None:
        """H×W mask in stored pixels, or None where the source has boxes only."""
        return None if self.rle is None else rle_decode(self.rle)


@dataclass(frozen=True)
class Point:
    """A landmark in the picture: stored pixels (x, y), and patient RAS mm where the volume knows it."""

    concept: str
    xy: tuple[float, float]
    fact: Fact
    ras_mm: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class WholeVolume:
    """The volume of a concept over the whole scan: voxel count times voxel volume, mm³."""

    concept: str
    mm3: float
    fact: Fact


@dataclass(frozen=True)
class Terms:
    """What every record of a source carries: names, licence, and how the patient is known."""

    source: str
    licence: str
    access: str
    redistribute: str
    patient: str | None
    study: str | None


@dataclass(frozen=True)
class Change:
    """What was compared: the medium of the earlier visit, and whether everything that changed is marked, by facts that
    prove it for each concept.
    """

    media: str
    judged: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Scene:
    """A View and its facts.

    `complete` are the concepts of which every instance in this picture is in `instances`: only those may be counted,
    or said to be nowhere. `judged` are the concepts of which the source states presence or absence (in `labels`).
    `instances` are in reading order.
    """

    view: View
    sample: Sample
    terms: Terms
    labels: tuple[Stated, ...] = ()
    judged: frozenset[str] = frozenset()
    instances: tuple[Instance, ...] = ()
    complete: frozenset[str] = frozenset()
    points: tuple[Point, ...] = ()
    volumes: tuple[WholeVolume, ...] = ()
    partial: frozenset[str] = frozenset()
    """Concepts of which there may be more in the whole scan than `volumes` and other scenes tell."""
    changes: tuple[Instance, ...] = ()
    """What changed since the earlier visit that `since` names: not seen in this picture alone."""
    since: Change | None = None
    labels_of_patient: bool = False
    """Labels are the patient's diagnosis: nothing is said of what the picture shows because of them."""
    region_fact: Fact | None = field(default=None)
    """Proves absence: the annotation in which a complete concept has no instance."""
    proofs: Mapping[str, Fact] = field(default_factory=dict)
    """The same for concepts that have an annotation of their own: an empty mask file."""

    def nothing_of(self, concept: str) -> Fact | None:
        """What proves that a complete concept has no instance."""
        fact = self.proofs.get(concept, self.region_fact)
        return None if fact is None else msgspec.structs.replace(fact, concept=concept)

    def countable(self, concept: str) -> bool:
        """Whether the number of instances in the picture is known: all are there, and each is one object."""
        return concept in self.complete and all(one.whole_object for one in self.by_concept.get(concept, ()))

    @cached_property
    def by_concept(self) -> dict[str, tuple[Instance, ...]]:
        """Instances by concept, concepts sorted."""
        found: dict[str, list[Instance]] = {}
        for instance in self.instances:
            found.setdefault(instance.concept, []).append(instance)
        return {concept: tuple(found[concept]) for concept in sorted(found)}


@dataclass(frozen=True)
class Case:
    """One Sample with all its Scenes: what the tasks look at that ask about several pictures, about a whole volume or
    clip, or about text.

    `scenes` are in the order of the Sample's media, and within one medium by slice or by time. `whole` are the views
    of media that are kept whole. Texts, questions, events and measurements are those of `sample`. `naming` maps the
    source's names to concepts.
    """

    sample: Sample
    terms: Terms
    naming: Naming
    scenes: tuple[Scene, ...] = ()
    whole: tuple[View, ...] = ()
    labels: tuple[Stated, ...] = ()
    judged: frozenset[str] = frozenset()
    labels_of_patient: bool = False

    def of(self, media: str) -> tuple[Scene, ...]:
        """The scenes of one medium, by its key."""
        return tuple(scene for scene in self.scenes if scene.view.media == media)
