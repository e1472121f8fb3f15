"""Film: a frontal chest radiograph of one visit, and the masks of what it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom import organs
from medloom.converters.phantom.chest import Chest
from medloom.converters.phantom.projection import Plate, shadow
from medloom.converters.phantom.shapes import Floats, Shape, clipped, covered
from medloom.converters.phantom.strands import arms
from medloom.schemas.identity import seed

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Film:
    """`picture` (height, width) uint8; `masks` by object id (organs: concept id), of the same size.

    `volumes_mm3` holds the integral over the film of what has no volume by formula (effusions).
    """

    picture: NDArray[np.uint8]
    plate: Plate
    masks: dict[str, Mask]
    volumes_mm3: dict[str, float]
    cardiothoracic_ratio: float


def film(chest: Chest, visit: int, clinic_seed: int, portable: bool) -> Film:
    """The radiograph of a visit (from 0). `portable` films (AP) are noisier and flatter, their patients lie askew."""
    patient = chest.patient
    draw = np.random.default_rng(seed(clinic_seed, "film", patient.key, visit))
    plate = _plate(draw, portable)
    x, z = plate.plane()
    air = {side: _air(chest, side, x, z) for side in ("left", "right")}
    heart = _silhouette(chest.scene.shapes("heart"), x, z)
    masks: dict[str, Mask] = {"heart": heart}
    volumes: dict[str, float] = {}
    filled = np.zeros_like(air["left"])
    for side in ("left", "right"):
        field = (air[side] > 10.0) & ~heart
        fluid = _fluid(chest, visit, side, x, z)
        if fluid is not None:
            key = f"{patient.key}-effusion-{side}"
            masks[key] = field & (fluid > 0.5)
            volumes[key] = float((air[side] * fluid).sum()) * plate.spacing_mm**2
            filled += air[side] * fluid
            field &= ~masks[key]
        masks[f"lung_{side}"] = field
    seen, patches = _lesions(chest, visit, plate, air, draw)
    masks.update({key: mask & (masks["lung_left"] | masks["lung_right"]) for key, mask in patches.items()})
    reach = float(draw.uniform(0.94, 1.2))
    water = _water(chest, reach, x, z) - 0.8 * (air["left"] + air["right"] - 0.9 * filled) + seen
    dense = tuple(strand for strand in chest.scene.strands if strand.value > 100)
    water += 2.0 * shadow((*dense, *(strand.moved((reach, 1.0, 1.0)) for strand in arms())), plate)
    return Film(_shown(water, draw, portable), plate, masks, volumes, _ratio(masks, heart))


def _plate(draw: np.random.Generator, portable: bool) -> Plate:
    """Detectors and habits differ: size of the film, of its pixels, and where the patient stands before it."""
    width, height = ((512, 512), (480, 544), (544, 512))[int(draw.integers(3))]
    across_mm, tilt = float(draw.uniform(345, 460)), 5.0 if portable else 3.5
    far = min(34.0, across_mm / 2 - 162)  # both lungs stay on the film
    x, z = float(draw.uniform(-far, far)), 106 + float(draw.uniform(-26, 20))
    return Plate((width, height), round(across_mm / width, 3), (x, z), float(draw.uniform(-tilt, tilt)))


def _air(chest: Chest, side: str, x: Floats, z: Floats) -> Floats:
    """mm of lung along each ray, without what lies in front of it, within it or behind it."""
    lung = chest.scene.shapes(f"lung_{side}")[0]
    start, end = lung.chord(x, z)
    hit = end > start
    x, z, window = x[hit], z[hit], (start[hit], end[hit])
    found = np.zeros(hit.shape, np.float32)
    found[hit] = window[1] - window[0] - covered([clipped(shape.chord(x, z), window) for shape in _solid(chest)])
    return found


def _solid(chest: Chest) -> list[Shape]:
    """What displaces lung."""
    found = [
        shape for concept in ("liver", "heart", "aorta", "vertebral_column") for shape in chest.scene.shapes(concept)
    ]
    return found + [part.shape for part in chest.scene.parts if part.role in ("mediastinum", "left_dome")]


def _water(chest: Chest, reach: float, x: Floats, z: Floats) -> Floats:
    """mm of water as heavy as the body along each ray, were it without lungs and ribs; `reach` spreads the arms."""
    body = [part.shape for part in chest.scene.parts if part.role == "body"]
    arm = organs.ARM_RIGHT.scaled((reach, 1.0, 1.0))
    total = covered([shape.chord(x, z) for shape in (*body, arm, arm.mirrored())])
    for part in chest.scene.parts:
        start, end = (
            part.shape.chord(x, z) if part.role in ("gas", "airway") or part.concept == "vertebral_column" else (0, 0)
        )
        weight = {"gas": -0.8, "airway": -0.75}.get(part.role or "", part.value / 1250)
        total = total + weight * (end - start)
    return total


def _fluid(chest: Chest, visit: int, side: str, x: Floats, z: Floats) -> Floats | None:
    """Share of the lung's depth that an effusion fills: 1 below its level, 0 above."""
    effusion = chest.patient.course.effusion
    if effusion is None or effusion[0] != side or effusion[1][visit] is None:
        return None
    level = chest.level(effusion[1][visit] or 0.0, x)
    return np.asarray(np.clip((level - z) / 5.0 + 0.5, 0.0, 1.0))


def _silhouette(shapes: list[Shape], x: Floats, z: Floats) -> Mask:
    found = np.zeros(np.broadcast_shapes(x.shape, z.shape), bool)
    for shape in shapes:
        start, end = shape.chord(x, z)
        found |= (end - start) > 0
    return found


def _lesions(
    chest: Chest, visit: int, plate: Plate, air: dict[str, Floats], draw: np.random.Generator
) -> tuple[Floats, dict[str, Mask]]:
    """Water that nodules and consolidations add, and their outlines."""
    x, z = plate.plane()
    total = np.zeros(air["left"].shape, np.float32)
    outlines: dict[str, Mask] = {}
    for nodule in chest.nodules:
        shape = nodule.shapes[visit]
        if shape is not None:
            start, end = shape.chord(x, z)
            total += 1.7 * (end - start)
            outlines[nodule.key] = (end - start) > 0
    course = chest.patient.course.consolidation
    if course is not None and course[1][visit] and chest.consolidation is not None:
        start, end = chest.consolidation.chord(x, z)
        patchy = _clouds(draw, total.shape, 7.0)
        total += np.minimum(end - start, air[course[0]]) * np.clip(0.55 + 0.22 * patchy, 0.1, 0.9)
        outlines[f"{chest.patient.key}-consolidation-{course[0]}"] = (end - start) > 0
    return total, outlines


def _clouds(draw: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Floats:
    import cv2

    noise = cv2.GaussianBlur(draw.standard_normal(shape, dtype=np.float32), (0, 0), sigma)
    return np.asarray(noise / noise.std())


def _shown(water: Floats, draw: np.random.Generator, portable: bool) -> NDArray[np.uint8]:
    """As a digital detector shows it: blur, noise, a tone curve, lifted local contrast, the collimator's rim."""
    import cv2

    sharp = cv2.GaussianBlur(water.astype(np.float32), (0, 0), 1.0 if portable else 0.7)
    local = sharp - cv2.GaussianBlur(sharp, (0, 0), float(draw.uniform(20, 36)))
    middle, lift = float(draw.uniform(125, 165)), float(draw.uniform(0.0042, 0.006)) * (0.8 if portable else 1.0)
    grey = np.tanh((sharp - middle) / 110) * 0.5 + local * lift
    grey += 0.012 * _clouds(draw, grey.shape, 0.6) * (1.7 if portable else 1.0) + 0.006 * _clouds(draw, grey.shape, 6.0)
    low, high = np.percentile(grey, [1.0, 99.7])
    shown = np.clip((grey - low) / (high - low), 0, 1) ** float(draw.uniform(0.85, 1.35))
    top, left, bottom, right = (int(value) for value in np.maximum(draw.integers(-24, 34, 4), 0))
    height, width = shown.shape
    open_field = np.zeros_like(shown)
    open_field[top : height - bottom, left : width - right] = 1
    return np.asarray(np.rint(shown * (0.06 + 0.94 * open_field) * 255), np.uint8)


def _ratio(masks: dict[str, Mask], heart: Mask) -> float:
    """Cardiothoracic ratio: greatest width of the heart over greatest inner width of the chest."""
    chest = np.logical_or.reduce(list(masks.values()))
    columns, across = np.nonzero(heart.any(axis=0))[0], np.nonzero(chest.any(axis=0))[0]
    return float((columns[-1] - columns[0] + 1) / (across[-1] - across[0] + 1))
