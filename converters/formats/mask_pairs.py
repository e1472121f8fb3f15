"""Pictures and their masks: one mask per picture by a name rule, or one file per object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pydantic import Field, model_validator

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.files_under import RASTERS, files_under
from medloom.converters.formats.mask_rule import MaskFinder, MaskRule
from medloom.converters.formats.name_template import fields_of, fill
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal, Region, Sample


class Params(base.Params):
    """`pictures` is a regular expression over whole paths below the root; its named groups fill the templates.

    `folder` is where to look, so that a big tree is not walked in vain; paths still begin at the root. `key` is a
    template for the Sample's key, which is the picture's path otherwise.
    """

    pictures: str
    masks: tuple[MaskRule, ...] = Field(min_length=1)
    folder: str = ""
    key: str | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.pictures)

    @model_validator(mode="after")
    def _templates_can_be_filled(self) -> Params:
        for template in (self.key or "", *(rule.file for rule in self.masks)):
            unknown = [name for name in fields_of(template) if name not in self.pattern.groupindex]
            if unknown:
                raise ValueError(f"{template!r} wants {unknown}, but `pictures` names {list(self.pattern.groupindex)}")
        return self


class MaskPairs(Converter):
    """Pictures with masks as PNG, TIFF or any other raster: binary, by value, by colour, or a file per object.

    A mask that can't be used is a Refusal of its own (``key#file``); its picture stays, without a claim that its
    names are complete. A mask that belongs to no picture is refused too.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            files = files_under(root, params.folder, RASTERS)
            split = PublishedSplit(root, card)
        except BadInput as bad:
            yield refused(bad.file or params.folder or ".", bad)
            return
        finder = MaskFinder(root, params.masks)
        keys: set[str] = set()
        pictures: set[str] = set()
        for path in files:
            found = params.pattern.fullmatch(path)
            if found is None:
                continue
            pictures.add(path)
            values = {name: value or "" for name, value in found.groupdict().items()}
            key = fill(params.key, values) if params.key else path
            regions: list[Region] = []
            spoiled: list[Refusal] = []
            lost: set[str] = set()
            for rule in params.masks:
                for region in finder.regions(rule, values, key, "image"):
                    if isinstance(region, Region):
                        regions.append(region)
                        continue
                    lost.update(rule.marked)
                    if region is not None:
                        spoiled.append(region)
            try:
                inside(root, path)
                if key in keys:
                    raise BadInput("duplicate_key", f"another picture has the key {key!r}", path)
                keys.add(key)
                patient, published = card.patient_of(key, path), split.of(key, path)
            except BadInput as bad:
                yield refused(key, bad, path)
                continue
            yield from spoiled
            yield Sample(
                key=key,
                patient=patient,
                split=published,
                media=(Media(files=(path,)),),
                regions=tuple(regions),
                complete_regions=complete_regions(card, (name for rule in params.masks for name in rule.marked), lost),
            )
        yield from finder.orphans(pictures)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return frozenset(("masks", "boxes"))
