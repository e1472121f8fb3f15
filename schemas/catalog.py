"""Catalog: the recipe of one corpus. Everything that changes bytes stands here."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from medloom.schemas.card import WindowChoice
from medloom.schemas.sample import Split
from medloom.schemas.synthesis import Synthesis

Access = Literal["open", "registration", "credentialed"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Release(_Part):
    """Under which licence the corpus may be released, and to whom."""

    licence: str
    """SPDX id under which the corpus is released."""
    to: Literal["public", "gated", "private"] = "public"
    """Who may get it."""


class FramePolicy(_Part):
    """Which frames of a clip become views, at most `per_clip` of them."""

    policy: Literal["even", "fps", "scene_change", "key_frames", "events"] = "even"
    """``even``: at the centres of equal parts; ``fps``: `fps` frames per second; ``scene_change``: where the picture
    changes most; ``key_frames``: those that the container marks; ``events``: the middle of each event, and its ends."""
    per_clip: int = Field(default=8, ge=1)
    """At most so many frames of one clip."""
    fps: float = Field(default=1.0, gt=0)
    """Frames per second of the container's own time, for ``fps``."""


class TilePolicy(_Part):
    """Which tiles of a picture too big to be shown become views (slide microscopy, pyramids)."""

    size: int = Field(default=1024, ge=64)
    """Pixels of a tile's side."""
    per_picture: int = Field(default=4, ge=1)
    """At most so many tiles of one picture, those with most tissue first."""
    microns: float | None = Field(default=None, gt=0)
    """Wanted µm per pixel: the level of the pyramid nearest to it is taken; without, the smallest that holds a tile."""


class ViewPolicy(_Part):
    """Which slices of a volume become views, at most `per_volume` of them; likewise frames of clips and tiles."""

    policy: Literal["largest_area", "every_label", "even", "centre", "montage"] = "largest_area"
    """Which slices are shown. A ``montage`` is one picture of `per_volume` slices, evenly spaced."""
    per_volume: int = Field(default=4, ge=1)
    """At most so many slices of one volume and plane."""
    planes: tuple[Literal["axial", "coronal", "sagittal"], ...] = ("axial",)
    """Planes to cut in."""
    of_several: Literal["named", "first", "middle"] = "named"
    """Which volume of a file that holds several (4D) is shown, where its card names none: none, which refuses it."""
    frames: FramePolicy = FramePolicy()
    """Which frames of its clips are shown."""
    tiles: TilePolicy = TilePolicy()
    """Which tiles of its biggest pictures are shown."""
    keep_whole: bool = False
    """Keep volumes and clips whole beside their pictures, for the tasks that ask about all of one."""


class SourceUse(_Part):
    """One source of the corpus. `path` is a folder (relative to the catalog), ``package:NAME/FOLDER`` or
    ``phantom:SEED/FOLDER``; ``--source NAME=PATH`` on the command line wins over it."""

    use: str
    """Name of a source card."""
    path: str | None = None
    """Folder of the dataset."""
    views: ViewPolicy = ViewPolicy()
    """Which slices of its volumes become pictures."""
    window: WindowChoice | None = None
    """VOI window instead of the card's."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first so many Samples."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the converter instead of the card's."""


class ImageSettings(_Part):
    """How pictures are stored. Without `short_side`, native size; what fits passes through unchanged."""

    short_side: int | None = Field(default=None, ge=32)
    """Pixels of the shorter side; without, native size."""
    keep_if_smaller: bool = True
    """Never enlarge."""
    reencode: Literal["png", "jpeg"] = "png"
    """Format of pictures whose pixels change."""
    quality: int = Field(default=90, ge=1, le=100)
    """JPEG quality, where re-encoded so."""


ProfileOption = Literal[
    "clean_descriptors", "clean_pixel_data", "retain_longitudinal_modified_dates", "retain_patient_characteristics"
]  # fmt: skip
"""Options of the Basic Application Level Confidentiality Profile (DICOM PS3.15 Annex E.3) that a build can follow."""


class IdentitySettings(_Part):
    """What is done so that nothing tells who the patient is. All of it is on unless the catalog says otherwise."""

    options: tuple[ProfileOption, ...] = (
        "clean_pixel_data",
        "clean_descriptors",
        "retain_longitudinal_modified_dates",
        "retain_patient_characteristics",
    )
    """Options of the DICOM Basic Application Level Confidentiality Profile, which is followed in any case. Without
    ``clean_descriptors`` free text of headers is removed; without ``retain_patient_characteristics`` so are sex
    and age."""
    dates: Literal["offsets", "remove"] = "offsets"
    """``offsets``: days from the patient's own first date, never a date; ``remove``: not even those."""
    text: Literal["scrub", "keep"] = "scrub"
    """``scrub``: names, dates, numbers and places in reports and questions become [NAME], [DATE], ...; ``keep`` where
    the source has done so already."""
    burned_in: Literal["mask", "quarantine", "keep"] = "mask"
    """Text in pixels that may tell who the patient is: blackened, or the picture is refused, or nobody looks."""

    @cached_property
    def followed(self) -> tuple[str, ...]:
        """The profile's options that are really followed: `dates` and `burned_in` can switch theirs off."""
        off = {"retain_longitudinal_modified_dates"} if self.dates == "remove" else set()
        off |= {"clean_pixel_data"} if self.burned_in == "keep" else set()
        return tuple(sorted(set(self.options) - off))

    @cached_property
    def looks_at_pixels(self) -> bool:
        return "clean_pixel_data" in self.followed


class HoldOut(_Part):
    """What is kept out of training: records for which everything that is named here holds. One thing is an axis of its
    own; modality, area and task together are a triple; a class with anything of the patient or the picture is a
    confounder, which training then never sees together."""

    source: str | None = None
    """Name of a source card."""
    concept: str | None = None
    """A concept that the record is about: a class."""
    modality: str | None = None
    """Modality of its first picture."""
    area: str | None = None
    """Body part of its first picture, as the source or the card states it."""
    task: str | None = None
    """Name of a task."""
    plane: Literal["axial", "coronal", "sagittal"] | None = None
    """Plane of a slice."""
    view: str | None = None
    """Projection: pa, lateral, mlo, ..."""
    sex: Literal["female", "male", "other"] | None = None
    """Sex of the patient."""
    age: tuple[float, float] | None = None
    """Years of age: from the first (inclusive) to the second."""

    @model_validator(mode="after")
    def _names_something(self) -> HoldOut:
        if not self.named:
            raise ValueError("a hold-out names something: source, concept, modality, area, task, plane, view, sex, age")
        if self.age is not None and not self.age[0] < self.age[1]:
            raise ValueError(f"age: from {self.age[0]:g} to {self.age[1]:g} is nobody's")
        return self

    @property
    def named(self) -> dict[str, str]:
        """What is named, as text, in the order above."""
        said = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: f"{value[0]:g}–{value[1]:g}" if isinstance(value, tuple) else str(value)
            for name, value in said.items()
            if value is not None
        }

    @property
    def axis(self) -> str:
        """What kind of shift it is; stands with each record that is held out."""
        named = list(self.named)
        if named == ["modality", "area", "task"]:
            return "modality × area × task"
        if "concept" in named and set(named) & {"view", "sex", "age", "source"}:
            return "confounder"
        return " × ".join("class" if name == "concept" else name for name in named)

    @property
    def value(self) -> str:
        """The value on that axis."""
        return " × ".join(self.named.values())


class SplitSettings(_Part):
    """Who goes where. Patients are whole; near-duplicate pictures stay together."""

    by: Literal["patient", "study", "sample"] = "patient"
    """What is never torn apart."""
    ratios: dict[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
    """Share of each split; they sum to 1."""
    respect_published: bool = True
    """Keep what the source has published as its split."""
    hold_out: tuple[HoldOut, ...] = ()
    """What training never sees and test asks about. Records that fall under it and can't go to test are dropped."""

    @field_validator("ratios")
    @classmethod
    def _sums_to_one(cls, value: dict[Split, float]) -> dict[Split, float]:
        if any(share < 0 for share in value.values()) or abs(sum(value.values()) - 1) > 1e-6:
            raise ValueError(f"ratios must be ≥ 0 and sum to 1, not {sum(value.values()):g}")
        return value


class Gate(_Part):
    """What the finished corpus is held to before it takes its place: expectations (great-expectations)."""

    run: bool = True
    """Hold it to them at all."""
    suites: tuple[str, ...] = ()
    """Suite files of one's own, relative to the catalog, beside medloom's."""


class Shards(_Part):
    """Shard borders: a shard ends at `rows` rows or `max_mb` megabytes, whichever comes first."""

    rows: int = Field(default=600, ge=1)
    """Most rows of a shard."""
    max_mb: int = Field(default=500, ge=1)
    """Most megabytes of a shard."""
    follows: str | None = None
    """Folder of the version before, relative to the catalog: its rows stay in their shards (``--follows``)."""


class Limits(_Part):
    """What one Sample may take. What takes more is quarantined as ``time_limit`` or ``memory_limit``: nets for files
    that are broken or made to harm, far above what honest ones take, since two machines differ near a limit."""

    seconds_per_sample: float = Field(default=600, gt=0)
    """Most seconds of work on one Sample."""
    memory_mb: int = Field(default=32768, ge=1024)
    """Most megabytes of memory that a process may hold while it works on one Sample."""


class Catalog(_Part):
    """The recipe of one corpus. `tasks` and `filters` are names, or one-key mappings of a name to its parameters."""

    corpus: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Name of the corpus."""
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    """Its version, MAJOR.MINOR.PATCH."""
    title: str = ""
    """Title of the dataset card."""
    description: str = ""
    """What the corpus is for."""
    release: Release
    """Licence and audience."""
    sources: tuple[SourceUse, ...] = Field(min_length=1)
    """What it is made of."""
    tasks: tuple[str | dict[str, dict[str, Any]], ...] = Field(min_length=1)
    """Which records are made: names, or a name with its parameters."""
    image: ImageSettings = ImageSettings()
    """How pictures are stored."""
    synthesis: Synthesis = Synthesis()
    """Which engine phrases."""
    identity: IdentitySettings = IdentitySettings()
    """What is done so that nothing tells who the patient is."""
    filters: tuple[str | dict[str, dict[str, Any]], ...] = ()
    """What a record has to pass, in this order: names, or a name with its parameters."""
    split: SplitSettings = SplitSettings()
    """Who goes to train, validation and test."""
    gate: Gate = Gate()
    """What the corpus is held to before it takes its place."""
    shards: Shards = Shards()
    """Where a shard ends."""
    unit_samples: int = Field(default=256, ge=1)
    """Pictures of one unit of work; a volume counts as many."""
    limits: Limits = Limits()
    """What one Sample may take before it is quarantined."""

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
