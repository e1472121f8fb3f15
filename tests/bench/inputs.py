"""The files that the benchmark reads: made once from a seed, the same bytes on every machine with the same codecs."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import decoded_inputs
import numpy as np
import simplejpeg
from isal import igzip
from numpy.typing import NDArray

VERSION = 4
CLASSES = ("cardiomegaly", "consolidation", "pleural_effusion", "pneumonia", "pneumothorax")
JPEG_SIDE = 512
PNG_WIDTH, PNG_HEIGHT = 1024, 768
VOLUME_SHAPE = (256, 256, 128)
SPACING = (0.9, 0.9, 1.5)
FOLDER_FILES = 1000
"""Files of one folder, at most: as big sources are laid out."""

Pixels = NDArray[np.uint8]


def make(root: Path, kind: str, count: int, processes: int = 2) -> Path:
    """The folder of `count` inputs of a kind, a key of `KINDS`; made where it isn't whole."""
    folder = root / f"{kind}-{count}"
    stamp = folder / "made.json"
    wanted = {"version": VERSION, "kind": kind, "count": count}
    if stamp.is_file() and json.loads(stamp.read_text()) == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    step = 100 if kind in ("jpeg", "masks") else 1
    jobs = [(kind, str(folder), first, min(count, first + step)) for first in range(0, count, step)]
    with multiprocessing.Pool(processes) as pool:
        pool.starmap(_make_some, jobs)
    if kind == "video":
        rows = [f"images/{number:04d}.mp4,{CLASSES[number % len(CLASSES)]}\n" for number in range(count)]
        (folder / "clips.csv").write_text("file,finding\n" + "".join(rows))
    stamp.write_text(json.dumps(wanted))
    return folder


def _make_some(kind: str, folder: str, first: int, behind: int) -> None:
    cv2.setNumThreads(1)
    write = KINDS[kind]
    for number in range(first, behind):
        write(Path(folder), number)


@cache
def _canvas(seed: int, side: int, grain: float) -> NDArray[np.float32]:
    """Grey texture of all scales, as tissue has it: noise at octaves, each weaker than the one below."""
    rng = np.random.default_rng([1, seed, side])
    canvas = np.zeros((side, side), np.float32)
    for size, weight in ((6, 60.0), (16, 30.0), (48, 16.0), (160, 9.0), (side // 2, 1.1 * grain), (side, grain)):
        noise = rng.standard_normal((size, size), np.float32) * weight
        canvas += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    return canvas


def _picture(number: int, width: int, height: int, grain: float, rng: np.random.Generator) -> Pixels:
    """H×W×3: a crop of a canvas under a light of its own, with a few dense spots."""
    canvas = _canvas(number % 8, 2048, grain)
    y, x = rng.integers(0, 2048 - height), rng.integers(0, 2048 - width)
    across, down = rng.uniform(-50, 50, 2).astype(np.float32)
    light = (
        np.linspace(-across, across, width, dtype=np.float32)
        + np.linspace(-down, down, height, dtype=np.float32)[:, None]
    )
    grey = canvas[y : y + height, x : x + width] + (light + np.float32(rng.uniform(105, 150)))
    for _ in range(4):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        cv2.ellipse(grey, centre, (int(rng.integers(9, 60)), int(rng.integers(9, 60))), float(rng.uniform(0, 180)), 0,
                    360, float(rng.uniform(60, 220)), -1)  # fmt: skip
    shades = np.array([1.0, *rng.uniform(0.8, 1.0, 2)], np.float32)
    return np.asarray(cv2.convertScaleAbs(np.clip(grey, 0, 255)[..., None] * shades))


def _jpeg(folder: Path, number: int) -> None:
    name = CLASSES[number % len(CLASSES)]
    path = folder / name / f"{number // FOLDER_FILES:03d}" / f"{number:06d}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([2, number])
    array = _picture(number, JPEG_SIDE, JPEG_SIDE, 6.0, rng)
    path.write_bytes(simplejpeg.encode_jpeg(array, 85, "RGB", "420"))


def _png_with_mask(folder: Path, number: int) -> None:
    rng = np.random.default_rng([3, number])
    array = _picture(number, PNG_WIDTH, PNG_HEIGHT, 2.0, rng)
    mask = np.zeros((PNG_HEIGHT, PNG_WIDTH), np.uint8)
    for cell in rng.permutation(12)[: int(rng.integers(1, 7))].tolist():  # a 4 × 3 grid: lesions never touch
        x, y = 128 + 256 * (cell % 4), 128 + 256 * (cell // 4)
        centre = (x + int(rng.integers(-40, 41)), y + int(rng.integers(-40, 41)))
        axes = (int(rng.integers(12, 78)), int(rng.integers(12, 78)))
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(mask, centre, axes, turn, 0, 360, 255, -1)
    array[mask > 0] = cv2.convertScaleAbs(array[mask > 0], alpha=0.7, beta=70).reshape(-1, 3)
    for name, pixels in (("images", array[..., ::-1]), ("masks", mask)):
        path = folder / name / f"{number // FOLDER_FILES:03d}" / f"{number:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        path.write_bytes(data.tobytes())


def _volume(folder: Path, number: int) -> None:
    """CT-like: air, a body, organs and lesions as ellipsoids, noise; axes run RAS+."""
    rng = np.random.default_rng([4, number])
    values = rng.integers(-25, 26, VOLUME_SHAPE, np.int16)
    labels = np.zeros(VOLUME_SHAPE, np.uint8)
    values += np.where(_ellipsoid((128, 128, 64), (105, 85, 90)), np.int16(40), np.int16(-1000))
    for label, level, radius in (
        (1, 70, (38, 30, 24)),
        (2, 25, (20, 22, 18)),
        (3, 110, (9, 9, 7)),
        (3, 110, (6, 7, 5)),
    ):
        centre = tuple(int(rng.integers(70, side - 70)) if side > 140 else int(rng.integers(36, side - 36))
                       for side in VOLUME_SHAPE)  # fmt: skip
        inside = _ellipsoid(centre, radius)
        values[inside] += np.int16(level - 40)
        labels[inside] = label
    _write_nifti(folder / "images" / f"{number:04d}.nii.gz", values, 4)
    _write_nifti(folder / "labels" / f"{number:04d}.nii.gz", labels, 2)


def _ellipsoid(centre: tuple[int, ...], radius: tuple[int, ...]) -> NDArray[np.bool_]:
    i, j, k = (
        ((np.arange(side, dtype=np.float32) - c) / r) ** 2
        for side, c, r in zip(VOLUME_SHAPE, centre, radius, strict=True)
    )
    return np.asarray(i[:, None, None] + j[:, None] + k < 1)


def _write_nifti(path: Path, array: NDArray[Any], datatype: int) -> None:
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *array.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, datatype, 8 * array.itemsize)
    struct.pack_into("<8f", header, 76, 1, *SPACING, 0, 0, 0, 0)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<f", header, 112, 1)
    header[123] = 2  # mm
    struct.pack_into("<h", header, 254, 1)
    for row, spacing in enumerate(SPACING):
        line = [0.0] * 4
        line[row], line[3] = spacing, -spacing * VOLUME_SHAPE[row] / 2
        struct.pack_into("<4f", header, 280 + 16 * row, *line)
    header[344:348] = b"n+1\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(igzip.compress(bytes(header) + array.tobytes(order="F"), 2, mtime=0))


KINDS: dict[str, Callable[[Path, int], None]] = {
    "jpeg": _jpeg,
    "masks": _png_with_mask,
    "volumes": _volume,
    "dicom": lambda folder, number: decoded_inputs.series(folder, number, False),
    "dicom_j2k": lambda folder, number: decoded_inputs.series(folder, number, True),
    "video": lambda folder, number: decoded_inputs.clip(folder, number, _canvas(number % 8, 2048, 2.0)),
}
