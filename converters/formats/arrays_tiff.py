"""TIFF files of several pages: slices of a volume, pictures of their own, or a slide of which tiles are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.arrays import SPLITS
from medloom.converters.formats.arrays_masks import ArrayMask
from medloom.converters.formats.complete_names import complete_labels, complete_regions
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.name_template import fields_of, fill
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Acquisition, Label, Media, Refusal, Region, Sample, Split


class Params(base.Params):
    """`files` is a regular expression over whole paths below the root (below `folder`); a group ``label`` names the
    class, ``split`` the published split. `pages` says what the pages of `series` (the first by default) are.

    `masks` are TIFF files with as many pages; the `file` of one is a template over the groups, its `array` the series.
    `window` (center, width) shows more than 8 bits; `spacing_mm` holds where the file itself states none.
    """

    files: str = r".+\.(?:tiff?|svs|btf)"
    folder: str = ""
    pages: Literal["slices", "pictures", "slide"]
    series: int = Field(default=0, ge=0)
    masks: tuple[ArrayMask, ...] = ()
    splits: dict[str, Split] = Field(default_factory=lambda: dict(SPLITS))
    key: str | None = None
    window: tuple[float, float] | None = None
    spacing_mm: tuple[float, float] | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.files, re.IGNORECASE)

    @model_validator(mode="after")
    def _templates_can_be_filled(self) -> Params:
        for mask in self.masks:
            if mask.file is None:
                raise ValueError("a mask of a TIFF is a file of its own: it needs `file`")
        for template in (self.key or "", *(mask.file or "" for mask in self.masks)):
            unknown = [name for name in fields_of(template) if name not in {"page", "file", *self.pattern.groupindex}]
            if unknown:
                raise ValueError(f"{template!r} wants {unknown}, but `files` names {list(self.pattern.groupindex)}")
        if self.pages == "slide" and self.masks:
            raise ValueError("tiles of a slide carry no masks yet")
        return self


class TiffStack(Converter):
    """Counts pages from headers; decodes none. A file whose masks are taken is no picture itself."""

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            files = files_under(root, params.folder)
            split = PublishedSplit(root, card)
        except BadInput as bad:
            yield refused(bad.file or params.folder or ".", bad)
            return
        for file in files:
            found = params.pattern.fullmatch(file)
            if found is None:
                continue
            values = {"file": file, **{name: value or "" for name, value in found.groupdict().items()}}
            try:
                yield from _of_file(root, file, values, card, params, split)
            except BadInput as bad:
                yield refused(file, bad, bad.file or file)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        found: set[Feature] = {"spacing"}
        found |= {"labels"} if "label" in params.pattern.groupindex else set()
        found |= {"masks", "boxes"} if params.masks else set()
        return frozenset(found | ({"volumes"} if params.pages == "slices" else set()))


def _of_file(
    root: Path, file: str, values: dict[str, str], card: SourceCard, params: Params, split: PublishedSplit
) -> Iterator[Sample | Refusal]:
    from medloom.converters.pixels.tiff_file import tiff_file

    series = tiff_file(inside(root, file)).one(params.series)
    if params.pages == "slices" and len(series.plane_axes) > 1:
        raise BadInput("several_axes", f"pages run along {series.plane_axes}: which of them are slices?")
    published = None
    if values.get("split"):
        if values["split"].lower() not in params.splits:
            raise BadInput("unknown_split", f"{values['split']!r} is not in `splits`")
        published = params.splits[values["split"].lower()]
    lost: set[str] = set()
    masks: list[tuple[ArrayMask, str]] = []
    for mask in params.masks:
        try:
            mask.member(root, values, series.planes)
            masks.append((mask, mask.of_file(values)))
        except BadInput as bad:
            lost.update(mask.marked)
            yield refused(f"{file}#{mask.of_file(values)}", bad, mask.of_file(values), part=True)
    label = values.get("label")
    kind: Literal["picture", "volume", "slide"] = {  # type: ignore[assignment]
        "slices": "volume", "pictures": "picture", "slide": "slide",
    }[params.pages]  # fmt: skip
    for page in range(series.planes) if kind == "picture" else (None,):
        place = file if page is None else f"{file}#page={page}"
        key = place if params.key is None else fill(params.key, {**values, "page": "" if page is None else str(page)})
        try:
            regions: list[Region] = [mask.region(of, mask.array, page) for mask, of in masks]
            yield Sample(
                key=key,
                patient=card.patient_of(key, file),
                split=published or split.of(key, file),
                media=(Media(kind=kind, files=(file,), member=str(params.series), frame=page),),
                acquisition=Acquisition(window=params.window, spacing_mm=params.spacing_mm),
                labels=(Label(name=label, pointer=file),) if label else (),
                complete_labels=complete_labels(card) if label else (),
                regions=tuple(regions),
                complete_regions=complete_regions(card, (one for mask in params.masks for one in mask.marked), lost),
            )
        except BadInput as bad:
            yield refused(key, bad, file)
