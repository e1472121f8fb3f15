"""Chest: what lies inside a patient's lungs at each visit. Places are drawn once, so that films can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from medloom.converters.phantom.course import Patient
from medloom.converters.phantom.scene import Part, Scene
from medloom.converters.phantom.shapes import Ellipsoid, Floats, Shape, turned
from medloom.converters.phantom.torso import torso
from medloom.schemas.identity import seed

NODULE_HU = 70.0
LARGE_HEART = 1.3


@dataclass(frozen=True)
class Nodule:
    """`shape` by visit, None where there is no such nodule; its long axis lies in the frontal plane."""

    key: str
    shapes: tuple[Ellipsoid | None, ...]
    sizes_mm: tuple[float | None, ...]


@dataclass(frozen=True)
class Chest:
    """A patient's torso with the places of nodules and consolidation, RAS mm."""

    patient: Patient
    scene: Scene
    nodules: tuple[Nodule, ...]
    consolidation: Ellipsoid | None

    @classmethod
    def of(cls, patient: Patient, clinic_seed: int) -> Chest:
        course = patient.course
        scene = torso(
            patient.key,
            clinic_seed,
            patient.sex == "female",
            LARGE_HEART if course.large_heart else 1.0,
            course.inverted,
        )
        draw = np.random.default_rng(seed(clinic_seed, "chest", patient.key))
        return cls(patient, scene, _nodules(patient, scene, draw), _consolidation(patient, scene, draw))

    @cached_property
    def dome_mm(self) -> float:
        """Height, z in RAS mm, of the top of the right diaphragm."""
        return _dome(self.scene)

    def level(self, height_mm: float, x: Floats) -> Floats:
        """Height z of an upright effusion's surface above x: it climbs the chest wall (the meniscus)."""
        return _level(self.dome_mm, height_mm, x)

    def parts(self, visit: int) -> tuple[Part, ...]:
        """The nodules of one visit (from 0), as bodies of a volume."""
        return tuple(
            Part(shape, NODULE_HU, "lung_nodule", texture=10, object_id=nodule.key)
            for nodule in self.nodules
            if (shape := nodule.shapes[visit]) is not None
        )

    def zone(self, z: float) -> Literal["upper", "middle", "lower"]:
        """Upper, middle or lower third of the lungs."""
        top = max(shape.bounds[1][2] for shape in self.scene.shapes("lung_right"))
        third = (z - self.dome_mm) / (top - self.dome_mm) * 3
        return "lower" if third < 1 else "middle" if third < 2 else "upper"


def _dome(scene: Scene) -> float:
    return max(shape.bounds[1][2] for shape in scene.shapes("liver"))


def _level(dome_mm: float, height_mm: float, x: Floats) -> Floats:
    outwards = np.clip((np.abs(x) - 70.0) / 70.0, 0.0, 1.4)
    return np.asarray(dome_mm + height_mm - 14.0 + 30.0 * outwards**2)


def _nodules(patient: Patient, scene: Scene, draw: np.random.Generator) -> tuple[Nodule, ...]:
    found: list[Nodule] = []
    effusion = patient.course.effusion
    flood_mm = max((height or 0.0 for height in effusion[1]), default=0.0) if effusion else 0.0
    taken: list[tuple[float, float, float]] = []
    for number, sizes in enumerate(patient.course.nodules, start=1):
        largest = max(size for size in sizes if size is not None)
        x, y, z = _free_place(scene, largest / 2, flood_mm, taken, draw)
        taken.append((x, z, largest / 2))
        depth, height = draw.uniform(0.78, 0.95, 2)
        turn = turned(y=float(draw.uniform(-60, 60)))
        shapes = tuple(
            None if size is None else Ellipsoid.of((x, y, z), (size / 2, size / 2 * depth, size / 2 * height), turn)
            for size in sizes
        )
        found.append(Nodule(f"{patient.key}-nodule-{number}", shapes, sizes))
    return tuple(found)


def _free_place(
    scene: Scene, radius: float, flood_mm: float, taken: list[tuple[float, float, float]], draw: np.random.Generator
) -> tuple[float, float, float]:
    """A place in a lung where a frontal film shows a nodule: above any effusion, not behind heart, liver or spine, nor
    on another one."""
    hidden = [
        *scene.shapes("heart"),
        *scene.shapes("liver"),
        *scene.shapes("vertebral_column"),
        *scene.shapes("spleen"),
    ]
    lungs = [*scene.shapes("lung_left"), *scene.shapes("lung_right")]
    around = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    while True:
        lung = lungs[int(draw.integers(2))]
        low, high = lung.bounds
        x, z = float(draw.uniform(low[0], high[0])), float(draw.uniform(35.0, high[2] - 20))
        rim = x + (radius + 5) * np.cos(around), z + (radius + 5) * np.sin(around)
        near = any(np.hypot(x - a, z - b) < radius + r + 14 for a, b, r in taken)
        if near or _deep(lung, *rim) < 2 * radius + 22 or (rim[1] < _level(_dome(scene), flood_mm, rim[0])).any():
            continue
        if not any(_deep(shape, *rim, most=True) > 0 for shape in hidden):
            start, end = lung.chord(np.array(x), np.array(z))
            return x, float(start + (end - start) * draw.uniform(0.4, 0.6)), z


def _deep(shape: Shape, x: Floats, z: Floats, most: bool = False) -> float:
    start, end = shape.chord(x, z)
    return float((end - start).max() if most else (end - start).min())


def _consolidation(patient: Patient, scene: Scene, draw: np.random.Generator) -> Ellipsoid | None:
    if patient.course.consolidation is None:
        return None
    side = patient.course.consolidation[0]
    lung = scene.shapes(f"lung_{side}")[0]
    (x0, _, _), (x1, _, _) = lung.bounds
    x = (x0 + x1) / 2 + (8.0 if side == "right" else -8.0)
    z = float(draw.uniform(75, 115))
    start, end = lung.chord(np.array(x), np.array(z))
    axes = tuple(float(value) for value in draw.uniform((24, 30, 20), (32, 40, 28)))
    return Ellipsoid.of(
        (x, float(start + end) / 2, z), (axes[0], axes[1], axes[2]), turned(y=float(draw.uniform(-30, 30)))
    )
