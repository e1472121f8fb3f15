"""What a DICOM header says of how a picture was taken, without saying who it is of."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Literal

from medloom.converters.formats.row_facts import age_in_years
from medloom.schemas.sample import Acquisition, Modality

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
