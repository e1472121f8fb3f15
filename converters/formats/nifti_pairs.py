"""NIfTI volumes and their label maps by a name rule, in one or several contrasts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import msgspec
from pydantic import Field, model_validator

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.mask_rule import MaskFinder
from medloom.converters.formats.name_template import fields_of, fill
from medloom.converters.formats.people_table import People, PeopleTable
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
    `study` what belongs together. `table` lends its columns to the templates, and says who the patient is.
    """

    volumes: str
    contrasts: tuple[ContrastRule, ...] = Field(default=(ContrastRule(),), min_length=1)
    folder: str = ""
    key: str | None = None
    visit: str | None = None
    day: str | None = None
    study: str | None = None
    table: PeopleTable | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.volumes)

    @model_validator(mode="after")
    def _templates_can_be_filled(self) -> Params:
        known = {"path", *self.pattern.groupindex}
        if self.table is not None:
            _require(self.table.row, known)
            known |= set(self.table.columns)
        keys = {one.key for one in self.contrasts}
        for one in self.contrasts:
            for template in one.templates:
                _require(template, known)
            for other in (one.onto, *(rule.since for rule in one.masks)):
                if other is not None and (other not in keys or other == one.key):
                    raise ValueError(f"{one.key!r} refers to the contrast {other!r}; the others are {sorted(keys)}")
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

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            files = files_under(root, params.folder, SUFFIXES)
            split = PublishedSplit(root, card)
            people = None if params.table is None else People(root, params.table)
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
            person = None if people is None else people.of(values)
            if people is not None and person is None:
                told = BadInput("missing_row", "no row of the table speaks of it", people.file)
                spoiled.append(refused(f"{key}#{people.file}", told, people.file, part=True))
            values |= {} if people is None else people.lent(person)
            try:
                if key in keys:
                    raise BadInput("duplicate_key", f"another volume has the key {key!r}", path)
                keys.add(key)
                sample = _sample(key, path, values, params, card, split, finder, root, spoiled)
                if person is not None:
                    sample = msgspec.structs.replace(sample, acquisition=person.acquisition)
            except BadInput as bad:
                yield refused(key, bad, path)
                continue
            yield from spoiled
            yield sample
        yield from finder.orphans(volumes)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        found: set[Feature] = {"spacing", "volumes"}
        if any(rule.since is None for one in params.contrasts for rule in one.masks):
            found |= {"masks", "boxes"}
        if any(one.points for one in params.contrasts):
            found.add("landmarks")
        if any(rule.since for one in params.contrasts for rule in one.masks):
            found.add("changes")
        if params.visit is not None:
            found.add("visits")
        if len(params.contrasts) > 1:
            found.add("contrasts")
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
            if rule.since is None:
                marked.update(rule.marked)
            for region in finder.regions(rule, values, key, one.key):
                if isinstance(region, Region):
                    drawn.append(msgspec.structs.replace(region, **rule.placed(values)))
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
        transform = None if one.transform is None else fill(one.transform, values)
        media.append(
            Media(
                key=one.key, kind="volume", files=(file,), role=one.role, frame=one.frame, onto=one.onto,
                transform=transform, day=None if one.day is None else _number(fill(one.day, values), path),
            )
        )  # fmt: skip
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
    day = None if params.day is None else _number(fill(params.day, values), path)
    return Visit(key=fill(params.visit, values), day=day)


def _number(said: str, path: str) -> float | None:
    """Days; None where the table says nothing."""
    if not said:
        return None
    try:
        return float(said)
    except ValueError:
        raise BadInput("bad_visit", f"{said!r} is no number of days", path) from None
