"""Catalog: the recipe of one corpus. Everything that changes bytes stands here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from medloom.schemas.card import WindowChoice
from medloom.schemas.sample import Split

Access = Literal["open", "registration", "credentialed"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Release(_Part):
    """Under which licence the corpus may be released, and to whom."""

    licence: str
    to: Literal["public", "gated", "private"] = "public"


class ViewPolicy(_Part):
    """Which slices of a volume become views, at most `per_volume` of them."""

    policy: Literal["largest_area", "every_label", "even", "centre"] = "largest_area"
    per_volume: int = Field(default=4, ge=1)
    planes: tuple[Literal["axial", "coronal", "sagittal"], ...] = ("axial",)


class SourceUse(_Part):
    """One source of the corpus. `path` is a folder (relative to the catalog), ``package:NAME/FOLDER`` or
    ``phantom:SEED/FOLDER``; ``--source NAME=PATH`` on the command line wins over it."""

    use: str
    path: str | None = None
    views: ViewPolicy = ViewPolicy()
    window: WindowChoice | None = None
    limit: int | None = Field(default=None, ge=1)
    params: dict[str, Any] = Field(default_factory=dict)


class ImageSettings(_Part):
    """How pictures are stored. Without `short_side`, native size; what fits passes through unchanged."""

    short_side: int | None = Field(default=None, ge=32)
    keep_if_smaller: bool = True
    reencode: Literal["png", "jpeg"] = "png"
    quality: int = Field(default=90, ge=1, le=100)


class Synthesis(_Part):
    """Which engine phrases. Only templates so far."""

    engine: Literal["none"] = "none"


class SplitSettings(_Part):
    """Who goes where. Patients are whole; near-duplicate pictures stay together."""

    by: Literal["patient", "study", "sample"] = "patient"
    ratios: dict[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
    respect_published: bool = True

    @field_validator("ratios")
    @classmethod
    def _sums_to_one(cls, value: dict[Split, float]) -> dict[Split, float]:
        if any(share < 0 for share in value.values()) or abs(sum(value.values()) - 1) > 1e-6:
            raise ValueError(f"ratios must be ≥ 0 and sum to 1, not {sum(value.values()):g}")
        return value


class Shards(_Part):
    """Shard borders: a shard ends at `rows` rows or `max_mb` megabytes, whichever comes first."""

    rows: int = Field(default=600, ge=1)
    max_mb: int = Field(default=500, ge=1)


class Catalog(_Part):
    """The recipe of one corpus. `tasks` and `filters` are names, or one-key mappings of a name to its parameters."""

    corpus: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: str = ""
    description: str = ""
    release: Release
    sources: tuple[SourceUse, ...] = Field(min_length=1)
    tasks: tuple[str | dict[str, dict[str, Any]], ...] = Field(min_length=1)
    image: ImageSettings = ImageSettings()
    synthesis: Synthesis = Synthesis()
    filters: tuple[str | dict[str, dict[str, Any]], ...] = ()
    split: SplitSettings = SplitSettings()
    shards: Shards = Shards()
    unit_samples: int = Field(default=256, ge=1)

    @property
    def task_params(self) -> dict[str, dict[str, Any]]:
        """Parameters by task name, in the catalog's order."""
        return _named(self.tasks)

    @property
    def filter_params(self) -> dict[str, dict[str, Any]]:
        """Parameters by filter name, in the catalog's order."""
        return _named(self.filters)


def _named(entries: tuple[str | dict[str, dict[str, Any]], ...]) -> dict[str, dict[str, Any]]:
    return {
        name: params for entry in entries for name, params in ({entry: {}} if isinstance(entry, str) else entry).items()
    }
