"""Embedding: a vector for each picture, near for pictures that are alike, from its likeness of 64 × 64 pixels.

One interface, two makers: `gradients`, which needs no model, and an ONNX file that the user names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from medloom.quality.thumbs import Thumbs
from medloom.schemas.errors import CatalogError

Vectors = NDArray[np.float32]
Embedding = Callable[[Thumbs], Vectors]
"""From N thumbs to N × D vectors of length 1."""

CELLS, BINS, BLOCK = 8, 8, 256
_MEAN, _STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def gradients(thumbs: Thumbs) -> Vectors:
    """Histograms of the directions of gradients in 8 × 8 cells of 8 bins each (HOG, Dalal and Triggs 2005)."""
    grey = thumbs.astype(np.float32)
    down, right = np.gradient(grey, axis=1), np.gradient(grey, axis=2)
    strength = np.hypot(down, right)
    turn = np.arctan2(down, right) % np.pi * (BINS / np.pi)
    low = np.floor(turn).astype(np.int64) % BINS
    part = turn - np.floor(turn)
    count, side = len(thumbs), thumbs.shape[1]
    place = np.arange(side) * CELLS // side
    cell = (place[:, None] * CELLS + place[None, :])[None] + np.arange(count)[:, None, None] * CELLS**2
    found = np.zeros(count * CELLS**2 * BINS, np.float64)
    for bin_, weight in ((low, strength * (1 - part)), ((low + 1) % BINS, strength * part)):
        found += np.bincount((cell * BINS + bin_).ravel(), weight.ravel(), minlength=len(found))
    return _unit(np.sqrt(found.reshape(count, CELLS**2 * BINS)))


def onnx_model(path: Path) -> Embedding:
    """The first output of an ONNX model that takes N × 3 × H × W pictures, normalised as ImageNet's are.

    An output with places (N × C × H × W) is averaged over 8 × 8 cells. Raises CatalogError where the file is no such
    model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds for everything
        raise CatalogError(f"embedding {path}: no ONNX model: {str(error)[:200]}") from None
    (wanted, *others) = session.get_inputs()
    shape = wanted.shape
    if others or len(shape) != 4 or shape[1] not in (3, "C", None) or "float" not in wanted.type:
        raise CatalogError(f"embedding {path}: it takes {wanted.type} {shape}, not pictures of N × 3 × H × W")
    height, width = (side if isinstance(side, int) and side > 0 else 224 for side in shape[2:])

    def embed(thumbs: Thumbs) -> Vectors:
        return _unit(np.concatenate([*_answers(session, wanted.name, thumbs, (width, height))]))

    return embed


def _answers(session: Any, name: str, thumbs: Thumbs, size: tuple[int, int]) -> Iterator[NDArray[Any]]:
    """A picture at a time, so that a model of a fixed batch of one does, too."""
    for thumb in thumbs:
        large = cv2.resize(thumb, size, interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
        picture = (large[None] - _MEAN[:, None, None]) / _STD[:, None, None]
        found = np.asarray(session.run(None, {name: picture[None].astype(np.float32)})[0], np.float32)
        if found.ndim == 4:
            cells = [cv2.resize(plane, (CELLS, CELLS), interpolation=cv2.INTER_AREA) for plane in found[0]]
            found = np.stack(cells)[None]
        yield found.reshape(1, -1)


def _unit(vectors: NDArray[Any]) -> Vectors:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)


def near_vectors(vectors: Vectors, cosine: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (i < j) of rows with at least that cosine, sorted. Every pair is compared, in blocks: N² · D operations."""
    first, second = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK] @ vectors[start:].T
        i, j = np.nonzero(block >= cosine)
        later = j > i
        first.append(i[later].astype(np.int64) + start)
        second.append(j[later].astype(np.int64) + start)
    return np.concatenate(first), np.concatenate(second)
