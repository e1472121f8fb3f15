"""What a DICOM header says of how a picture was taken, without saying who it is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal

from medloom.converters.formats.complete_names import known_names
from medloom.converters.formats.row_facts import age_in_years
from medloom.schemas.card import PatientRule, SourceCard
from medloom.schemas.sample import Acquisition, Label, Modality

State = Literal["modality", "body_part"]
STATES: dict[State, str] = {"modality": "Modality", "body_part": "BodyPartExamined"}
"""What a header states that can be a label, and the attribute that states it."""
NOT_PICTURES = frozenset(("RTDOSE", "RTIMAGE", "SEG", "RWV", "REG", "M3D"))
"""Modalities of which pixels are no picture of a patient: doses, segments, and maps of values."""
_KEYWORDS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "AccessionNumber")

# Defined terms of Modality (0008,0060), PS3.3 C.7.3.1.1.1.
MODALITIES: MappingProxyType[str, Modality] = MappingProxyType(
    {
        "CT": "ct", "MR": "mr", "CR": "xray", "DX": "xray", "RG": "xray", "PX": "xray", "IO": "xray", "RF": "xray",
        "XA": "xray", "MG": "mammography", "US": "ultrasound", "IVUS": "ultrasound", "PT": "pet", "NM": "nuclear",
        "OP": "fundus", "OPT": "oct", "IVOCT": "oct", "OCT": "oct", "SM": "histopathology", "GM": "microscopy",
        "ES": "endoscopy", "DMS": "dermoscopy", "XC": "photograph", "OT": "other",
    }
)  # fmt: skip
_SEX: dict[str, Literal["female", "male", "other"]] = {"F": "female", "M": "male", "O": "other"}
_SIDE: dict[str, Literal["left", "right"]] = {"L": "left", "R": "right"}


def acquisition_of(dataset: Any) -> Acquisition:
    """Modality, part, view, side, sex and age. Whatever is absent or makes no sense is None.

    The side is ImageLaterality, which is this picture's, else Laterality, which is the series'. An age of 000Y is what
    de-identifiers write for "removed" as often as it is a newborn's, and is None.
    """
    side = words(dataset, "ImageLaterality") or words(dataset, "Laterality")
    age = age_in_years(words(dataset, "PatientAge"))
    return Acquisition(
        modality=MODALITIES.get(words(dataset, "Modality") or ""),
        body_part=words(dataset, "BodyPartExamined"),
        view=words(dataset, "ViewPosition"),
        laterality=_SIDE.get(side or ""),
        sequence=words(dataset, "ScanningSequence"),
        sex=_SEX.get(words(dataset, "PatientSex") or ""),
        age_years=age or None,
    )


def words(dataset: Any, keyword: str) -> str | None:
    """An attribute as text (several values with a backslash between); None where it is absent, empty or broken."""
    try:
        value = dataset.get(keyword)
    except Exception:  # pydicom raises almost anything where an element can't be read
        return None
    if value is None or value == "":
        return None
    several = value if not isinstance(value, str | int | float) and hasattr(value, "__iter__") else [value]
    found = "\\".join(str(part) for part in several).strip()
    return found.encode("utf-8", "backslashreplace").decode() or None


def row_of(dataset: Any) -> dict[str, str]:
    """What a card's patient and split rules may ask of a header."""
    return {keyword: words(dataset, keyword) or "" for keyword in _KEYWORDS}


def patient_of(card: SourceCard, key: str, path: str, row: Mapping[str, str]) -> str | None:
    """The source's patient id; an empty PatientID, which the standard allows, is an unknown patient.

    Raises BadInput ``no_patient`` as `SourceCard.patient_of` does.
    """
    if isinstance(card.patient, PatientRule) and card.patient.column == "PatientID" and not row["PatientID"]:
        return None
    return card.patient_of(key, path, dict(row))


def labels_of(
    dataset: Any, path: str, states: tuple[State, ...], card: SourceCard
) -> tuple[tuple[Label, ...], tuple[str, ...]]:
    """Labels of a header, named ``modality:CT`` and ``body_part:HEAD``, and the names that are judged by them.

    A file has exactly one modality, so where the card's labels are exhaustive and know it, the others are absent.
    Parts of the body overlap, so of them nothing is ever absent.
    """
    labels = tuple(_labels(dataset, path, states, card))
    modalities = tuple(name for name in known_names(card) if name.startswith("modality:"))
    own = f"modality:{words(dataset, 'Modality')}"
    return labels, modalities if card.exhaustive.labels and any(one.name == own for one in labels) else ()


def _labels(dataset: Any, path: str, states: tuple[State, ...], card: SourceCard) -> Iterator[Label]:
    for state in states:
        value = words(dataset, STATES[state])
        name = f"{state}:{value}"
        if value is not None and card.labels.get(name, "") is not None:
            yield Label(name=name, pointer=f"{path}#{STATES[state]}")
