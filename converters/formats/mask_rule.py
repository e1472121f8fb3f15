"""Mask rules: which mask files belong to a picture or volume, and what their pixels mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from medloom.converters.base import Params
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.name_template import fields_of, fill, matching_files, reverse
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import MaskName, Refusal, Region


class MaskRule(Params):
    """`file` is a template over the named groups of the picture's path; ``*`` in its last part means one file each.

    Exactly one of `name` (wherever the mask is not zero, or equals `value`), `names` (by value) and `colours`
    (RGB, by name) says what the pixels mean. `instance`: each file shows one object.

    Of values and colours only 0 and black need no name: a file with others is told, and none of its names counts as
    complete. What means nothing (a border, a background of 255) gets a name that the card's `labels` map to null. In a
    lossy file (JPEG) `name` is what exceeds half, and the nearest value or colour counts; where that isn't safe, the
    file is refused.

    `missing` says what it means that there is no file, or none where ``*`` stands: the mask is lost ("refuse"), the
    picture was not marked ("unmarked"), or there is nothing to mark ("none").
    """

    file: str
    name: str | None = None
    value: int | None = None
    names: dict[int, str] = Field(default_factory=dict)
    colours: dict[str, tuple[int, int, int]] = Field(default_factory=dict)
    instance: bool = False
    missing: Literal["refuse", "unmarked", "none"] = "refuse"

    @model_validator(mode="after")
    def _says_what_pixels_mean(self) -> MaskRule:
        if (self.name is not None) + bool(self.names) + bool(self.colours) != 1:
            raise ValueError("a mask rule has exactly one of `name`, `names` and `colours`")
        if self.value is not None and self.name is None:
            raise ValueError("`value` goes with `name`")
        if "*" in self.file.rpartition("/")[0]:
            raise ValueError("`*` may stand only in the last part of `file`")
        return self

    @property
    def marked(self) -> tuple[str, ...]:
        """The source's names that this rule's files can mark."""
        return (self.name,) if self.name is not None else (*self.names.values(), *self.colours)


class MaskFinder:
    """Finds masks by rule and remembers them, so that masks without a picture can be told at the end."""

    def __init__(self, root: Path, rules: tuple[MaskRule, ...]) -> None:
        self._root = root
        self._rules = rules
        self._claimed: set[str] = set()

    def regions(
        self, rule: MaskRule, values: Mapping[str, str], key: str, media: str
    ) -> Iterator[Region | Refusal | None]:
        """The rule's regions for one picture; a Refusal for a file that can't be used; None where it is not marked."""
        for file in matching_files(self._root, rule.file, values) or [fill(rule.file, values)]:
            self._claimed.add(file)
            try:
                inside(self._root, file)
            except BadInput as bad:
                if bad.reason == "missing_file" and rule.missing != "refuse":
                    if rule.missing == "unmarked":
                        yield None
                    continue
                yield refused(f"{key}#{file}", bad, file, part=True)
                continue
            yield _region(rule, file, media)

    def orphans(self, pictures: set[str]) -> Iterator[Refusal]:
        """Files that look like masks by one of the rules, but belong to no picture that was found."""
        seen = self._claimed | pictures
        for rule in self._rules:
            if not fields_of(rule.file):
                continue
            pattern: re.Pattern[str] = reverse(rule.file)
            literal = re.split(r"[{*]", rule.file)[0].rpartition("/")[0]
            try:
                found = files_under(self._root, literal)
            except BadInput:  # no folder, no masks: each picture has said so
                continue
            for file in found:
                if file not in seen and pattern.fullmatch(file):
                    seen.add(file)
                    yield refused(file, BadInput("missing_picture", "this mask belongs to no picture", file))


def _region(rule: MaskRule, file: str, media: str) -> Region:
    if rule.name is not None:
        return Region(
            kind="mask", pointer=file, media=media, name=rule.name, file=file, value=rule.value, instance=rule.instance
        )
    if rule.names:
        names = tuple(MaskName(name=name, value=value) for value, name in sorted(rule.names.items()))
        return Region(kind="label_map", pointer=file, media=media, file=file, names=names)
    colours = tuple(MaskName(name=name, colour=colour) for name, colour in rule.colours.items())
    return Region(kind="colour_mask", pointer=file, media=media, file=file, names=colours)
