"""Volume rules: which label maps and point files belong to a volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from medloom.converters.base import Params
from medloom.converters.formats.mask_rule import MaskRule
from medloom.converters.formats.name_template import fill


class PointRule(Params):
    """`file` is a volume on the same grid whose few non-zero voxels are points, named by their value."""

    file: str
    names: dict[int, str] = Field(min_length=1)
    optional: bool = False


class VolumeMaskRule(MaskRule):
    """A mask of a volume. `resample` lets one on another grid be brought to the volume's by world coordinates, through
    the ITK file `transform` where that one is given (it maps points of the shared space to the mask's); nothing is said
    to be absent from slices that its own grid doesn't wholly cover. `since` is the key of the contrast that was taken
    at an earlier visit: the mask shows what changed.

    Values of one name in `names` are one mask, as are all names of one finding.
    """

    resample: bool = False
    transform: str | None = None
    since: str | None = None

    @model_validator(mode="after")
    def _changes_have_a_name(self) -> VolumeMaskRule:
        if self.since is not None and self.name is None:
            raise ValueError("a mask of what changed (`since`) has one `name`")
        return self

    def placed(self, values: Mapping[str, str]) -> dict[str, Any]:
        """The fields of its Regions that say where they lie, and what they compare."""
        transform = None if self.transform is None else fill(self.transform, values)
        return {"resample": self.resample or transform is not None, "transform": transform, "since": self.since}


class ContrastRule(Params):
    """One volume of a Sample. `file` is a template (the matched path itself if not given), `frame` the 3D volume of a
    4D file, `role` its name in words.

    `transform` is the ITK file by which it is resampled into a space that several share; `onto` the key of the contrast
    on whose grid it is shown, so that slices of both show the same place. `day` is when it was taken, in days from the
    patient's first visit, where one Sample holds several visits.

    An `optional` contrast may be missing; another one that is missing is refused, and the Sample stays without it.
    """

    key: str = Field(default="image", pattern=r"^[a-zA-Z0-9_]+$")
    file: str = "{path}"
    role: str | None = None
    frame: int | None = Field(default=None, ge=0)
    masks: tuple[VolumeMaskRule, ...] = ()
    points: tuple[PointRule, ...] = ()
    optional: bool = False
    transform: str | None = None
    onto: str | None = None
    day: str | None = None

    @property
    def templates(self) -> tuple[str, ...]:
        """Everything that has to be filled."""
        own = (self.file, self.transform, self.day, *(rule.transform for rule in self.masks))
        told = tuple(template for template in own if template is not None)
        return (*told, *(rule.file for rule in self.masks), *(rule.file for rule in self.points))

    @model_validator(mode="after")
    def _no_colours(self) -> ContrastRule:
        if any(rule.colours for rule in self.masks):
            raise ValueError("a volume's mask has values, not colours")
        return self
