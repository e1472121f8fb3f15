"""Head: a brain as a T1-weighted MR scan after contrast shows it, in units of white matter; RAS mm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.course import Patient
from medloom.converters.phantom.grid import Grid
from medloom.converters.phantom.painting import Painted, paint
from medloom.converters.phantom.scene import Part, Scene, reach
from medloom.converters.phantom.shapes import Ellipsoid, Shape, Triple, turned
from medloom.schemas.identity import seed

FAT, SKIN, SKULL, CSF, GREY, WHITE = 1.35, 0.62, 0.07, 0.24, 0.7, 1.0
RIM, CORE, OEDEMA = 1.42, 0.42, 0.6
HEMISPHERES = Ellipsoid.of((0, -4, 12), (63, 81, 66))


def head(patient: Patient, clinic_seed: int, tumour: bool, size: float = 1.0) -> Scene:
    """The patient's head; `tumour` adds one with a bright rim, a dark core and oedema around it, whose axes are `size`
    (up to 1) of its largest ones.
    """
    draw = np.random.default_rng(seed(clinic_seed, "head", patient.key))
    wide = float(draw.uniform(0.8, 1.35))
    scene = Scene((*_skull(), *_brain(), *_ventricles(wide)), (), air=0.0)
    a, b, c = (float(factor) for factor in draw.uniform(0.94, 1.06, 3))
    scene = scene.stretched((a, b, c))
    return scene.with_parts(*_tumour(patient.key, scene, draw, size)) if tumour else scene


def painted_head(scene: Scene, grid: Grid, draw: np.random.Generator) -> Painted:
    """The head with its cortex folded: white matter reaches into the gyri, CSF into the sulci between them."""
    from scipy.ndimage import gaussian_filter

    painted = paint(scene, grid)
    block = grid.block(*scene.shapes("brain")[0].bounds)
    if block is None:
        return painted
    hemispheres = scene.shapes("brain")[0].radius(*grid.coordinates(block))
    folds = gaussian_filter(
        draw.standard_normal(hemispheres.shape, dtype=np.float32), [3.2 / s for s in grid.spacing_mm]
    )
    folds /= float(folds.std())
    white = np.clip((0.8 + 0.085 * folds - hemispheres) * 26 + 0.5, 0, 1)
    sulci = np.clip((0.36 - np.abs(folds)) * 3, 0, 1) * np.clip((hemispheres - 0.8) * 9, 0, 1)
    plain = painted.part[block] == 1 + next(i for i, part in enumerate(scene.parts) if part.concept == "brain")
    values = painted.values[block]
    values += plain * white * (WHITE - GREY)
    values += plain * sulci * (CSF - values)
    return painted


def scanned(painted: Painted, draw: np.random.Generator, noise: float = 0.022) -> NDArray[np.float32]:
    """Magnitude signal: a coil that hears one side better, grain, and Rician noise."""
    from medloom.converters.phantom.painting import grained

    block = (slice(0, painted.grid.shape[0]), slice(0, painted.grid.shape[1]), slice(0, painted.grid.shape[2]))
    x, y, z = painted.grid.coordinates(block)
    lean = draw.uniform(-0.0011, 0.0011, 3)
    coil = 1 + lean[0] * x + lean[1] * y + lean[2] * z
    signal = np.maximum(grained(painted, draw, 0.0, clump_mm=5.0), 0) * coil
    real, imaginary = (draw.standard_normal(painted.grid.shape, dtype=np.float32) * np.float32(noise) for _ in range(2))
    return np.asarray(np.hypot(signal + real, imaginary), np.float32)


def _skull() -> tuple[Part, ...]:
    eyes = [Ellipsoid.of((side * 32, 78, -34), (12, 12, 12)) for side in (1, -1)]
    return (
        Part(Ellipsoid.of((0, -2, 4), (76, 97, 88)), SKIN, texture=0.03),
        Part(Ellipsoid.of((0, -2, 4), (73.5, 94, 85)), FAT, texture=0.08),
        Part(Ellipsoid.of((0, -3, 7), (70, 90, 78)), SKULL, texture=0.02),
        *(Part(eye, CSF, texture=0.03) for eye in eyes),
        Part(Ellipsoid.of((0, -4, 10), (65.5, 84, 70)), CSF, texture=0.03),
    )


def _brain() -> tuple[Part, ...]:
    return (
        Part(HEMISPHERES, GREY, "brain", texture=0.045),
        Part(Ellipsoid.of((0, -52, -40), (46, 28, 20), turned(x=-14)), 0.8, "brain", texture=0.06),
        Part(Ellipsoid.of((0, -18, -48), (13, 13, 32), turned(x=12)), 0.96, "brain", texture=0.04),
        Part(Ellipsoid.of((0, -4, 56), (1.6, 72, 27)), CSF, tint=True),
        *(Part(Ellipsoid.of((side * 15, -4, 7), (7, 13, 9), turned(z=side * 20)), 0.76, tint=True) for side in (1, -1)),
        *(Part(Ellipsoid.of((side * 25, 6, 8), (5, 17, 10), turned(z=side * -16)), 0.8, tint=True) for side in (1, -1)),
    )


def _ventricles(wide: float) -> tuple[Part, ...]:
    horns: tuple[tuple[Triple, Triple, float], ...] = (
        ((9, 6, 21), (5 * wide, 27, 7.5 * wide), -8),
        ((11, 27, 14), (5 * wide, 13, 9 * wide), -28),
        ((20, -33, 13), (6.5 * wide, 17, 9 * wide), 22),
    )
    found = []
    for (x, y, z), axes, angle in horns:
        right = Ellipsoid.of((x, y, z), axes, turned(z=angle))
        found += [Part(body, CSF, "lateral_ventricle", texture=0.02) for body in (right, right.mirrored())]
    return (*found, Part(Ellipsoid.of((0, -4, 4), (2.5 * wide, 13, 9)), CSF, tint=True))


def _tumour(patient: str, scene: Scene, draw: np.random.Generator, size: float) -> tuple[Part, ...]:
    """In one hemisphere, clear of the ventricles and of the midline."""
    hull, ventricles = scene.shapes("brain")[:1], scene.shapes("lateral_ventricle")
    middle: list[Shape] = [Ellipsoid.of((0, 0, 0), (6, 200, 200))]
    while True:
        x, y, z = (float(value) for value in draw.uniform((-50, -55, -8), (50, 55, 48)))
        long = float(draw.uniform(9.0, 19.0))
        a, b = (float(long * ratio) for ratio in draw.uniform(0.7, 1.0, 2))
        turn = turned(*(float(angle) for angle in draw.uniform(-90, 90, 3)))
        tumour = Ellipsoid.of((x, y, z), (long, a, b), turn)
        clear = reach(tumour, ventricles)[0] > 1.1 and reach(tumour, middle)[0] > 1.0
        if clear and reach(tumour, hull)[1] < 0.88:
            break
    if size != 1:
        long, a, b = long * size, a * size, b * size
        tumour = Ellipsoid.of((x, y, z), (long, a, b), turn)
    around = Ellipsoid.of((x, y, z), (long * 1.5, a * 1.6, b * 1.5), turn)
    return (
        Part(around, OEDEMA, "brain_oedema", texture=0.03, edge_mm=3.0),
        *(part for part in scene.parts if part.concept == "lateral_ventricle"),
        Part(tumour, RIM, "brain_tumour", texture=0.08, object_id=f"{patient}-tumour"),
        Part(
            Ellipsoid.of((x, y, z), (long * 0.66, a * 0.62, b * 0.64), turn), CORE, texture=0.06, tint=True, edge_mm=1.0
        ),
    )
