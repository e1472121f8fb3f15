"""Stated measurements: what the source itself measured, asked of a picture that shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from medloom.schemas.record import Answer, Config, Fact, Measurement, Record
from medloom.schemas.sample import Measured
from medloom.schemas.view import View
from medloom.synthesis.compose import boxed, case_key, compose_case
from medloom.synthesis.grammar import definite, millimetres
from medloom.synthesis.scene import Case, Instance, Scene
from medloom.synthesis.task import CaseTask, Context, TaskParams

Unit = Literal["mm", "mm2", "mm3", "deg", "HU", "SUV"]
UNITS: dict[str, tuple[Unit, float]] = {
    "um": ("mm", 1e-3), "mm": ("mm", 1.0), "cm": ("mm", 10.0), "m": ("mm", 1e3),
    "mm2": ("mm2", 1.0), "cm2": ("mm2", 100.0),
    "mm3": ("mm3", 1.0), "cm3": ("mm3", 1e3), "ml": ("mm3", 1e3), "mL": ("mm3", 1e3), "l": ("mm3", 1e6),
    "L": ("mm3", 1e6), "deg": ("deg", 1.0), "[hnsf'U]": ("HU", 1.0),
    "g/ml{SUVbw}": ("SUV", 1.0), "{SUVbw}g/ml": ("SUV", 1.0),
}  # fmt: skip
"""UCUM codes (for SUV as in DICOM CID 85) and our units."""
QUANTITIES: dict[Unit, tuple[str, ...]] = {
    "mm": ("diameter", "long axis", "short axis", "major axis", "minor axis", "length", "width", "height", "depth",
           "thickness", "perimeter"),
    "mm2": ("area",), "mm3": ("volume",), "deg": ("angle",),
    "HU": ("attenuation coefficient", "attenuation"), "SUV": ("suvbw", "suv", "standardized uptake value"),
}  # fmt: skip
"""What may be asked for, as meanings of the codes of DICOM CID 7469 and 7470, in lower case."""
CALLED = {"attenuation coefficient": "attenuation", "suvbw": "SUV", "suv": "SUV", "standardized uptake value": "SUV"}
STATISTICS = {
    "mean": "mean", "median": "median", "maximum": "maximum", "minimum": "minimum", "peak value within roi": "peak",
}  # fmt: skip
OF_MANY: frozenset[Unit] = frozenset(("HU", "SUV"))
"""Units of what each voxel has: without a statistic nothing is said."""


class StatedParams(TaskParams):
    """At most `per_sample` measurements, in the order of their names."""

    per_sample: int = Field(default=6, ge=1)


class Asked(NamedTuple):
    """A measurement under its concept and in plain words, in our unit."""

    concept: str
    quantity: str
    value: float
    unit: Unit
    said: Measured


class Stated(CaseTask):
    """Record type 15: a number that the source states of a thing, in its own unit in the evidence.

    Asked only where the Sample has one thing of that name, and where a picture shows it: the whole scan where it is
    kept, else a slice with the thing's mask or box, else the Sample's only picture.
    """

    name: ClassVar[str] = "measurement.stated"
    type: ClassVar[int] = 15
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"measured"}),)
    Params = StatedParams
    params: StatedParams

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        asked = [one for said in case.sample.measured if (one := _asked(case, said)) is not None]
        times = Counter((one.concept, one.quantity) for one in asked)
        alone = sorted((one for one in asked if times[one.concept, one.quantity] == 1), key=lambda one: one[:2])
        for one in alone[: self.params.per_sample]:
            shown = _shown(case, one)
            if shown is None:
                continue
            config, view, instances = shown
            key = case_key(self, case, (view,), one.concept, one.quantity)
            text = _text(one)
            slots = {"quantity": one.quantity, "the_concept": definite(context.vocabulary[one.concept]), "value": text}
            wording = context.templates[self.name].render(key, slots)
            facts = [_fact(one), *(instance.fact for instance in instances)]
            yield compose_case(
                self, case, (view,), key, wording, facts, config=config, form="numeric", concepts=(one.concept,),
                answer=Answer(text=text, number=one.value, unit=one.unit), places=boxed(instances, first_fact=1),
                measurements=(
                    Measurement(
                        name=one.quantity, value=one.value, unit=one.unit, fact=0,
                        method=one.said.method or "as the source states it",
                    ),
                ),
            )  # fmt: skip


def _asked(case: Case, said: Measured) -> Asked | None:
    unit, factor = UNITS.get(said.unit, (None, 1.0))
    name = said.name.strip().lower()
    if unit is None or name not in QUANTITIES[unit] or said.of is None or said.value <= 0:
        return None
    statistic = None if said.derivation is None else STATISTICS.get(said.derivation.strip().lower())
    if statistic is None and (said.derivation is not None or unit in OF_MANY):
        return None
    concept = case.naming.concept(said.of)
    if concept is None:
        return None
    quantity = " ".join(part for part in (statistic, CALLED.get(name, name)) if part)
    return Asked(concept, quantity, said.value * factor, unit, said)


def _shown(case: Case, one: Asked) -> tuple[Config, View, tuple[Instance, ...]] | None:
    """What is shown, under which config, and the thing in it."""
    for view in case.whole:
        if view.media == one.said.media:
            return "volume" if view.kind == "volume" else "video", view, ()
    scenes = case.of(one.said.media)
    seen = [scene for scene in scenes if len(scene.by_concept.get(one.concept, ())) == 1]
    if seen:
        best = max(seen, key=lambda scene: _size(scene, one.concept))
        return "vqa", best.view, best.by_concept[one.concept]
    alone = len(case.sample.media) == 1 and case.sample.media[0].kind == "picture" and len(scenes) == 1
    return ("vqa", scenes[0].view, ()) if alone and not scenes[0].by_concept.get(one.concept) else None


def _size(scene: Scene, concept: str) -> tuple[bool, float]:
    (instance,) = scene.by_concept[concept]
    return instance.largest_section, instance.area_fraction


def _text(one: Asked) -> str:
    if one.unit == "mm":
        return millimetres(one.value)
    if one.unit == "mm2":
        return f"{one.value:.1f} mm²"
    if one.unit == "mm3":
        return f"{one.value / 1000:.1f} ml" if one.value >= 1000 else f"{one.value:.0f} mm³"
    return {"deg": f"{one.value:.1f}°", "HU": f"{one.value:.0f} HU", "SUV": f"{one.value:.2f}"}[one.unit]


def _fact(one: Asked) -> Fact:
    """The source's own number, in its own unit."""
    said = one.said
    return Fact(
        concept=one.concept, predicate="measured", number=said.value, unit=said.unit, source_name=said.of,
        value=said.name if said.derivation is None else f"{said.name}, {said.derivation}",
        file=said.pointer.split("#", 1)[0], pointer=said.pointer,
    )  # fmt: skip
