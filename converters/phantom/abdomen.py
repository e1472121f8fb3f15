"""Abdomen: the patient's torso with liver lesions of known size, for CT."""

from __future__ import annotations

import numpy as np

from medloom.converters.phantom.course import Patient
from medloom.converters.phantom.scene import Part, Scene, reach
from medloom.converters.phantom.shapes import Ellipsoid, Shape, turned
from medloom.converters.phantom.torso import torso
from medloom.schemas.identity import seed

LESION_HU = 40.0
BESIDE = ("kidney_left", "kidney_right", "spleen", "gallbladder")


def abdomen(patient: Patient, clinic_seed: int) -> Scene:
    """The torso and its liver lesions: whole ellipsoids inside the liver that don't touch each other."""
    scene = torso(patient.key, clinic_seed, patient.sex == "female", inverted=patient.course.inverted)
    draw = np.random.default_rng(seed(clinic_seed, "abdomen", patient.key))
    liver = scene.shapes("liver")
    beside: list[Shape] = [body for name in BESIDE for body in scene.shapes(name)]
    lesions: list[Part] = []
    while len(lesions) < patient.course.liver_lesions:
        lesion = _drawn(draw, liver[0])
        if reach(lesion, liver)[1] < 0.95 and all(reach(lesion, [body])[0] > 1.1 for body in beside):
            key = f"{patient.key}-liver-{len(lesions) + 1}"
            lesions.append(Part(lesion, LESION_HU, "liver_lesion", texture=14, object_id=key))
            beside.append(lesion)
    return scene.with_parts(*lesions)


def _drawn(draw: np.random.Generator, liver: Shape) -> Ellipsoid:
    """Somewhere near the liver, between the diaphragm and the lowest slices."""
    (x0, y0, _), (x1, y1, _) = liver.bounds
    x, y, z = (float(value) for value in draw.uniform((x0, y0, -110.0), (x1, y1, -14.0)))
    size = float(draw.uniform(6.0, 22.0))
    across, along = (float(size * ratio) for ratio in draw.uniform(0.65, 1.0, 2))
    a, b, c = (float(angle) for angle in draw.uniform(-90, 90, 3))
    return Ellipsoid.of((x, y, z), (size, across, along), turned(a, b, c))
