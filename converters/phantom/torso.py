"""Torso: one patient's chest and abdomen as a Scene in HU, from neck to kidneys; z = 0 near the right diaphragm's top.

Proportions follow an average adult; each patient's are drawn from the seed. Values are those of a portal venous CT.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom import organs
from medloom.converters.phantom.organs import CAGE
from medloom.converters.phantom.scene import Part, Scene, Strand
from medloom.converters.phantom.shapes import Ellipsoid, Shape, Triple, Within, turned
from medloom.converters.phantom.strands import bones, tree
from medloom.schemas.identity import seed

FAT, MUSCLE, LUNG, BLOOD = -100.0, 58.0, -840.0, 165.0
LIVER_LEFT = Ellipsoid.of((20, 46, -38), (66, 28, 34), turned(y=14, z=-12))
BOWEL = ((10, 42), (-48, 40), (46, 44), (-20, 12), (26, 6), (-66, 18), (70, 22), (-6, 60), (-30, 58), (38, 66))


def torso(patient: str, clinic_seed: int, female: bool, heart: float = 1.0, inverted: bool = False) -> Scene:
    """The patient's body without any lesion. `heart` enlarges the heart; `inverted` is situs inversus."""
    draw = np.random.default_rng(seed(clinic_seed, "torso", patient))
    stout = float(draw.uniform(0.98, 1.16))
    heart *= float(draw.uniform(0.93, 1.02))
    parts = (*_frame(stout), *_abdomen(draw), *_heart(heart), *_spine())
    if female:
        parts = (*_breasts(draw), *parts)
    scene = Scene(parts, (*bones(), *_vessels(draw)), air=-1000.0)
    wide, deep, tall = (float(factor) for factor in draw.uniform((0.86, 0.86, 0.9), (1.07, 1.1, 1.08)))
    scene = scene.stretched((wide, deep, tall))
    return scene.mirrored() if inverted else scene


def _frame(stout: float) -> tuple[Part, ...]:
    """`stout` widens the skin and the fat under it, not what is inside."""
    return (
        Part(organs.BODY.scaled((stout, stout, 1.0)), FAT, texture=8, role="body"),
        Part(organs.WALL, MUSCLE, texture=16),
        Part(organs.MEDIASTINUM, 15, texture=18, role="mediastinum"),
        Part(Within(organs.LUNG_RIGHT, CAGE), LUNG, "lung_right", 22),
        Part(Within(organs.LUNG_RIGHT.mirrored(), CAGE), LUNG, "lung_left", 22),
        Part(organs.TRACHEA, -990, role="airway"),
    )


def _breasts(draw: np.random.Generator) -> tuple[Part, ...]:
    size, low = float(draw.uniform(0.75, 1.2)), float(draw.uniform(-12, 12))
    right = Ellipsoid.of((80, 92, 36 + low), (54 * size, 52 * size, 46 * size), turned(z=-18))
    return tuple(Part(one, FAT + 20, texture=26, role="body") for one in (right, right.mirrored()))


def _abdomen(draw: np.random.Generator) -> tuple[Part, ...]:
    def organ(centre: Triple, axes: Triple, x: float = 0, y: float = 0, z: float = 0) -> Ellipsoid:
        turn = turned(*(angle + draw.uniform(-6, 6) for angle in (x, y, z)))
        a, b, c = (float(axis * draw.uniform(0.85, 1.12)) for axis in axes)
        p, q, r = (float(at + draw.uniform(-6, 6)) for at in centre)
        return Ellipsoid.of((p, q, r), (a, b, c), turn)

    loops = [
        organ((x, y, -122 - 34 * layer + draw.uniform(-8, 8)), (21, 18, 17), y=40)
        for layer in range(4)
        for x, y in BOWEL[layer % 2 :: 2]
    ]
    left = organ((-62, -46, -112), (27, 24, 54), z=-25, y=-8)
    right = organ((64, -44, -124), (26, 24, 52), z=25, y=8)
    stomach = organ((-60, 32, -50), (38, 34, 36), y=20)
    gas = [Ellipsoid.of((c[0], c[1] + 6, c[2] + 3), (9, 7, 8)) for c in (loop.centre for loop in loops[::3])]
    sinus = [Ellipsoid.of((x * 0.86, y + 4, z), (10, 8, 24)) for x, y, z in (left.centre, right.centre)]
    return (
        Part(Within(organs.LEFT_DOME, CAGE), FAT, texture=12, role="left_dome"),
        Part(Within(organs.BELLY, CAGE), FAT, texture=12),
        *(Part(muscle, MUSCLE, texture=14) for muscle in (organs.PSOAS_RIGHT, organs.PSOAS_RIGHT.mirrored())),
        *(Part(Within(loop, CAGE), 40, texture=26) for loop in loops),
        *(Part(bubble, -750, tint=True) for bubble in gas),
        *(Part(Within(colon, CAGE), -40, texture=140) for colon in (organs.COLON_RIGHT, organs.COLON_LEFT)),
        Part(organs.VENA_CAVA, 140, texture=10),
        Part(Within(stomach, CAGE), 32, texture=18),
        Part(Ellipsoid.of((-70, 48, -40), (22, 12, 16)), -940, tint=True, role="gas"),
        Part(organ((14, 6, -98), (54, 12, 15), y=-22, z=10), 92, texture=22),
        Part(Within(organs.LIVER_RIGHT, CAGE), 112, "liver", 15),
        Part(Within(LIVER_LEFT, CAGE), 112, "liver", 15),
        Part(organ((50, 42, -98), (14, 18, 22), x=20), 8, "gallbladder", 8),
        Part(Within(organ((-104, -36, -60), (24, 42, 46), x=18, z=-18), CAGE), 124, "spleen", 13),
        Part(left, 178, "kidney_left", 24),
        Part(right, 178, "kidney_right", 24),
        *(Part(pelvis, 10, texture=20, tint=True) for pelvis in sinus),
    )


def _heart(size: float) -> tuple[Part, ...]:
    """Two bodies for the heart, three for the aorta, and the trunk of the pulmonary artery."""
    shift = -16 * (size - 1)
    left = Ellipsoid.of((-26 + shift, 26, 40), (66 * size, 44 * size**0.5, 50 * size**0.7), turned(y=-28, z=24))
    right = Ellipsoid.of((18, 22, 52), (33 * size**0.6, 34, 44))
    chamber = Ellipsoid.of((-36 + shift, 30, 36), (36 * size, 22, 26), turned(y=-28, z=24))
    return (
        Part(organs.AORTA_UP, BLOOD, "aorta", 10),
        Part(Ellipsoid.of((-22, 18, 98), (18, 28, 20), turned(z=30)), BLOOD, texture=10),
        Part(right, 152, "heart", 14),
        Part(left, 128, "heart", 14),
        Part(chamber, 176, texture=8, tint=True),
        Part(Ellipsoid.of((-8, -4, 126), (14, 42, 15), turned(z=-32)), BLOOD, "aorta", 10),
        Part(organs.AORTA_DOWN, BLOOD, "aorta", 10),
    )


def _spine() -> tuple[Part, ...]:
    discs = [Ellipsoid.of((x, y, z), (18.0, 15.0, 3.5)) for z, x, y, _, _ in organs.SPINE.knots[1::2]]
    return (
        Part(organs.ARCH, 330, "vertebral_column", 40),
        Part(organs.SPINE, 230, "vertebral_column", 45),
        *(Part(disc, 85, texture=15, tint=True) for disc in discs),
        Part(organs.CANAL, 25, texture=8, tint=True),
    )


def _vessels(draw: np.random.Generator) -> tuple[Strand, ...]:
    """Vessel trees of both lungs and of the liver."""
    left, right = _heart(1.0)[3].shape, _heart(1.0)[2].shape
    solid = (left, right, organs.MEDIASTINUM, organs.LIVER_RIGHT, organs.LEFT_DOME)
    found: tuple[Strand, ...] = ()
    for lung, x in ((organs.LUNG_RIGHT, 34.0), (organs.LUNG_RIGHT.mirrored(), -38.0)):
        found += tree(draw, (x, -6.0, 88.0), _inside(Within(lung, CAGE), solid), 840.0, 3.4, 42.0, first=16, levels=5)
    return found + tree(
        draw, (42.0, 4.0, -60.0), _inside(Within(organs.LIVER_RIGHT, CAGE)), 55.0, 5.0, 44.0, first=7, levels=3
    )


def _inside(shape: Shape, holes: tuple[Shape, ...] = ()) -> Callable[[NDArray[np.float64]], NDArray[np.bool_]]:
    def keep(points: NDArray[np.float64]) -> NDArray[np.bool_]:
        x, y, z = points.T
        kept = shape.radius(x, y, z) < 0.96
        for hole in holes:
            kept &= hole.radius(x, y, z) > 1.0
        return np.asarray(kept)

    return keep
