"""What a DICOM header says of text in its pixels."""

from __future__ import annotations

from typing import Any

from medloom.converters.identity.dicom_profile import CAPTURED, DECLARED
from medloom.converters.pixels.dicom_file import attribute

CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
"""The SOP classes of secondary captures begin so (PS3.4 B.5)."""


def burned_in_notes(dataset: Any) -> tuple[str, ...]:
    """DECLARED and CAPTURED, where the header says so. Whoever shows pixels asks it of the file that they come from."""
    notes = []
    if _words(dataset, "BurnedInAnnotation").upper() == "YES":
        notes.append(DECLARED)
    if _words(dataset, "SOPClassUID").startswith(CAPTURES) or _words(dataset, "ConversionType") == "DF":
        notes.append(CAPTURED)
    return tuple(notes)


def _words(dataset: Any, keyword: str) -> str:
    return str(attribute(dataset, keyword) or "").strip()
