"""From stored values to the grey levels of a screen: VOI windows and where they come from."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

WindowFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
WindowHow = Literal["preset", "stated", "body_part", "percentile"]

# (center, width) in Hounsfield units, after "Windowing (CT)", radiopaedia.org/articles/windowing-ct, which gives ranges
# for some and says that vendors differ; abdomen, liver and angiography as workstations commonly preset them.
CT_PRESETS: MappingProxyType[str, tuple[float, float]] = MappingProxyType(
    {
        "soft_tissue": (40.0, 400.0),
        "abdomen": (40.0, 400.0),
        "lung": (-600.0, 1500.0),
        "mediastinum": (50.0, 350.0),
        "bone": (400.0, 1800.0),
        "brain": (40.0, 80.0),
        "subdural": (75.0, 215.0),
        "stroke": (32.0, 8.0),
        "temporal_bone": (600.0, 2800.0),
        "liver": (60.0, 160.0),
        "spine": (50.0, 250.0),
        "angiography": (300.0, 600.0),
    }
)

# What a reader opens first for a part of the body. Words as in DICOM BodyPartExamined (PS3.16 annex L), lower case.
_BODY_PART: MappingProxyType[str, str] = MappingProxyType(
    {
        "abdomen": "abdomen", "abdomenpelvis": "abdomen", "pelvis": "abdomen", "chestabdomen": "soft_tissue",
        "chestabdpelvis": "soft_tissue", "colon": "abdomen", "kidney": "abdomen", "pancreas": "abdomen",
        "spleen": "abdomen", "stomach": "abdomen", "prostate": "abdomen", "bladder": "abdomen", "uterus": "abdomen",
        "liver": "liver", "hepatic": "liver", "chest": "mediastinum", "thorax": "mediastinum", "heart": "mediastinum",
        "mediastinum": "mediastinum", "breast": "mediastinum", "lung": "lung", "lungs": "lung", "bronchus": "lung",
        "head": "brain", "brain": "brain", "skull": "bone", "jaw": "bone", "iac": "temporal_bone",
        "ear": "temporal_bone",
        "neck": "soft_tissue", "headneck": "soft_tissue", "spine": "spine", "cspine": "spine", "tspine": "spine",
        "lspine": "spine", "sspine": "spine", "extremity": "bone", "leg": "bone", "arm": "bone", "knee": "bone",
        "hip": "bone", "shoulder": "bone", "ankle": "bone", "foot": "bone", "hand": "bone", "wrist": "bone",
        "elbow": "bone", "femur": "bone", "tibia": "bone", "bone": "bone", "wholebody": "soft_tissue",
    }
)  # fmt: skip


class Window(msgspec.Struct, frozen=True):
    """A VOI window in the units of the rescaled values, and how it was chosen (``body_part:chest``)."""

    center: float
    width: float
    how: str
    function: WindowFunction = "LINEAR"


def apply_window(
    array: NDArray[Any], center: float, width: float, function: WindowFunction = "LINEAR"
) -> NDArray[np.uint8]:
    """Grey levels 0 to 255 of any numeric array, as DICOM PS3.3 C.11.2.1.2 defines the three functions, rounded.

    NaN becomes 0. Raises ValueError where the width is not allowed (LINEAR: below 1; else: not above 0).
    """
    if not width >= 1 if function == "LINEAR" else not width > 0:
        raise ValueError(f"window width {width} is not allowed for {function}")
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            levels = 255.0 / (1.0 + np.exp(-4.0 * (np.asarray(array, np.float64) - center) / width))
        return np.nan_to_num(np.rint(levels)).astype(np.uint8)
    if function == "LINEAR":
        center, width = center - 0.5, width - 1.0
    low = center - width / 2
    if array.dtype.kind in "iu" and array.dtype.itemsize <= 2:
        return _by_table(array, low, width)
    return _ramp(np.asarray(array, np.float64), low, width)


def _ramp(values: NDArray[np.float64], low: float, width: float) -> NDArray[np.uint8]:
    """0 up to `low`, 255 above `low` + `width`, a straight line between them."""
    if width == 0:
        return np.where(values > low, np.uint8(255), np.uint8(0))
    levels = (values - low) * (255.0 / width)
    np.clip(levels, 0.0, 255.0, out=levels)
    np.rint(levels, out=levels)
    return np.nan_to_num(levels, copy=False).astype(np.uint8)


def _by_table(array: NDArray[Any], low: float, width: float) -> NDArray[np.uint8]:
    """The same through a table of every 16-bit value: one look-up per pixel, six times faster than floats."""
    signed = array.dtype.kind == "i"
    values = np.ascontiguousarray(array, np.int16 if signed else np.uint16).view(np.uint16)
    levels: NDArray[np.uint8] = np.asarray(cv2.LUT(values.reshape(1, -1), _table(low, width, signed)), np.uint8)
    return levels.reshape(array.shape)


@lru_cache(maxsize=64)
def _table(low: float, width: float, signed: bool) -> NDArray[np.uint8]:
    """The levels of 0 to 65,535, or of the 16-bit patterns of 0 to 32,767 and -32,768 to -1."""
    values = np.arange(1 << 16, dtype=np.uint16)
    return _ramp((values.view(np.int16) if signed else values).astype(np.float64), low, width)


def percentile_window(volume: NDArray[Any], low: float = 0.5, high: float = 99.5) -> tuple[float, float]:
    """(center, width), for LINEAR_EXACT, that spans two percentiles of a whole volume, never of one slice.

    Where the lowest value is exactly 0 (magnitude images), zeros are left out: they are padding or a removed skull,
    and their share would move the percentiles. NaN and infinities are left out too. A constant volume gets width 1.
    """
    whole = volume.dtype.kind in "iu"
    if whole and volume.dtype.itemsize > 2 and volume.min() >= -(1 << 15) and volume.max() < 1 << 15:
        volume = volume.astype(np.int16, order="K")
    if whole and volume.dtype.itemsize <= 2:
        lower, upper = _integer_percentiles(volume, low, high)
    else:
        values = volume[np.isfinite(volume)]
        if values.size and values.min() == 0:
            values = values[values > 0] if (values > 0).any() else values
        lower, upper = (float(v) for v in np.percentile(values, (low, high))) if values.size else (0.0, 0.0)
    return (lower + upper) / 2, (upper - lower) or 1.0


def _integer_percentiles(volume: NDArray[Any], low: float, high: float) -> tuple[float, float]:
    """As numpy's linear percentiles, from a histogram: one pass, no sort."""
    first = -(1 << 15) if volume.dtype.kind == "i" else 0
    counts = _histogram(volume)
    lowest = int(np.flatnonzero(counts)[0])
    if first + lowest == 0 and np.count_nonzero(counts) > 1:
        counts[lowest] = 0
    below = counts.cumsum()

    def at(percent: float) -> float:
        rank = (int(below[-1]) - 1) * percent / 100
        left, right = np.searchsorted(below, (int(rank) + 1, min(int(rank) + 2, int(below[-1]))))
        return float(first + left + (right - left) * (rank - int(rank)))

    return at(low), at(high)


def _histogram(volume: NDArray[Any]) -> NDArray[np.int64]:
    """Counts of all 65,536 values of 8 or 16 bits, rising."""
    signed = volume.dtype.kind == "i"
    values = volume.astype(np.int16 if signed else np.uint16, order="K", copy=False).ravel(order="K").view(np.uint16)
    counts = np.zeros(1 << 16, np.int64)
    for at in range(0, values.size, 1 << 22):  # OpenCV counts in float32: whole numbers up to 2**24
        part = values[at : at + (1 << 22)].reshape(1, -1)
        counts += cv2.calcHist([part], [0], None, [1 << 16], (0, 1 << 16)).ravel().astype(np.int64)
    return np.roll(counts, 1 << 15) if signed else counts


def choose_window(
    modality: str | None,
    body_part: str | None = None,
    stated: tuple[float, float] | None = None,
    preset: str | tuple[float, float] | None = None,
    volume: NDArray[Any] | None = None,
) -> Window:
    """The window to show values with, and how it was chosen.

    In this order: the `preset` that the catalog or card names (a CT preset's name, or center and width); the first
    window that the file states; for CT the preset of the body part, else soft tissue; for every other modality
    the percentiles of `volume`.

    Raises KeyError for an unknown preset's name, ValueError where nothing but `volume` could tell and it is None.
    """
    if isinstance(preset, str):
        return Window(*CT_PRESETS[preset], how=f"preset:{preset}")
    if preset is not None:
        return Window(*preset, how="preset")
    if stated is not None:
        return Window(*stated, how="stated")
    if (modality or "").lower() == "ct":
        part = "".join(c for c in (body_part or "").lower() if c.isalpha())
        name = _BODY_PART.get(part, "soft_tissue")
        return Window(*CT_PRESETS[name], how=f"body_part:{name}")
    if volume is None:
        raise ValueError(f"no window for modality {modality!r}: none stated, and no volume to take percentiles of")
    return Window(*percentile_window(volume), how="percentile", function="LINEAR_EXACT")
