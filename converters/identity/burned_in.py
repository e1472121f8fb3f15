"""Text that is burned into pixels: found by OCR, told apart into technical and identifying, and blackened."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.identity.identifier_patterns import lexicon
from medloom.converters.identity.text_finder import may_hold_text, reduced

if TYPE_CHECKING:
    from medloom.schemas.sample import Modality

Box = tuple[int, int, int, int]

IN_RASTERS: frozenset[Modality] = frozenset(
    ("ct", "mr", "xray", "ultrasound", "oct", "fundus", "endoscopy", "mammography", "pet", "nuclear", "photograph",
     "other")
)  # fmt: skip
"""Modalities of which a picture outside DICOM may be a screenshot or a scanned film: text is looked for."""
IN_DICOM: frozenset[Modality] = frozenset(("ultrasound", "endoscopy", "photograph", "other"))
"""Modalities of which a DICOM object carries text; of others, secondary captures, scanned films, and whatever says so
itself (Burned In Annotation, PS3.3 C.7.6.1.1)."""
MARGIN = 0.25
"""Of a line's height: so much around it is blackened too, since OCR cuts close."""
_DATE_OR_TIME = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|(?<!\d)\d{1,2}[:.h]\d{2}[:.]\d{2}|(?<!\d)\d{1,2}:\d{2}(?!\d)"
)
_NUMBER = re.compile(r"[+\-±<>≤≥=~]?\d{0,3}(?:[.,]\d{1,3})?")
_TOKENS = re.compile(r"[^\s:=/()\[\]{}|,;*#&]+")


class Line(msgspec.Struct, frozen=True):
    """One line of text: its half-open box in pixels, and whether it may tell who the patient is.

    `words` is what was read, None where it may tell: such a thing leaves no function.
    """

    box: Box
    identifying: bool
    words: str | None = None


def text_in(picture: NDArray[np.uint8]) -> tuple[Line, ...]:
    """The lines of text in a picture, H×W grey or H×W×3 RGB uint8, from top to bottom.

    OCR runs where `may_hold_text` says so, on one thread: the same picture gives the same lines. What was read and
    may tell who the patient is is forgotten here: nothing of it leaves this function.
    """
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if min(grey.shape) < 16 or not may_hold_text(np.asarray(grey, np.uint8)):
        return ()
    small = reduced(picture)
    scale = (picture.shape[1] / small.shape[1], picture.shape[0] / small.shape[0])
    found = _reader()(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR if small.ndim == 2 else cv2.COLOR_RGB2BGR), use_cls=False)
    if found.boxes is None or found.txts is None:
        return ()
    lines = [
        Line(_around(np.asarray(corners) * scale, picture.shape), tells := identifies(words), None if tells else words)
        for corners, words in zip(found.boxes, found.txts, strict=True)
    ]
    return tuple(sorted(lines, key=lambda line: (line.box[1], line.box[0], line.box)))


def identifies(words: str) -> bool:
    """Whether a line may tell who the patient is: it does unless every token of it is known to be technical.

    Technical are numbers of at most three digits before the point, units, side and position marks, settings, makers and
    models (`technical` in lexicon.yaml), and whatever has at most two characters. A name that a dictionary doesn't
    know, a date, a time, a longer number: all of them are taken to be identifying.
    """
    if _DATE_OR_TIME.search(words):
        return True
    return not all(map(_technical, _TOKENS.findall(words)))


def blackened(picture: NDArray[np.uint8], boxes: tuple[Box, ...]) -> NDArray[np.uint8]:
    """A copy of the picture with the half-open xyxy boxes in black."""
    found = picture.copy()
    for x0, y0, x1, y1 in boxes:
        found[y0:y1, x0:x1] = 0
    return found


def _technical(token: str) -> bool:
    plain = token.strip(".,'\"-–+°%<>~_^`!?·•").casefold()
    if len(plain) <= 2 or _NUMBER.fullmatch(token.strip("%°'\".,")):
        return True
    letters = re.sub(r"[\d.,+\-]+", "", plain)
    digits = re.findall(r"\d+", plain)
    if any(len(run) > 3 for run in digits):
        return plain in _words()
    return plain in _words() or (bool(digits) and (letters in _words() or letters in ("x", "")) and len(digits) <= 3)


@cache
def _words() -> frozenset[str]:
    return frozenset(word.casefold() for word in lexicon()["technical"])


def _around(corners: Any, shape: tuple[int, ...]) -> Box:
    x0, y0 = np.min(corners, axis=0).tolist()
    x1, y1 = np.max(corners, axis=0).tolist()
    by = max(2.0, MARGIN * (y1 - y0))
    height, width = shape[:2]
    return (
        max(0, int(np.floor(x0 - by))),
        max(0, int(np.floor(y0 - by))),
        min(width, int(np.ceil(x1 + by))),
        min(height, int(np.ceil(y1 + by))),
    )


@cache
def _reader() -> Any:
    """One reader a process, on one thread; its models lie in the package."""
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Global.use_cls": False,
            "Global.log_level": "error",
            "Global.text_score": 0.3,
        }
    )
