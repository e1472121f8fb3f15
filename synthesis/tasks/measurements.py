"""Measurements: size, area, volume, distance and angle, in mm space, unrounded, with the method's name."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from medloom.converters.pixels.measure import angle_deg, area_mm2, distance_mm, ellipse_axes, feret
from medloom.schemas.identity import shuffled
from medloom.schemas.record import Answer, Config, Measurement, Record
from medloom.schemas.vocabulary import Kind
from medloom.synthesis.compose import boxed, compose, record_key
from medloom.synthesis.grammar import definite, millimetres
from medloom.synthesis.scene import Instance, Point, Scene, WholeVolume
from medloom.synthesis.task import Context, Task, TaskParams
from medloom.synthesis.told import named_points

AREA_METHOD = "pixel count times pixel area"
VOLUME_METHOD = "voxel count times voxel volume"
DISTANCE_METHOD = "Euclidean distance in patient space"
ANGLE_METHOD = "acute angle of two lines through landmarks, in mm space"


class MeasureParams(TaskParams):
    """At most `per_picture` concepts; `kinds` are the kinds of concepts that are measured."""

    per_picture: int = Field(default=2, ge=1)
    kinds: tuple[Kind, ...] = ("finding", "organ", "structure", "cell")


def only_instances(task: Task, scene: Scene, context: Context, kinds: tuple[str, ...]) -> list[Instance]:
    """Instances with a mask and mm that are the only one of their concept, so that "the" means one; by content."""
    alone = [
        found[0]
        for concept, found in scene.by_concept.items()
        if len(found) == 1
        and concept in scene.complete
        and found[0].native_mask is not None
        and found[0].native_spacing_mm is not None
        and context.vocabulary[concept].kind in kinds
    ]
    return shuffled(alone, scene.view.id, task.name)


class SizeParams(MeasureParams):
    """Lesions, by default: RECIST measures findings, not organs."""

    kinds: tuple[Kind, ...] = ("finding",)


class Size(Task):
    """Record type 15: long and short axis of a lesion, on the slice of largest area of its component only.

    The answer's number is the long axis: the largest Feret diameter in mm (RECIST 1.1, Eisenhauer et al., Eur J Cancer
    2009); the axes of the ellipse of equal second moments and the area stand beside it in `measurements`.
    """

    name: ClassVar[str] = "measurement.size"
    type: ClassVar[int] = 15
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"masks", "spacing"}),)
    Params = SizeParams
    params: SizeParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        sections = [one for one in only_instances(self, scene, context, self.params.kinds) if one.largest_section]
        for one in sections[: self.params.per_picture]:
            assert one.native_mask is not None
            meant = context.vocabulary[one.concept]
            axes = feret(one.native_mask, one.native_spacing_mm)
            ellipse = ellipse_axes(one.native_mask, one.native_spacing_mm)
            key = record_key(self, scene, one.concept)
            slots = {
                "the_concept": definite(meant),
                "long": millimetres(axes.long_mm),
                "short": millimetres(axes.short_mm),
            }
            wording = context.templates[self.name].render(key, slots)
            measured = (
                _measured("long_axis", axes.long_mm, "mm", axes.method),
                _measured("short_axis", axes.short_mm, "mm", axes.method),
                _measured("ellipse_major_axis", ellipse.major_mm, "mm", ellipse.method),
                _measured("ellipse_minor_axis", ellipse.minor_mm, "mm", ellipse.method),
                _measured("area", area_mm2(one.native_mask, one.native_spacing_mm), "mm2", AREA_METHOD),
            )
            yield compose(
                self, scene, key, wording, [one.fact], form="numeric", concepts=(one.concept,),
                answer=Answer(text=f"{slots['long']} × {slots['short']}", number=axes.long_mm, unit="mm"),
                places=boxed([one]), measurements=measured,
            )  # fmt: skip


class Area(Task):
    """Record type 15: the area of what the picture shows, in mm²."""

    name: ClassVar[str] = "measurement.area"
    type: ClassVar[int] = 15
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"masks", "spacing"}),)
    Params = MeasureParams
    params: MeasureParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        for one in only_instances(self, scene, context, self.params.kinds)[: self.params.per_picture]:
            assert one.native_mask is not None
            value = area_mm2(one.native_mask, one.native_spacing_mm)
            key = record_key(self, scene, one.concept)
            text = f"{value:.1f} mm²"
            slots = {"the_concept": definite(context.vocabulary[one.concept]), "area": text}
            wording = context.templates[self.name].render(key, slots)
            yield compose(
                self, scene, key, wording, [one.fact], form="numeric", concepts=(one.concept,),
                answer=Answer(text=text, number=value, unit="mm2"), places=boxed([one]),
                measurements=(_measured("area", value, "mm2", AREA_METHOD),),
            )  # fmt: skip


class Volume(Task):
    """Record type 15: the volume of a structure in the whole scan, asked on a slice of its largest section."""

    name: ClassVar[str] = "measurement.volume"
    type: ClassVar[int] = 15
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"masks", "spacing"}),)
    Params = MeasureParams
    params: MeasureParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        shown = {one.concept for one in scene.instances if one.largest_section and one.component == 1}
        parts = Counter(volume.concept for volume in scene.volumes)
        whole = [
            volume
            for volume in scene.volumes
            if volume.concept in shown
            and parts[volume.concept] == 1  # of several masks under one name, none is the whole
            and volume.concept in scene.complete - scene.partial
            and context.vocabulary[volume.concept].kind in self.params.kinds
        ]
        for volume in shuffled(whole, scene.view.id, self.name)[: self.params.per_picture]:
            key = record_key(self, scene, volume.concept)
            text = f"{volume.mm3 / 1000:.1f} ml" if volume.mm3 >= 1000 else f"{volume.mm3:.0f} mm³"
            slots = {"whole": _whole(volume, scene, context), "volume": text}
            wording = context.templates[self.name].render(key, slots)
            yield compose(
                self, scene, key, wording, [volume.fact], form="numeric", concepts=(volume.concept,),
                answer=Answer(text=text, number=volume.mm3, unit="mm3"),
                measurements=(_measured("volume", volume.mm3, "mm3", VOLUME_METHOD),),
            )  # fmt: skip


def _whole(volume: WholeVolume, scene: Scene, context: Context) -> str:
    """What the volume is that of: "the liver"; of what may be several, "the liver lesion" only where one is all."""
    meant = context.vocabulary[volume.concept]
    one = next(one for one in scene.by_concept[volume.concept] if one.component == 1)
    alone = one.volume_mm3 is not None and math.isclose(one.volume_mm3, volume.mm3)
    return definite(meant) if alone or not meant.countable else f"all {meant.plural} together"


class DistanceParams(TaskParams):
    """At most `per_picture` pairs of landmarks."""

    per_picture: int = Field(default=2, ge=1)


class Distance(Task):
    """Record type 15: Euclidean mm between two named landmarks of one picture."""

    name: ClassVar[str] = "measurement.distance"
    type: ClassVar[int] = 15
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"landmarks", "spacing"}),)
    Params = DistanceParams
    params: DistanceParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        if scene.view.spacing_mm is None:
            return
        points = named_points(scene)
        pairs = [(one, other) for number, one in enumerate(points) for other in points[number + 1 :]]
        for one, other in shuffled(pairs, scene.view.id, self.name)[: self.params.per_picture]:
            value = distance_mm(one.xy, other.xy, scene.view.spacing_mm)
            key = record_key(self, scene, one.concept, other.concept)
            text = millimetres(value)
            slots = {"one": _named(one, context), "other": _named(other, context), "distance": text}
            wording = context.templates[self.name].render(key, slots)
            yield compose(
                self, scene, key, wording, [one.fact, other.fact], form="numeric",
                concepts=(one.concept, other.concept), answer=Answer(text=text, number=value, unit="mm"),
                measurements=(_measured("distance", value, "mm", DISTANCE_METHOD),),
            )  # fmt: skip


class AngleParams(TaskParams):
    """`lines` are pairs of pairs of landmark concepts: the two lines of each angle."""

    lines: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = ()


class Angle(Task):
    """Record type 15: the acute angle of two lines, each through two landmarks of one picture."""

    name: ClassVar[str] = "measurement.angle"
    type: ClassVar[int] = 15
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"landmarks", "spacing"}),)
    Params = AngleParams
    params: AngleParams

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        points = {point.concept: point for point in named_points(scene)}
        for lines in self.params.lines:
            corners = [points.get(concept) for line in lines for concept in line]
            if scene.view.spacing_mm is None or any(corner is None for corner in corners):
                continue
            known = [corner for corner in corners if corner is not None]
            first, second = (known[0].xy, known[1].xy), (known[2].xy, known[3].xy)
            if first[0] == first[1] or second[0] == second[1]:
                continue  # a line of no length has no direction
            value = angle_deg(first, second, scene.view.spacing_mm)
            key = record_key(self, scene, lines)
            text = f"{value:.1f}°"
            named = [_named(point, context) for point in known]
            slots = {
                "one": f"the line from {named[0]} to {named[1]}",
                "other": f"the line from {named[2]} to {named[3]}",
                "angle": text,
            }
            wording = context.templates[self.name].render(key, slots)
            yield compose(
                self, scene, key, wording, [point.fact for point in known], form="numeric",
                concepts=tuple(point.concept for point in known), answer=Answer(text=text, number=value, unit="deg"),
                measurements=(_measured("angle", value, "deg", ANGLE_METHOD),),
            )  # fmt: skip


def _named(point: Point, context: Context) -> str:
    return definite(context.vocabulary[point.concept])


def _measured(name: str, value: float, unit: str, method: str, fact: int = 0) -> Measurement:
    return Measurement(name=name, value=value, unit=unit, method=method, fact=fact)  # type: ignore[arg-type]
