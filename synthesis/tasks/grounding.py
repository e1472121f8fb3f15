"""Grounding: every box, mask or point of what is asked for, in reading order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from medloom.converters.pixels.measure import place
from medloom.schemas.identity import pick, shuffled
from medloom.schemas.record import Answer, Config, Fact, Place, Record
from medloom.schemas.vocabulary import Concept
from medloom.synthesis.compose import absence, boxed, boxes_text, compose, known_fact, points_text, record_key
from medloom.synthesis.grammar import counted, definite
from medloom.synthesis.scene import Instance, Scene
from medloom.synthesis.task import Context, Task, TaskParams
from medloom.synthesis.told import named_points

SIZE_CUTS = (("tiny", 0.002), ("small", 0.02), ("medium-sized", 0.1), ("large", 1.01))
"""Size words by the share of the picture's area that an instance covers: below the cut, the word holds."""

SHAPE_CUTS = (("round", 0.85), ("oval", 0.5), ("elongated", 0.0))
"""Shape words by minor to major axis: from the cut upwards, the word holds."""


class GroundingParams(TaskParams):
    """At most `per_picture` concepts are asked for, and only those of at most `instances` instances.

    `nothing` adds that many questions for what is proved not to be there.
    """

    per_picture: int = Field(default=3, ge=1)
    instances: int = Field(default=40, ge=1)
    nothing: int = Field(default=1, ge=0)


def everything(meant: Concept) -> str:
    """What is asked for: "the liver", "every red blood cell". It doesn't tell how many there are."""
    return f"every {meant.name}" if meant.countable else definite(meant)


def asked_for(task: Task, scene: Scene, per_picture: int, instances: int) -> list[str]:
    """Concepts of which every instance is known and that are not too many, drawn by content."""
    whole = [
        concept for concept, found in scene.by_concept.items() if concept in scene.complete and len(found) <= instances
    ]
    return shuffled(whole, scene.view.id, task.name)[:per_picture]


class BoxGrounding(Task):
    """Record type 10: no, one or several boxes. Asked only where every instance is known."""

    name: ClassVar[str] = "grounding.box"
    type: ClassVar[int] = 10
    config: ClassVar[Config] = "grounding"
    needs = (frozenset({"boxes"}), frozenset({"masks"}))
    of_all: ClassVar[bool] = True
    Params = GroundingParams
    params: GroundingParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        for concept in asked_for(self, scene, self.params.per_picture, self.params.instances):
            found, meant = scene.by_concept[concept], context.vocabulary[concept]
            key = record_key(self, scene, concept)
            text = boxes_text((meant.name, one) for one in found)
            slots = {"what": everything(meant), "boxes": text}
            wording = context.templates[self.name].render(key, slots)
            yield compose(
                self, scene, key, wording, [one.fact for one in found], form="region", concepts=(concept,),
                answer=Answer(text=text), places=boxed(found),
            )  # fmt: skip
        yield from self._nothing(scene, context)

    def _nothing(self, scene: Scene, context: Context) -> Iterator[Record]:
        missing = [(concept, fact) for concept in context.census.regions if (fact := absence(scene, concept))]
        for concept, fact in shuffled(missing, scene.view.id, self.name, "nothing")[: self.params.nothing]:
            meant = context.vocabulary[concept]
            key = record_key(self, scene, concept)
            slots = {"what": everything(meant), "nothing": f"no {meant.name}"}
            wording = context.templates["grounding.box.none"].render(key, slots)
            yield compose(
                self, scene, key, wording, [fact], form="region", concepts=(concept,), polarity="absent",
                answer=Answer(text="[]"),
            )  # fmt: skip


class MaskParams(TaskParams):
    """At most `per_picture` concepts, of at most `instances` instances."""

    per_picture: int = Field(default=2, ge=1)
    instances: int = Field(default=40, ge=1)


class MaskGrounding(Task):
    """Record type 11: referring segmentation. The prompt is drawn from a ladder: name, shape, size, count, place,
    definition; the answer is the RLE and the box of every instance meant."""

    name: ClassVar[str] = "grounding.mask"
    type: ClassVar[int] = 11
    config: ClassVar[Config] = "grounding"
    needs = (frozenset({"masks"}),)
    of_all: ClassVar[bool] = True
    Params = MaskParams
    params: MaskParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        for concept in asked_for(self, scene, self.params.per_picture, self.params.instances):
            found, meant = scene.by_concept[concept], context.vocabulary[concept]
            if any(one.rle is None for one in found):
                continue
            key = record_key(self, scene, concept)
            what, facts = _rung(meant, found, scene, key)
            text = boxes_text((meant.name, one) for one in found)
            wording = context.templates[self.name].render(key, {"what": what, "masks": text})
            yield compose(
                self, scene, key, wording, [*(one.fact for one in found), *facts], form="region", concepts=(concept,),
                answer=Answer(text=text), places=boxed(found),
            )  # fmt: skip


def _rung(meant: Concept, found: tuple[Instance, ...], scene: Scene, key: str) -> tuple[str, list[Fact]]:
    """The phrase of one rung of the ladder, and the facts that prove what it adds to the name."""
    one = found[0] if len(found) == 1 else None
    rungs = ["name"]
    if one is not None:
        rungs += ["size", "place"] + (["shape"] if one.native_mask is not None else [])
    elif meant.countable and scene.countable(meant.id):
        rungs.append("count")
    if meant.definition:
        rungs.append("definition")
    rung = rungs[pick(len(rungs), "rung", key)]
    base = everything(meant)
    if rung == "count":
        return f"all {counted(meant, len(found))}", [_derived(found[0], "count", str(len(found)))]
    if rung == "definition":
        assert meant.definition is not None
        said = re.sub("^(An?|The) ", lambda first: first[0].lower(), meant.definition.rstrip("."))
        return f"{base} ({said})", [known_fact(meant, "definition", meant.definition)]
    if one is None or rung == "name":
        return base, []
    if rung == "size":
        word = next(word for word, cut in SIZE_CUTS if one.area_fraction < cut)
        cuts = ", ".join(f"{name} below {limit:g}" for name, limit in SIZE_CUTS[:-1])
        value = f"{word}: {one.area_fraction:.6f} of the picture ({cuts})"
        return f"the {word} {meant.name}", [_derived(one, "size_word", value)]
    if rung == "place":
        grid = place(one.centroid, scene.view.width, scene.view.height).grid
        return f"the {meant.name} in the {grid} of the picture", [_derived(one, "place", grid)]
    word, ratio = _shape(one)
    cuts = ", ".join(f"{name} from {least:g}" for name, least in SHAPE_CUTS[:-1])
    return f"the {word} {meant.name}", [_derived(one, "shape", f"{word}: ratio of axes {ratio:.3f} ({cuts})")]


def _derived(one: Instance, predicate: str, value: str) -> Fact:
    return Fact(
        concept=one.concept, predicate=predicate, value=value, file=one.fact.file, pointer=one.fact.pointer,
        source_name=one.fact.source_name,
    )  # fmt: skip


def _shape(one: Instance) -> tuple[str, float]:
    """ "round", "oval" or "elongated", and the ratio of the axes of the ellipse of equal second moments."""
    from medloom.converters.pixels.measure import ellipse_axes

    assert one.native_mask is not None
    axes = ellipse_axes(one.native_mask, one.native_spacing_mm or (1.0, 1.0))
    ratio = axes.minor_mm / axes.major_mm
    return next(word for word, least in SHAPE_CUTS if ratio >= least), ratio


class PointGrounding(Task):
    """Record type 13: a point on every instance, or on a landmark."""

    name: ClassVar[str] = "grounding.point"
    type: ClassVar[int] = 13
    config: ClassVar[Config] = "grounding"
    needs = (frozenset({"boxes"}), frozenset({"masks"}), frozenset({"landmarks"}))
    Params = GroundingParams
    params: GroundingParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        for concept in asked_for(self, scene, self.params.per_picture, self.params.instances):
            found = [(inner_point(one), one.fact) for one in scene.by_concept[concept]]
            yield self._record(scene, context, concept, found)
        marks = [point for point in named_points(scene) if point.concept not in scene.by_concept]
        for point in shuffled(marks, scene.view.id, self.name, "landmark")[: self.params.per_picture]:
            yield self._record(scene, context, point.concept, [(point.xy, point.fact)])

    def _record(
        self, scene: Scene, context: Context, concept: str, found: list[tuple[tuple[float, float], Fact]]
    ) -> Record:
        meant = context.vocabulary[concept]
        key = record_key(self, scene, concept)
        text = points_text((meant.name, xy) for xy, _ in found)
        what = everything(meant) if concept in scene.by_concept else definite(meant)
        wording = context.templates[self.name].render(key, {"what": what, "points": text})
        return compose(
            self, scene, key, wording, [fact for _, fact in found], form="region", concepts=(concept,),
            answer=Answer(text=text),
            places=tuple(Place(concept=concept, point=xy, fact=n) for n, (xy, _) in enumerate(found)),
        )  # fmt: skip


def inner_point(one: Instance) -> tuple[float, float]:
    """The centroid where it lies on the object, else the point of its mask that is farthest from its edge."""
    mask = one.mask()
    x, y = one.centroid
    if mask is None or mask[min(int(y), mask.shape[0] - 1), min(int(x), mask.shape[1] - 1)]:
        return one.centroid
    import cv2

    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(column) + 0.5, float(row) + 0.5
