"""Stored values of DICOM frames, and the way from them to the modality's units."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels import dicom_jpeg12
from medloom.converters.pixels.dicom_file import attribute, frame_count, numbers, whole
from medloom.converters.pixels.dicom_frame_check import check_frames
from medloom.converters.pixels.header import MAX_PIXELS
from medloom.schemas.errors import BadInput

Values = NDArray[Any]
# Implicit and explicit little endian, the latter also deflated: pixels are plain numbers.
_PLAIN = frozenset(("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"))


def frames_of(dataset: Any, wanted: Sequence[int] | None = None) -> Iterator[Values]:
    """Stored values of the frames of these numbers (from 0; None: all), one after the other: H×W, or H×W×3 with YBR
    turned to RGB. Only these are decoded.

    Raises BadInput: ``undecodable``, ``decompression_bomb`` (a frame of more than `MAX_PIXELS`).
    """
    rows, columns = dataset.get("Rows"), dataset.get("Columns")
    if not isinstance(rows, int) or not isinstance(columns, int) or rows <= 0 or columns <= 0:
        raise BadInput("undecodable", f"a picture of {rows} rows and {columns} columns")
    if rows * columns > MAX_PIXELS:
        raise BadInput("decompression_bomb", f"{columns} × {rows} pixels, at most {MAX_PIXELS} are read")
    numbers_ = range(frame_count(dataset)) if wanted is None else wanted
    plain = _plain(dataset, rows, columns)
    if plain is not None and all(number < len(plain) for number in numbers_):
        for number in numbers_:
            yield _used_bits(plain[number], dataset)
        return
    yield from _decoded(dataset, list(numbers_))


def _decoded(dataset: Any, wanted: list[int]) -> Iterator[Values]:
    from pydicom.pixels.utils import iter_pixels, pixel_array

    check_frames(dataset, wanted)
    dicom_jpeg12.offer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if len(wanted) == 1:
                yield np.asarray(pixel_array(dataset, index=wanted[0]))
            else:
                yield from (np.asarray(one) for one in iter_pixels(dataset, indices=wanted))
        except Exception as error:  # each decoder has its own ways to fail
            told = " ".join(str(error).split())[:300]
            raise BadInput("undecodable", f"{type(error).__name__}: {told}") from None


def _plain(dataset: Any, rows: int, columns: int) -> Values | None:
    """All frames as they lie in the file, (frame, row, column), where they are plain whole numbers; else None.

    pydicom's decoder gives the same and copies twice.
    """
    bits, stored = dataset.get("BitsAllocated"), dataset.get("BitsStored")
    if (
        str(getattr(dataset.file_meta, "TransferSyntaxUID", None)) not in _PLAIN
        or dataset.get("SamplesPerPixel") != 1
        or bits not in (8, 16, 32)
        or not isinstance(stored, int)
        or not 1 <= stored <= bits
        or dataset.get("HighBit") != stored - 1
        or dataset.get("PixelRepresentation") not in (0, 1)
        or not isinstance(dataset.get("PixelData"), bytes)
    ):
        return None
    data = dataset.PixelData
    kind = np.dtype(f"<{'i' if dataset.PixelRepresentation else 'u'}{bits // 8}")
    size = rows * columns * kind.itemsize
    frames = min(frame_count(dataset), len(data) // size)
    return np.frombuffer(data, kind, frames * rows * columns).reshape(frames, rows, columns) if frames else None


def _used_bits(values: Values, dataset: Any) -> Values:
    """Without what stands above BitsStored, where old files kept overlays."""
    spare = 8 * values.dtype.itemsize - int(dataset.BitsStored)
    if not spare:
        return values
    if values.dtype.kind == "u":
        return np.asarray(values & values.dtype.type((1 << int(dataset.BitsStored)) - 1))
    return np.asarray((values << spare) >> spare)


def rescale_of(dataset: Any, frame: int = 0) -> tuple[float, float] | None:
    """(slope, intercept) of a frame; None where the file states none.

    Raises BadInput ``undecodable`` where the slope is 0: nothing would be left of the picture.
    """
    group = "PixelValueTransformationSequence"
    slope = numbers([attribute(dataset, "RescaleSlope", frame, group)], 1)
    intercept = numbers([attribute(dataset, "RescaleIntercept", frame, group)], 1)
    if slope is None or intercept is None:
        return None
    if slope[0] == 0:
        raise BadInput("undecodable", "RescaleSlope 0")
    return slope[0], intercept[0]


def modality_table(values: Values, dataset: Any) -> Values | None:
    """Values by the Modality LUT (PS3.3 C.11.1); None where there is none. Raises BadInput ``undecodable``."""
    from pydicom.pixels.processing import apply_modality_lut

    if not dataset.get("ModalityLUTSequence"):
        return None
    try:
        return np.asarray(apply_modality_lut(values, dataset))
    except Exception as error:
        raise BadInput("undecodable", f"modality LUT: {type(error).__name__}: {error}") from None


def padding_range(dataset: Any) -> tuple[int, int] | None:
    """(lowest, highest) stored value that marks pixels outside of the picture (PS3.3 C.7.5.1.1.2), or None."""
    value, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if not isinstance(value, int):
        return None
    ends = [value, limit if isinstance(limit, int) else value]
    if dataset.get("PixelRepresentation") == 1:  # written as if unsigned, as files with a wrong VR have it
        bits = whole(dataset, "BitsAllocated") or 16
        ends = [end - (1 << bits) if end >= 1 << (bits - 1) else end for end in ends]
    return min(ends), max(ends)


def stated_window(dataset: Any, frame: int = 0) -> tuple[float, float] | None:
    """(center, width) of the first window that a frame states, where it is to be used as LINEAR says; else None."""
    group = "FrameVOILUTSequence"
    pair = [first_of(attribute(dataset, keyword, frame, group)) for keyword in ("WindowCenter", "WindowWidth")]
    found = numbers(pair, 2)
    linear = str(attribute(dataset, "VOILUTFunction", frame, group) or "LINEAR") == "LINEAR"
    return (found[0], found[1]) if linear and found is not None and found[1] >= 1 else None


def first_of(value: Any) -> Any:
    """The first of several values, or the one that there is."""
    return value[0] if value is not None and not isinstance(value, str | int | float) and len(value) else value
