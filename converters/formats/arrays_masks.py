"""Masks in an array beside the pictures: the same rows, one mask or one label map each."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from medloom.converters.base import Params
from medloom.converters.formats.name_template import fill
from medloom.converters.paths import inside
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import MaskName, Region


class ArrayMask(Params):
    """`array` is a template for the array's name, `file` one for the file, where it is another.

    Either `name` (wherever the mask is not zero, or equals `value`) or `names` (by value) says what the pixels mean.
    `instance`: each mask shows one object.
    """

    array: str
    file: str | None = None
    name: str | None = None
    value: int | None = None
    names: dict[int, str] = Field(default_factory=dict)
    instance: bool = False

    @model_validator(mode="after")
    def _says_what_pixels_mean(self) -> ArrayMask:
        if (self.name is not None) + bool(self.names) != 1:
            raise ValueError("an array of masks has exactly one of `name` and `names`")
        return self

    @property
    def marked(self) -> tuple[str, ...]:
        """The source's names that it can mark."""
        return (self.name,) if self.name is not None else tuple(self.names.values())

    def member(self, root: Path, values: dict[str, str], rows: int | None) -> str:
        """The array's name, and that it is there with as many rows. Raises BadInput ``masks_mismatch``, and others."""
        from medloom.converters.pixels.arrays import open_member

        file, name = self.of_file(values), fill(self.array, values)
        shape = open_member(inside(root, file), name).shape
        if rows is not None and (not shape or shape[0] != rows):
            raise BadInput("masks_mismatch", f"{name!r} is {shape} for {rows} rows", file)
        return name

    def of_file(self, values: dict[str, str]) -> str:
        """The file that holds the masks."""
        return values["file"] if self.file is None else fill(self.file, values)

    def region(self, file: str, member: str, row: int | None) -> Region:
        """The Region of one row."""
        pointer = f"{file}#array={member}" + ("" if row is None else f",row={row}")
        if self.name is not None:
            return Region(
                kind="mask", pointer=pointer, name=self.name, file=file, value=self.value, member=member, frame=row,
                instance=self.instance,
            )  # fmt: skip
        names = tuple(MaskName(name=name, value=value) for value, name in sorted(self.names.items()))
        return Region(kind="label_map", pointer=pointer, file=file, names=names, member=member, frame=row)
