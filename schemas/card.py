"""Source card: the facts about one public dataset, read without running any code."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Modality

Access = Literal["open", "registration", "credentialed"]
Redistribute = Literal["bytes", "text", "index"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PatientRule(_Part):
    """Where the patient's id stands: in a table's `column`, or in the first group of `match` over the file's path."""

    column: str | None = None
    """Column of the label table that holds the patient's id."""
    match: str | None = None
    """Regular expression over the file's path under the root; its first group is the patient's id."""
    blank: Literal["refused", "unknown"] = "refused"
    """What a blank cell of `column` says: that the picture can't be used, or that its patient is unknown."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.match or "")


class SplitRule(_Part):
    """The published split: a table's `column` with its `values`, `folders` in the path, or `files` of keys a line."""

    column: str | None = None
    """Column of the label table that names the split."""
    values: dict[str, Literal["train", "validation", "test"]] = Field(default_factory=dict)
    """What the column says: which split."""
    folders: dict[str, Literal["train", "validation", "test"]] = Field(default_factory=dict)
    """Name of a folder in the path: which split."""
    files: dict[str, Literal["train", "validation", "test"]] = Field(default_factory=dict)
    """File under the root with a key or path a line: which split."""


class Exhaustive(_Part):
    """True where a missing label means absent, or a missing region means that there is none."""

    labels: bool = False
    """A label that is not stated is absent."""
    regions: bool = False
    """A region that is not drawn is not there; grounding, counting and measuring need this."""


class WindowChoice(_Part):
    """VOI window. For CT in HU: `center` and `width`, or the name of a `preset`."""

    center: float | None = None
    """VOI LUT window centre, in HU for CT."""
    width: float | None = Field(default=None, gt=0)
    """VOI LUT window width, in HU for CT."""
    preset: str | None = None
    """Name of a body-part preset."""


class AreaRule(_Part):
    """Components below either are not objects: `px` native pixels, `mm2` square millimetres (or `mm3` in 3D). A slice
    of a volume in which one of them was drawn isn't said to be without its concept.
    """

    px: int = Field(default=1, ge=1)
    """Smallest component, in native pixels or voxels."""
    mm2: float = Field(default=0.0, ge=0)
    """Smallest component of a picture, in mm²."""
    mm3: float = Field(default=0.0, ge=0)
    """Smallest component of a volume, in mm³."""


class SourceCard(_Part):
    """What is known of one source. `params` go to the converter, which checks them against its own model.

    `licence` is an SPDX id or expression, or a LicenseRef. Where pictures are licensed one by one, the converter
    states the source's words and `licences` maps them to SPDX ids; `licence` is then the licence of the annotations.
    `labels` maps the source's names to concept ids; null says that the name is no class and is left out.
    `patient` is "one per case" (the Sample's key is the patient), "unknown", or a rule.
    """

    source: str = Field(pattern=r"^[a-z0-9_]+$")
    """Name of the source: that of the card's file without .yaml."""
    title: str
    """Title as its authors write it."""
    homepage: str = ""
    """Where one reads about it."""
    description: str = ""
    """What it is, in a few sentences."""
    licence: str
    """SPDX id or expression, or a LicenseRef."""
    licences: dict[str, str] = Field(default_factory=dict)
    """The source's own words for the licence of one picture: SPDX id."""
    access: Access = "open"
    """What one has to do before downloading it."""
    redistribute: Redistribute = "bytes"
    """What may be passed on: the pictures, only text, or only an index of ids."""
    citation: str
    """How it wants to be cited."""
    get: str = ""
    """How one gets it, in words."""
    modality: Modality
    """Modality of its pictures, where the files do not say."""
    anatomy: str | None = None
    """Body part, where the files do not say."""
    converter: str
    """Name of the converter that reads its layout."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the converter."""
    patient: Literal["one per case", "unknown"] | PatientRule
    """Where the patient's id stands: "one per case", "unknown", or a rule."""
    patient_ids: Literal["pseudonyms", "identifying"] = "pseudonyms"
    """Whether the source's patient ids already are pseudonyms; identifying ones are replaced under a key."""
    split: SplitRule | None = None
    """Where the published split stands."""
    window: WindowChoice | None = None
    """VOI window of its pictures."""
    labels: dict[str, str | None] = Field(default_factory=dict)
    """The source's name of a class: concept id of the vocabulary, or null where it is no class."""
    exhaustive: Exhaustive = Exhaustive()
    """What silence means."""
    connectivity: Literal["full", "face"] = "full"
    """Which neighbours make one component of a mask."""
    min_area: AreaRule = AreaRule()
    components: Literal["objects", "pieces"] = "pieces"
    """What the connected components of a mask are where it doesn't show one object: objects of their own, which may be
    counted, or pieces of which several may belong to one object."""
    labels_of: Literal["picture", "frame", "patient"] = "picture"
    """Whether labels say what the picture shows (of a clip: what it shows at some time; ``frame``: what each of its
    frames shows), or are the patient's diagnosis, which the picture need not show."""
    """Components below are no objects."""
    orientation: Literal["radiological"] | None = None
    """``radiological`` where its author states that frontal projections outside DICOM show the patient's right on the
    left of the picture, head up. Without it, and without Patient Orientation in the file, nobody's side is named."""
    fingerprint: Literal["content", "stat"] = "content"
    """Whether a changed file is told by its bytes, or by size and time where hashing is too dear."""
    max_refused: float = Field(default=0.2, ge=0, le=1)
    """Share of refused inputs above which the build stops."""
    phantom: bool = False
    """True for made-up data: never called real."""
    verified: Literal["real", "subset", "layout"]
    """What its converter was tried on: the real data, a subset, or only the layout."""

    @field_validator("patient", mode="after")
    @classmethod
    def _rule_says_something(cls, value: str | PatientRule) -> str | PatientRule:
        if isinstance(value, PatientRule):
            if (value.column is None) == (value.match is None):
                raise ValueError("a patient rule has either `column` or `match`")
            if value.match is not None and _compiled(value.match).groups < 1:
                raise ValueError("`match` needs one group around the patient's id")
        return value

    @cached_property
    def names_of(self) -> dict[str, tuple[str, ...]]:
        """The source's names of each concept, in the order of `labels`."""
        found: dict[str, tuple[str, ...]] = {}
        for name, concept in self.labels.items():
            if concept is not None:
                found[concept] = (*found.get(concept, ()), name)
        return found

    def patient_of(self, key: str, path: str, row: dict[str, str] | None = None) -> str | None:
        """The source's own patient id of one Sample. Raises BadInput("no_patient") where the rule finds none."""
        if self.patient == "one per case":
            return key
        if isinstance(self.patient, PatientRule):
            if self.patient.column is not None:
                value = (row or {}).get(self.patient.column, "").strip()
                if not value and self.patient.blank == "unknown":
                    return None
            else:
                found = self.patient.pattern.search(path)
                value = found.group(1) if found else ""
            if not value:
                raise BadInput("no_patient", f"the rule {self.patient.model_dump()} finds no patient", path)
            return value
        return None


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
