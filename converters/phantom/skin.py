"""Skin: close-up pictures of made-up skin lesions, of four kinds that differ in outline, colour and pattern."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Kind:
    """One kind of lesion. `ragged` is the share by which its outline varies, `soft_px` its border's width.

    `colours` (RGB) are mixed in patches of `patch_px`; `spots` are (colour, number, greatest radius in px).
    """

    ragged: float
    soft_px: float
    colours: tuple[Colour, ...]
    patch_px: float
    spots: tuple[tuple[Colour, int, float], ...] = ()
    vessels: int = 0
    network: float = 0.0


KINDS = {
    "melanocytic_naevus": Kind(0.05, 5.0, ((122, 74, 48), (142, 92, 62)), 22.0, network=14.0),
    "melanoma": Kind(
        0.15, 2.5, ((58, 34, 30), (112, 66, 44), (84, 80, 92), (140, 84, 72), (34, 24, 26)), 13.0,
        spots=(((30, 20, 22), 14, 3.0),), network=9.0,
    ),
    "basal_cell_carcinoma": Kind(
        0.10, 4.0, ((206, 138, 130), (222, 164, 152), (196, 120, 116)), 16.0,
        spots=(((88, 86, 108), 5, 5.0), ((242, 226, 220), 7, 3.0)), vessels=6,
    ),
    "seborrhoeic_keratosis": Kind(
        0.07, 1.2, ((150, 112, 76), (128, 92, 62), (172, 134, 96)), 8.0,
        spots=(((74, 50, 36), 26, 3.2), ((232, 214, 186), 14, 2.2)),
    ),
}  # fmt: skip
"""By concept."""

TONES: tuple[Colour, ...] = ((232, 190, 168), (222, 172, 148), (198, 148, 120), (168, 118, 92))
SIZE = (256, 192)


def skin_lesion(concept: str, draw: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """An RGB picture (height, width, 3) and the lesion's mask (height, width)."""
    kind = KINDS[concept]
    picture = _skin(draw)
    inside, share = _outline(kind, draw)
    body = _patches(kind, draw)
    if kind.network:
        lines = np.abs(_noise(draw, 3.2)) - 0.6
        body -= np.clip(-lines, 0, 1)[:, :, None] * kind.network
    picture += share[:, :, None] * (body - picture)
    for colour, count, radius in kind.spots:
        _dots(picture, inside, colour, count, radius, draw)
    starts = [_start(inside, draw) for _ in range(kind.vessels)]
    _curves(picture, starts, (168, 44, 52), draw, length_px=34)
    hairs = draw.uniform((0, 0), SIZE, (int(draw.integers(0, 7)), 2))
    _curves(picture, [(float(x), float(y)) for x, y in hairs], (52, 36, 30), draw, length_px=130)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.6) + 2 * draw.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8), inside


def _skin(draw: np.random.Generator) -> Image:
    """Bare skin under a dermatoscope's ring of light."""
    tone = np.array(TONES[int(draw.integers(len(TONES)))], np.float32) * float(draw.uniform(0.94, 1.05))
    width, height = SIZE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    far = np.hypot((x - width / 2) / width, (y - height / 2) / height)
    light = 1.04 - 0.55 * np.clip(far - 0.25, 0, 1) ** 1.5 * 2
    furrows = np.clip(0.35 - np.abs(_noise(draw, 5.0)), 0, 1) * -16 + _noise(draw, 30.0) * 3.5
    return np.asarray((tone[None, None] + furrows[:, :, None]) * light[:, :, None], np.float32)


def _outline(kind: Kind, draw: np.random.Generator) -> tuple[NDArray[np.bool_], Image]:
    """The mask, and how much of each pixel is lesion."""
    width, height = SIZE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    cx, cy = width / 2 + draw.uniform(-22, 22), height / 2 + draw.uniform(-14, 14)
    stretch, turn = draw.uniform(0.75, 1.0), draw.uniform(0, np.pi)
    u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
    v = (-(x - cx) * np.sin(turn) + (y - cy) * np.cos(turn)) / stretch
    angle, base = np.arctan2(v, u), float(draw.uniform(38, 62))
    rim = np.ones_like(angle)
    for wave in range(2, 9):
        rim += kind.ragged / wave**0.6 * draw.normal() * np.cos(wave * angle + draw.uniform(0, 2 * np.pi))
    depth = base * np.maximum(rim, 0.45) - np.hypot(u, v)
    return depth > 0, np.asarray(np.clip(depth / kind.soft_px + 0.5, 0, 1), np.float32)


def _patches(kind: Kind, draw: np.random.Generator) -> Image:
    """The kind's colours, each where its own noise is highest, blended."""
    fields = np.stack([_noise(draw, kind.patch_px) for _ in kind.colours])
    weight = np.exp(3.0 * (fields - fields.max(axis=0)))
    weight /= weight.sum(axis=0)
    colours = np.array(kind.colours, np.float32)
    return np.asarray(np.tensordot(weight, colours, axes=(0, 0)) + _noise(draw, 2.0)[:, :, None] * 4, np.float32)


def _noise(draw: np.random.Generator, sigma: float) -> Image:
    width, height = SIZE
    field = cv2.GaussianBlur(draw.standard_normal((height, width), dtype=np.float32), (0, 0), sigma)
    return np.asarray(field / field.std(), np.float32)


def _start(inside: NDArray[np.bool_], draw: np.random.Generator) -> tuple[float, float]:
    rows, columns = np.nonzero(inside)
    place = int(draw.integers(len(rows)))
    return float(columns[place]), float(rows[place])


def _dots(
    picture: Image, inside: NDArray[np.bool_], colour: Colour, count: int, radius: float, draw: np.random.Generator
) -> None:
    layer = picture.copy()
    for _ in range(count):
        x, y = _start(inside, draw)
        size = max(1, round(float(draw.uniform(0.5, 1.0)) * radius))
        cv2.circle(layer, (round(x), round(y)), size, colour, -1, cv2.LINE_AA)
    picture[inside] += 0.75 * (layer[inside] - picture[inside])


def _curves(
    picture: Image, starts: list[tuple[float, float]], colour: Colour, draw: np.random.Generator, length_px: float
) -> None:
    """Bent lines from their starts: hairs or vessels."""
    layer = picture.copy()
    along = np.linspace(0, length_px, 30)
    for x, y in starts:
        angle = draw.uniform(0, 2 * np.pi) + draw.normal(scale=0.012) * along
        steps = np.column_stack([np.cos(angle), np.sin(angle)]) * (length_px / 29)
        line = np.rint((np.array([x, y]) + np.cumsum(steps, axis=0)) * 8).astype(np.int32)
        cv2.polylines(layer, [line], False, colour, 1, cv2.LINE_AA, shift=3)
    picture += 0.85 * (layer - picture)
