"""A DICOM picture as a screen shows it: PS3.4 N.2's grey-scale pipeline, or RGB."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.burned_in_notes import burned_in_notes
from medloom.converters.pixels.dicom_decode import frames_of
from medloom.converters.pixels.dicom_file import attribute, frame_count, has_pixels, numbers, read_dicom, whole
from medloom.converters.pixels.dicom_geometry import orientation, spacing_mm, to_patient
from medloom.converters.pixels.header import MAX_PIXELS
from medloom.converters.pixels.window import Window, apply_window, choose_window
from medloom.schemas.card import WindowChoice
from medloom.schemas.errors import BadInput

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

Values = NDArray[Any]


class DicomPicture(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a rendered frame.

    `spacing_mm` is (down, right); `orientation` the patient directions to the right and downwards; `to_patient` a 3×3
    matrix from (x, y, 1) of pixel centres to RAS mm. `window` is the VOI window that was applied, if it was one;
    `shown` says in any case how values became grey levels. `inverted`: low values are bright (MONOCHROME1).
    """

    spacing_mm: tuple[float, float] | None
    orientation: tuple[str, str] | None
    to_patient: NDArray[np.float64] | None
    window: Window | None
    shown: str
    inverted: bool = False
    notes: tuple[str, ...] = ()


def render(
    source: Path | bytes | FileDataset, frame: int = 0, window: WindowChoice | None = None
) -> tuple[NDArray[np.uint8], DicomPicture]:
    """One frame (from 0) as H×W grey or H×W×3 RGB uint8, as stored in the file: not turned, not resized. A `source`
    that is read already gives several frames for one reading.

    Grey: modality LUT or rescale; `window` where it is given and the picture is CT; else the VOI LUT, else the first
    window that the file states; else for CT the preset of the body part; else all of 8 bits, or the
    percentiles over all frames. Then MONOCHROME1 or an inverse presentation LUT is turned. Padding is black.

    Raises BadInput: ``not_dicom``, ``truncated``, ``no_pixels``, ``no_frame``, ``decompression_bomb``,
    ``undecodable``, ``unsupported_pixels``.
    """
    dataset = read_dicom(source) if isinstance(source, Path | bytes) else source
    if not has_pixels(dataset):
        raise BadInput("no_pixels", f"{dataset.get('Modality') or 'the object'} holds no pixels")
    frames = frame_count(dataset)
    if not 0 <= frame < frames:
        raise BadInput("no_frame", f"frame {frame} of {frames}")
    notes = list(burned_in_notes(dataset))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stored = next(frames_of(dataset, [frame]))
        if stored.ndim == 3:
            array, used, shown, inverted = _colour(stored, dataset), None, "colour", False
        elif dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
            array, used, shown, inverted = _palette(stored, dataset), None, "palette", False
        else:
            array, used, shown, inverted = _grey(stored, dataset, frame, frames, window, notes)
    return np.ascontiguousarray(array), DicomPicture(
        spacing_mm=spacing_mm(dataset, frame),
        orientation=orientation(dataset, frame),
        to_patient=to_patient(dataset, frame),
        window=used,
        shown=shown,
        inverted=inverted,
        notes=tuple(notes),
    )


def _colour(stored: Values, dataset: Any) -> NDArray[np.uint8]:
    how = str(dataset.get("PhotometricInterpretation"))
    if stored.shape[2] != 3 or not (how == "RGB" or how.startswith("YBR")):
        raise BadInput("unsupported_pixels", f"{how} of {stored.shape[2]} samples")
    if stored.dtype == np.uint8:
        return stored
    shift = (whole(dataset, "BitsStored") or 8 * stored.dtype.itemsize) - 8
    return (stored >> max(shift, 0)).clip(0, 255).astype(np.uint8)


def _palette(stored: Values, dataset: Any) -> NDArray[np.uint8]:
    from pydicom.pixels.processing import apply_color_lut

    try:
        found = apply_color_lut(stored, dataset)
        bits = int(dataset.RedPaletteColorLookupTableDescriptor[2])
    except Exception as error:
        raise BadInput("undecodable", f"palette: {type(error).__name__}: {error}") from None
    if found.dtype != np.uint8:
        found = found >> 8 if bits == 16 or int(found.max(initial=0)) > 255 else found
    return np.asarray(found[..., :3]).astype(np.uint8)


def _grey(
    stored: Values, dataset: Any, frame: int, frames: int, choice: WindowChoice | None, notes: list[str]
) -> tuple[NDArray[np.uint8], Window | None, str, bool]:
    values, rescaled = _modality(stored, dataset, frame)
    padding = _padding(stored, dataset)
    window = _window(dataset, frame, choice, rescaled, notes)
    table = None if window is not None and window.how.startswith("preset") else _voi_table(values, dataset)
    if table is not None:
        array, window, shown = table, None, "VOI LUT"
    elif window is None and (bits := _full_range(stored, dataset)) is not None:
        array, shown = (stored.astype(np.uint16) * 255 // ((1 << bits) - 1)).astype(np.uint8), "full range"
    else:
        if window is None:
            window = _percentiles(dataset, values, padding, frames)
        array, shown = apply_window(values, window.center, window.width, window.function), f"window:{window.how}"
    inverted = dataset.get("PhotometricInterpretation") == "MONOCHROME1" or (
        attribute(dataset, "PresentationLUTShape") == "INVERSE"
    )
    if inverted:
        array = 255 - array
    if padding is not None:
        array = np.where(padding, np.uint8(0), array)
    return array, window, shown, inverted


def _modality(stored: Values, dataset: Any, frame: int) -> tuple[Values, bool]:
    """Values in the modality's units (HU for CT), and whether the file says how to get there."""
    from pydicom.pixels.processing import apply_modality_lut

    if dataset.get("ModalityLUTSequence"):
        try:
            return np.asarray(apply_modality_lut(stored, dataset)), True
        except Exception as error:
            raise BadInput("undecodable", f"modality LUT: {type(error).__name__}: {error}") from None
    group = "PixelValueTransformationSequence"
    slope = numbers([attribute(dataset, "RescaleSlope", frame, group)], 1)
    intercept = numbers([attribute(dataset, "RescaleIntercept", frame, group)], 1)
    if slope is None or intercept is None:
        return stored, False
    if slope[0] == 1 and intercept[0].is_integer() and abs(intercept[0]) < 1 << 15 and stored.dtype.itemsize <= 2:
        return stored.astype(np.int32) + int(intercept[0]), True
    return stored.astype(np.float64) * slope[0] + intercept[0], True


def _padding(stored: Values, dataset: Any) -> NDArray[np.bool_] | None:
    """Pixels that are no part of the picture (PS3.3 C.7.5.1.1.2), or None."""
    value, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if not isinstance(value, int):
        return None
    low, high = sorted((value, limit if isinstance(limit, int) else value))
    found = (stored >= low) & (stored <= high)
    return found if found.any() and not found.all() else None


def _window(dataset: Any, frame: int, choice: WindowChoice | None, rescaled: bool, notes: list[str]) -> Window | None:
    """The window that is chosen or stated, or CT's by body part; None where the pixels themselves have to tell."""
    modality = str(dataset.get("Modality") or "")
    part = attribute(dataset, "BodyPartExamined", frame, "FrameAnatomySequence")
    if choice is not None and modality != "CT":
        notes.append("the catalog's window is for CT and was not used")
    elif choice is not None:
        preset = choice.preset
        if preset is not None:
            return choose_window(modality, part, preset=preset)
        if choice.center is not None and choice.width is not None:
            return choose_window(modality, part, preset=(choice.center, choice.width))
    stated = _stated(dataset, frame, notes)
    if stated is not None:
        return stated
    if modality == "CT" and rescaled:
        return choose_window(modality, None if part is None else str(part))
    return None


def _stated(dataset: Any, frame: int, notes: list[str]) -> Window | None:
    """The first of the windows that the file states."""
    group = "FrameVOILUTSequence"
    pair = [_first(attribute(dataset, keyword, frame, group)) for keyword in ("WindowCenter", "WindowWidth")]
    found = numbers(pair, 2)
    if found is None:
        return None
    function = str(attribute(dataset, "VOILUTFunction", frame, group) or "LINEAR")
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID") or found[1] < (1 if function == "LINEAR" else 1e-9):
        notes.append(f"stated window {found} with function {function} was not used")
        return None
    return Window(found[0], found[1], how="stated", function=function)  # type: ignore[arg-type]


def _first(value: Any) -> Any:
    return value[0] if value is not None and not isinstance(value, str | int | float) and len(value) else value


def _voi_table(values: Values, dataset: Any) -> NDArray[np.uint8] | None:
    """Grey levels by the first VOI LUT, stretched from its own range to 0..255; None where there is none."""
    from pydicom.pixels.processing import apply_voi

    tables = dataset.get("VOILUTSequence")
    if not tables:
        return None
    try:
        whole = values if values.dtype.kind in "iu" else np.rint(values).astype(np.int64)
        found = np.asarray(apply_voi(whole, dataset)).astype(np.float64)
        bits = int(tables[0].LUTDescriptor[2])
    except Exception as error:
        raise BadInput("undecodable", f"VOI LUT: {type(error).__name__}: {error}") from None
    return np.asarray(np.rint(found * (255.0 / ((1 << bits) - 1))).clip(0, 255)).astype(np.uint8)


def _full_range(stored: Values, dataset: Any) -> int | None:
    """The bits of pixels that are grey levels already: at most 8 of them, unsigned; None otherwise."""
    bits = whole(dataset, "BitsStored") or 16
    return bits if bits <= 8 and stored.dtype.kind == "u" else None


def _percentiles(dataset: Any, values: Values, padding: NDArray[np.bool_] | None, frames: int) -> Window:
    """A window over all frames, so that one frame is not stretched differently from the next."""
    if 1 < frames <= MAX_PIXELS // values.size:
        every = enumerate(frames_of(dataset))
        values = np.concatenate([_modality(one, dataset, number)[0].ravel() for number, one in every])
    elif padding is not None:
        values = values[~padding]
    return choose_window(None, volume=values)
