"""Scenes built in memory, as a small clinic of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from medloom.converters.pixels.mask import bounding_box, rle_encode
from medloom.schemas.record import Fact
from medloom.schemas.sample import Acquisition, Media, Sample
from medloom.schemas.view import Derivation, View
from medloom.synthesis.facts import label_fact, region_fact
from medloom.synthesis.scene import Instance, Scene, Stated, Terms
from medloom.synthesis.task import Census, Context
from medloom.synthesis.template import load_templates
from medloom.synthesis.vocabulary import load_vocabulary

WIDTH, HEIGHT = 200, 160


@pytest.fixture(scope="session")
def context() -> Context:
    """The real vocabulary and templates, with a census of chest and blood."""
    census = Census(
        labels=("cardiomegaly", "lung_nodule", "no_finding", "pleural_effusion", "pneumonia"),
        regions=("heart", "liver_lesion", "lung_left", "lung_right", "platelet", "red_blood_cell", "white_blood_cell"),
    )
    return Context(vocabulary=load_vocabulary(), templates=load_templates(), census=census)


def _disc(
    concept: str, centre: tuple[int, int], radius: int = 9, spacing: tuple[float, float] | None = None, **more: object
) -> Instance:
    """A disc of `radius` pixels around (x, y)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    mask = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 <= radius**2
    box = bounding_box(mask)
    assert box is not None
    x0, y0, x1, y1 = (int(edge) for edge in box)
    return Instance(
        concept=concept,
        box=box,
        centroid=(centre[0] + 0.5, centre[1] + 0.5),
        area_fraction=float(mask.mean()),
        fact=region_fact(concept, "masks/a.png", f"masks/a.png;{concept}@{centre}", concept),
        rle=rle_encode(mask.astype(np.uint8)),
        native_mask=mask[y0:y1, x0:x1],
        native_spacing_mm=spacing,
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def disc() -> Callable[..., Instance]:
    """disc(concept, (x, y), radius, spacing, **more)."""
    return _disc


SceneMaker = Callable[..., Scene]


@pytest.fixture
def make_scene() -> SceneMaker:
    """scene(labels={concept: polarity}, instances=[...], complete={...}, **view fields)."""

    def make(
        labels: dict[str, str] | None = None,
        instances: tuple[Instance, ...] = (),
        complete: frozenset[str] = frozenset(),
        key: str = "s1",
        points: tuple = (),
        volumes: tuple = (),
        labels_of_patient: bool = False,
        acquisition: Acquisition = Acquisition(),
        derivation: Derivation = Derivation(),
        **fields: object,
    ) -> Scene:
        sample = Sample(key=key, patient="p1", split="train", media=(Media(files=("a.png",)),))
        view = View(
            id=f"view-{key}", source="src", sample=key, media="image", source_file="a.png", source_sha256="0" * 64,
            sha256="0" * 64, phash="0" * 16, format="png", width=WIDTH, height=HEIGHT, bytes=1, passthrough=True,
            acquisition=acquisition, derivation=derivation, **fields,  # type: ignore[arg-type]
        )  # fmt: skip
        stated = tuple(
            Stated(concept, polarity, label_fact(concept, polarity, f"labels.csv#row=1,column={concept}", concept))
            for concept, polarity in sorted((labels or {}).items())
        )
        ordered = tuple(sorted(instances, key=lambda one: (one.box[1], one.box[0])))
        return Scene(
            view=view,
            sample=sample,
            terms=Terms("src", "CC-BY-4.0", "open", "bytes", "patient", None),
            labels=stated,
            judged=frozenset(one.concept for one in stated if one.polarity != "uncertain"),
            instances=ordered,
            complete=complete,
            points=points,
            labels_of_patient=labels_of_patient,
            volumes=volumes,
            region_fact=Fact(
                concept="", predicate="region", polarity="absent", file="masks/a.png", pointer="masks/a.png"
            ),
        )

    return make
