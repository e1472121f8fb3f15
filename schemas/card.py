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
    model_config = ConfigDict(extra="forbid", frozen=True)


class PatientRule(_Part):
    """Where the patient's id stands: in a table's `column`, or in the first group of `match` over the file's path."""

    column: str | None = None
    match: str | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.match or "")


class SplitRule(_Part):
    """The published split: a table's `column` with its `values`, `folders` in the path, or `files` of keys a line."""

    column: str | None = None
    values: dict[str, Literal["train", "validation", "test"]] = Field(default_factory=dict)
    folders: dict[str, Literal["train", "validation", "test"]] = Field(default_factory=dict)
    files: dict[str, Literal["train", "validation", "test"]] = Field(default_factory=dict)


class Exhaustive(_Part):
    """True where a missing label means absent, or a missing region means that there is none."""

    labels: bool = False
    regions: bool = False


class WindowChoice(_Part):
    """VOI window. For CT in HU: `center` and `width`, or the name of a `preset`."""

    center: float | None = None
    width: float | None = Field(default=None, gt=0)
    preset: str | None = None


class AreaRule(_Part):
    """Components below either are not objects: `px` native pixels, `mm2` square millimetres (or `mm3` in 3D)."""

    px: int = Field(default=1, ge=1)
    mm2: float = Field(default=0.0, ge=0)
    mm3: float = Field(default=0.0, ge=0)


class SourceCard(_Part):
    """What is known of one source. `params` go to the converter, which checks them against its own model.

    `licence` is an SPDX id or expression, or a LicenseRef. Where pictures are licensed one by one, the converter
    states the source's words and `licences` maps them to SPDX ids; `licence` is then the licence of the annotations.
    `labels` maps the source's names to concept ids; null says that the name is no class and is left out.
    `patient` is "one per case" (the Sample's key is the patient), "unknown", or a rule.
    """

    source: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    homepage: str = ""
    description: str = ""
    licence: str
    licences: dict[str, str] = Field(default_factory=dict)
    access: Access = "open"
    redistribute: Redistribute = "bytes"
    citation: str
    get: str = ""
    modality: Modality
    anatomy: str | None = None
    converter: str
    params: dict[str, Any] = Field(default_factory=dict)
    patient: Literal["one per case", "unknown"] | PatientRule
    patient_ids: Literal["pseudonyms", "identifying"] = "pseudonyms"
    split: SplitRule | None = None
    window: WindowChoice | None = None
    labels: dict[str, str | None] = Field(default_factory=dict)
    exhaustive: Exhaustive = Exhaustive()
    connectivity: Literal["full", "face"] = "full"
    min_area: AreaRule = AreaRule()
    fingerprint: Literal["content", "stat"] = "content"
    max_refused: float = Field(default=0.2, ge=0, le=1)
    phantom: bool = False
    verified: Literal["real", "subset", "layout"]

    @field_validator("patient", mode="after")
    @classmethod
    def _rule_says_something(cls, value: str | PatientRule) -> str | PatientRule:
        if isinstance(value, PatientRule):
            if (value.column is None) == (value.match is None):
                raise ValueError("a patient rule has either `column` or `match`")
            if value.match is not None and re.compile(value.match).groups < 1:
                raise ValueError("`match` needs one group around the patient's id")
        return value

    def patient_of(self, key: str, path: str, row: dict[str, str] | None = None) -> str | None:
        """The source's own patient id of one Sample. Raises BadInput("no_patient") where the rule finds none."""
        if self.patient == "one per case":
            return key
        if isinstance(self.patient, PatientRule):
            if self.patient.column is not None:
                value = (row or {}).get(self.patient.column, "").strip()
            else:
                found = self.patient.pattern.search(path)
                value = found.group(1) if found else ""
            if not value:
                raise BadInput("no_patient", f"the rule {self.patient.model_dump()} finds no patient", path)
            return value
        return None
