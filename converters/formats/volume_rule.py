"""Volume rules: which label maps and point files belong to a volume."""

from __future__ import annotations

from pydantic import Field, model_validator

from medloom.converters.base import Params
from medloom.converters.formats.mask_rule import MaskRule


class PointRule(Params):
    """`file` is a volume on the same grid whose few non-zero voxels are points, named by their value."""

    file: str
    names: dict[int, str] = Field(min_length=1)
    optional: bool = False


class ContrastRule(Params):
    """One volume of a Sample. `file` is a template (the matched path itself if not given), `frame` the 3D volume of a
    4D file, `role` its name in words.

    An `optional` contrast may be missing; another one that is missing is refused, and the Sample stays without it.
    """

    key: str = Field(default="image", pattern=r"^[a-zA-Z0-9_]+$")
    file: str = "{path}"
    role: str | None = None
    frame: int | None = Field(default=None, ge=0)
    masks: tuple[MaskRule, ...] = ()
    points: tuple[PointRule, ...] = ()
    optional: bool = False

    @model_validator(mode="after")
    def _no_colours(self) -> ContrastRule:
        if any(rule.colours for rule in self.masks):
            raise ValueError("a volume's mask has values, not colours")
        return self
