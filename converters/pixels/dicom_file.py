"""DICOM data sets from files or bytes, with or without the preamble that the standard asks for."""

from __future__ import annotations

import io
import logging
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medloom.schemas.errors import BadInput

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

# What is wrong with a file becomes a refusal with its reason; pydicom's own lines would drown a build's progress.
logging.getLogger("pydicom").setLevel(logging.ERROR)

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def read_dicom(source: Path | bytes, pixels: bool = True, header_only: bool = False) -> FileDataset:
    """The data set of a DICOM file (PS3.10), or of one that lacks preamble or file meta information.

    Without `pixels` long values stay on disk until they are asked for, so that listing reads headers only. With
    `header_only` what comes before the pixels is all that is read.

    Raises BadInput ``not_dicom`` (no element that every object has), ``truncated``.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    _take_broken_values()

    def read(force: bool) -> FileDataset:
        where: Any = io.BytesIO(source) if isinstance(source, bytes) else source
        defer = None if pixels or isinstance(source, bytes) else 4096
        return dcmread(where, force=force, defer_size=defer, stop_before_pixels=header_only)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = read(force=False)
        except InvalidDicomError:
            found = _forced(read)
        except EOFError as error:
            raise BadInput("truncated", f"{type(error).__name__}: {error}") from None
        except Exception as error:  # pydicom raises almost anything on broken elements
            raise BadInput("not_dicom", f"{type(error).__name__}: {error}") from None
    return found


@cache
def _take_broken_values() -> None:
    """A value that can't be read as its VR says is raw bytes to whoever asks for it, and a broken sequence is empty.

    pydicom would raise, and something else for each fault, wherever an attribute is first looked at.
    """
    from pydicom import hooks
    from pydicom.sequence import Sequence
    from pydicom.valuerep import VR

    def value(raw: Any, data: dict[str, Any], **more: Any) -> None:
        try:
            hooks.raw_element_value(raw, data, **more)
        except Exception:
            sequence = data["VR"] == VR.SQ
            data["VR"], data["value"] = (VR.SQ, Sequence()) if sequence else (VR.UN, raw.value)

    hooks.hooks.register_callback("raw_element_value", value)


def _forced(read: Any) -> FileDataset:
    """Reads what has no preamble; anything at all can be read so, so that the result must make sense."""
    try:
        found: FileDataset = read(force=True)
        plausible = "SOPClassUID" in found and str(found.SOPClassUID).startswith("1.2.")
    except Exception:
        plausible = False
    if not plausible:
        raise BadInput("not_dicom", "neither a DICOM preamble nor a data set with a SOP class") from None
    _set_transfer_syntax(found)
    return found


def _set_transfer_syntax(dataset: FileDataset) -> None:
    """A file without meta information is in one of the three plain encodings; pydicom has found out which."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    meta = getattr(dataset, "file_meta", None)
    if meta is not None and "TransferSyntaxUID" in meta:
        return
    implicit, little = dataset.original_encoding
    dataset.file_meta = meta if meta is not None else FileMetaDataset()
    plain = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else plain


def has_pixels(dataset: Any) -> bool:
    """Whether the data set holds pixels."""
    return any(keyword in dataset for keyword in PIXEL_KEYWORDS)


def frame_count(dataset: Any) -> int:
    """Number of frames; 1 where it isn't stated. Raises BadInput ``undecodable`` where it is no number."""
    try:
        return max(1, int(dataset.get("NumberOfFrames") or 1))
    except (TypeError, ValueError) as error:
        raise BadInput("undecodable", f"NumberOfFrames: {error}") from None


def attribute(dataset: Any, keyword: str, frame: int = 0, within: str | None = None) -> Any:
    """An attribute, or that of the frame's functional group `within` (per frame, then shared: PS3.3 C.7.6.16).

    None where it is absent, empty or not readable.
    """
    try:
        groups = []
        if within is not None:
            per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or ()
            groups = [*([per_frame[frame]] if frame < len(per_frame) else []), *_shared(dataset)]
        for group in groups:
            for item in group.get(within) or ():
                if item.get(keyword) not in (None, ""):
                    return item.get(keyword)
        value = dataset.get(keyword)
    except Exception:  # a broken element is as good as none
        return None
    return None if value is None or value == "" else value


def whole(dataset: Any, keyword: str) -> int | None:
    """An attribute that is one whole number; None where it is absent, several, or broken."""
    try:
        return int(dataset.get(keyword))
    except Exception:  # pydicom raises almost anything where an element can't be read
        return None


def items(dataset: Any, keyword: str) -> list[Any]:
    """The items of a sequence; none where it is absent or broken."""
    from pydicom import Dataset

    try:
        return [one for one in dataset.get(keyword) or () if isinstance(one, Dataset)]
    except Exception:  # as above
        return []


def numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """`count` finite numbers of a multi-valued attribute, or None. Bytes are what a broken value is left as."""
    import math

    if isinstance(value, bytes):
        return None
    try:
        found = tuple(float(part) for part in value)
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def _shared(dataset: Any) -> list[Any]:
    return list(dataset.get("SharedFunctionalGroupsSequence") or ())
