"""DICOM's Basic Application Level Confidentiality Profile, held against every attribute that a converter reads.

Nothing of a DICOM file is passed on but its pixels, so that the profile governs what may be read from a header: an
attribute that it doesn't list, one that an option keeps, or one that reaches a record in another form only (`TREATED`).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Literal

Action = Literal["K", "C", "X", "Z", "D", "U"]
_KEPT: tuple[Action, ...] = ("K", "C")
DECLARED = "the file says that text is burned into its pixels"
"""A converter's note of a DICOM object whose Burned In Annotation says YES."""
CAPTURED = "the object is a secondary capture or a scanned film"
"""A converter's note of a DICOM object that was a screen or a film before."""
AGE_CAP = 90
"""Years from which an age is "90 or older": 45 CFR 164.514(b)(2)(i)(C)."""
_COLUMNS = {
    "clean_descriptors": "descriptors",
    "clean_graphics": "graphics",
    "clean_structured_content": "structured",
    "retain_device_identity": "device",
    "retain_institution_identity": "institution",
    "retain_longitudinal_full_dates": "full_dates",
    "retain_longitudinal_modified_dates": "modified_dates",
    "retain_patient_characteristics": "patient",
    "retain_uids": "uids",
}
"""The options of PS3.15 E.3 and the columns of the table that they stand in. Of these a build follows the ones that
`IdentitySettings` names."""
TREATED = {
    "AccessionNumber": "a digest, where the card says that it is the patient's id; else nothing",
    "AcquisitionDate": "days from the patient's own first date",
    "AcquisitionDateTime": "days from the patient's own first date",
    "ConcatenationUID": "parts of one series are joined by it; never written",
    "ContentSequence": "of reports of measurements: numbers and the meanings of codes, never typed text",
    "ContentDate": "days from the patient's own first date",
    "DimensionOrganizationUID": "frames are sorted by it; never written",
    "FrameOfReferenceUID": "masks and series of one space are matched by it; never written",
    "PatientAge": "years, of which 90 and more are 90",
    "PatientID": "a digest, keyed where the card says that the ids identify people",
    "PatientSex": "female, male or other",
    "ReferencedFrameOfReferenceUID": "masks and series of one space are matched by it; never written",
    "ReferencedSOPInstanceUID": "masks and pictures are matched by it; never written",
    "SOPInstanceUID": "masks and pictures are matched by it; never written",
    "SeriesDate": "days from the patient's own first date",
    "SeriesInstanceUID": "files of one series are joined by it; never written but as a digest",
    "SourceImageSequence": "masks and pictures are matched by it; never written",
    "StudyDate": "days from the patient's own first date",
    "StudyInstanceUID": "a digest",
    "UID": "measurements and series are matched by it; never written",
}
"""Attributes of the table that a converter may read although the profile removes them, and what is left of them."""


@cache
def table() -> dict[str, tuple[str, dict[str, str]]]:
    """Table E.1-1 by keyword: what the profile does, and what each column of the options does instead."""
    import yaml

    text = files("medloom.converters.identity").joinpath("annex_e.yaml").read_text("utf-8")
    found = {}
    for keyword, line in yaml.load(text, yaml.CSafeLoader).items():
        basic, *options = line.split()
        found[keyword] = basic, dict(option.split("=") for option in options)
    return found


def action(keyword: str, options: Collection[str] = ()) -> Action:
    """What becomes of an attribute under the profile with these options: the first that keeps or cleans it decides.

    Where the profile leaves a choice by the type of the attribute (``X/Z/D``), it is the strictest. An attribute that
    is not in the table is kept (``K``); one that DICOM doesn't know is removed, since it may be private.
    """
    from pydicom.datadict import tag_for_keyword

    if keyword not in table():
        return "K" if tag_for_keyword(keyword) is not None else "X"
    basic, columns = table()[keyword]
    kept = [columns[_COLUMNS[option]] for option in sorted(options) if _COLUMNS.get(option) in columns]
    for wanted in _KEPT:
        if wanted in kept:
            return wanted
    return basic.split("/")[0].rstrip("*")  # type: ignore[return-value]


def readable(keyword: str, options: Collection[str] = ()) -> bool:
    """Whether a converter may read the attribute."""
    return keyword in TREATED or action(keyword, options) in ("K", "C")
