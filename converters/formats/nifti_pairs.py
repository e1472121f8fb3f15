"""NIfTI volumes and their label maps by a name rule, in one or several contrasts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field, model_validator

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.mask_rule import MaskFinder
from medloom.converters.formats.name_template import fields_of, fill
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.formats.volume_rule import ContrastRule
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import LandmarkMap, MaskName, Media, Refusal, Region, Sample, Visit

SUFFIXES = (".nii", ".nii.gz")


class Params(base.Params):
    """`volumes` is a regular expression over whole paths below the root; its named groups fill the templates.

    Each match is one Sample. Without `contrasts` the match itself is its only volume; `contrasts` list all volumes
    otherwise. `key` is the Sample's key (the matched path otherwise), `visit` and `day` tell when it was taken,
    `study` what belongs together.
    """

    volumes: str
    contrasts: tuple[ContrastRule, ...] = Field(default=(ContrastRule(),), min_length=1)
    folder: str = ""
    key: str | None = None
    visit: str | None = None
    day: str | None = None
    study: str | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.volumes)

    @model_validator(mode="after")
    def _templates_can_be_filled(self) -> Params:
        known = {"path", *self.pattern.groupindex}
        for one in self.contrasts:
            for template in (one.file, *(rule.file for rule in one.masks), *(rule.file for rule in one.points)):
                _require(template, known)
        for optional in (self.key, self.visit, self.day, self.study):
            _require(optional or "", known)
        if len({one.key for one in self.contrasts}) < len(self.contrasts):
            raise ValueError("each contrast needs a `key` of its own")
        return self


def _require(template: str, known: set[str]) -> None:
    unknown = [name for name in fields_of(template) if name not in known]
    if unknown:
        raise ValueError(f"{template!r} wants {unknown}, but `volumes` names {sorted(known)}")


class NiftiPairs(Converter):
    """NIfTI images with label maps, masks and points beside them.

    A name is complete for a Sample only where every one of its contrasts has a mask of it: a cord that is drawn on T2
    says nothing of the T1 volume. A mask that can't be used is a Refusal of its own (``key#file``), as is one that
    belongs to no volume. Grids are compared where the pixels are read.
    """

    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            files = files_under(root, params.folder, SUFFIXES)
            split = PublishedSplit(root, card)
        except BadInput as bad:
            yield refused(bad.file or params.folder or ".", bad)
            return
        finder = MaskFinder(root, tuple(rule for one in params.contrasts for rule in one.masks))
        keys: set[str] = set()
        volumes: set[str] = set()
        for path in files:
            found = params.pattern.fullmatch(path)
            if found is None:
                continue
            volumes.add(path)
            values = {"path": path, **{name: value or "" for name, value in found.groupdict().items()}}
            volumes.update(fill(one.file, values) for one in params.contrasts)
            key = fill(params.key, values) if params.key else path
            spoiled: list[Refusal] = []
            try:
                if key in keys:
                    raise BadInput("duplicate_key", f"another volume has the key {key!r}", path)
                keys.add(key)
                sample = _sample(key, path, values, params, card, split, finder, root, spoiled)
            except BadInput as bad:
                yield refused(key, bad, path)
                continue
            yield from spoiled
            yield sample
        yield from finder.orphans(volumes)

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        found: set[Feature] = {"spacing"}
        if any(one.masks for one in params.contrasts):
            found |= {"masks", "boxes"}
        if any(one.points for one in params.contrasts):
            found.add("landmarks")
        return frozenset(found)


def _sample(
    key: str,
    path: str,
    values: Mapping[str, str],
    params: Params,
    card: SourceCard,
    split: PublishedSplit,
    finder: MaskFinder,
    root: Path,
    spoiled: list[Refusal],
) -> Sample:
    media: list[Media] = []
    regions: list[Region] = []
    points: list[LandmarkMap] = []
    complete: set[str] | None = None
    for one in params.contrasts:
        file = fill(one.file, values)
        marked: set[str] = set()
        lost: set[str] = set()
        drawn: list[Region] = []
        for rule in one.masks:
            marked.update(rule.marked)
            for region in finder.regions(rule, values, key, one.key):
                if isinstance(region, Region):
                    drawn.append(region)
                    continue
                lost.update(rule.marked)
                if region is not None:
                    spoiled.append(region)
        try:
            inside(root, file)
        except BadInput as bad:
            if not (one.optional and bad.reason == "missing_file"):
                spoiled.append(refused(f"{key}#{file}", bad, file, part=True))
            continue
        media.append(Media(key=one.key, kind="volume", files=(file,), role=one.role, frame=one.frame))
        regions.extend(drawn)
        points.extend(_points(one, values, key, root, spoiled))
        complete = marked - lost if complete is None else complete & (marked - lost)
    if not media:
        raise BadInput("missing_file", "none of the contrasts is there", path)
    return Sample(
        key=key,
        patient=card.patient_of(key, path),
        split=split.of(key, path),
        media=tuple(media),
        study=fill(params.study, values) if params.study else None,
        visit=_visit(params, values, path),
        regions=tuple(regions),
        landmark_maps=tuple(points),
        complete_regions=complete_regions(card, complete or ()),
    )


def _points(
    one: ContrastRule, values: Mapping[str, str], key: str, root: Path, spoiled: list[Refusal]
) -> Iterator[LandmarkMap]:
    for rule in one.points:
        file = fill(rule.file, values)
        try:
            inside(root, file)
        except BadInput as bad:
            if not (rule.optional and bad.reason == "missing_file"):
                spoiled.append(refused(f"{key}#{file}", bad, file, part=True))
            continue
        names = tuple(MaskName(name=name, value=value) for value, name in sorted(rule.names.items()))
        yield LandmarkMap(file=file, names=names, media=one.key)


def _visit(params: Params, values: Mapping[str, str], path: str) -> Visit | None:
    if params.visit is None:
        return None
    day = None
    if params.day is not None:
        try:
            day = float(fill(params.day, values))
        except ValueError:
            raise BadInput("bad_visit", f"{fill(params.day, values)!r} is no number of days", path) from None
    return Visit(key=fill(params.visit, values), day=day)
