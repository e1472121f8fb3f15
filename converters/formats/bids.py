"""BIDS data sets: images by subject and session, with the masks of ``derivatives``, people and visits from tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.bids_masks import MaskNames, source_of
from medloom.converters.formats.bids_name import BidsName, bids_name
from medloom.converters.formats.bids_tables import Participants, visits
from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.formats.row_facts import age_in_years, sex_of
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Acquisition, Label, LandmarkMap, MaskName, Media, Refusal, Region, Sample, Visit

VOLUMES = (".nii", ".nii.gz")
ANAT = ("T1w", "T2w", "FLAIR", "T2starw", "PDw", "T1rho", "inplaneT1", "inplaneT2", "angio", "ct")
"""Suffixes of images that are taken where the card names none."""


class Params(base.Params):
    """`suffixes` are those of images, in `datatypes`; `entities` keeps the images that have one of the values ("" for
    none). `each` says what a Sample is: all images of a ``session``, or one ``image``.

    `pipelines` are folders below ``derivatives`` (all of them without; the data set itself is looked through too).
    `marks` names what suffixes outside the specification show (``{seg-manual: cord}``), `points` what the values of
    point files do, by suffix; `values` those of a ``dseg`` without table. `of` is the suffix of the image that a mask
    belongs to where names leave it open. `resample` brings masks of another grid to the image's by world coordinates.
    `frame` picks the 3D volume of 4D images. `labels` are columns of participants.tsv whose values are labels.
    """

    suffixes: tuple[str, ...] = ANAT
    datatypes: tuple[str, ...] = ("anat",)
    entities: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    each: Literal["session", "image"] = "session"
    pipelines: tuple[str, ...] = ()
    marks: dict[str, str] = Field(default_factory=dict)
    points: dict[str, dict[int, str]] = Field(default_factory=dict)
    values: dict[int, str] = Field(default_factory=dict)
    of: str | None = None
    resample: bool = False
    frame: int | None = Field(default=None, ge=0)
    labels: tuple[str, ...] = ()


@dataclass
class _Found:
    """The files of one subject and session."""

    images: list[BidsName] = field(default_factory=list)
    masks: list[BidsName] = field(default_factory=list)
    points: list[BidsName] = field(default_factory=list)


class Bids(Converter):
    """Images under ``sub-*/[ses-*/]anat``, masks beside them and under ``derivatives/*``.

    The key is ``sub-01/ses-02`` (or the image's path, for each image); a medium's key is the rest of its name
    (``acq-mprage_T1w``), its role the suffix. A mask that can't be used is a Refusal of its own; a name is complete
    for a Sample only where each of its images has a mask of it.
    """

    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            people = Participants(root)
            split = PublishedSplit(root, card)
            subjects = sorted(path.name for path in root.iterdir() if path.is_dir() and path.name.startswith("sub-"))
            pipelines = _pipelines(root, params)
        except (BadInput, OSError) as error:
            bad = error if isinstance(error, BadInput) else BadInput("missing_folder", type(error).__name__)
            yield refused(bad.file or ".", bad)
            return
        if not subjects:
            yield refused(".", BadInput("not_bids", "there is no folder sub-<label>"))
        names = MaskNames(root, params.marks, params.values)
        for folder in subjects:
            by_session: dict[str | None, _Found] = {}
            for parent in ("", *pipelines):
                yield from _gather(root, f"{parent}{folder}", params, names, by_session, derived=bool(parent))
            try:
                when = visits(root, folder.removeprefix("sub-"), sorted(key for key in by_session if key is not None))
            except BadInput as bad:
                yield refused(folder, bad, part=True)
                when = {}
            reader = _Reader(root, card, params, names, people, split, when)
            for session in sorted(by_session, key=lambda key: key or ""):
                yield from reader.samples(folder, session, by_session[session])

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        found: set[Feature] = {"spacing", "masks", "boxes", "volumes", "visits"}
        if params.each == "session":
            found.add("contrasts")
        if params.points:
            found.add("landmarks")
        if params.labels:
            found.add("labels")
        return frozenset(found)


def _pipelines(root: Path, params: Params) -> tuple[str, ...]:
    """Folders that hold derivatives, each with its slash; those of several stages lie one in the other."""
    top = root / "derivatives"
    if not top.is_dir():
        return ()
    known = params.pipelines or sorted(path.name for path in top.iterdir() if path.is_dir())
    here = ("derivatives/",) if any(name.startswith("sub-") for name in known) else ()
    return (*here, *(f"derivatives/{name}/" for name in known if not name.startswith("sub-")))


def _gather(
    root: Path, folder: str, params: Params, names: MaskNames, into: dict[str | None, _Found], derived: bool
) -> Iterator[Refusal]:
    """Puts the volumes of one subject's folder where they belong; yields those whose names say nothing."""
    try:
        files = list(files_under(root, folder, VOLUMES))
    except BadInput as bad:
        if not derived:
            yield refused(folder, bad, folder)
        return
    for path in files:
        try:
            name = bids_name(path)
        except BadInput as bad:
            yield refused(path, bad, path, part=True)
            continue
        found = into.setdefault(name.session, _Found())
        if name.suffix in params.points:
            found.points.append(name)
        elif names.is_mask(name):
            found.masks.append(name)
        elif not derived and _is_image(name, params):
            found.images.append(name)


def _is_image(name: BidsName, params: Params) -> bool:
    return name.suffix in params.suffixes and name.datatype in params.datatypes and name.has(params.entities)


@dataclass(frozen=True)
class _Reader:
    """Makes the Samples of one subject."""

    root: Path
    card: SourceCard
    params: Params
    names: MaskNames
    people: Participants
    split: PublishedSplit
    when: dict[str, Visit]

    def samples(self, folder: str, session: str | None, found: _Found) -> Iterator[Sample | Refusal]:
        """One Sample, or one for each image; and what could not be used."""
        if not found.images:
            for mask in (*found.masks, *found.points):
                bad = BadInput("missing_picture", "no image of its subject and session is there", mask.path)
                yield refused(mask.path, bad, part=True)
            return
        key = folder if session is None else f"{folder}/ses-{session}"
        drawn: dict[str, list[tuple[BidsName, Region]]] = {}
        points: dict[str, list[LandmarkMap]] = {}
        lost: set[str] = set()
        for mask in (*found.masks, *found.points):
            try:
                inside(self.root, mask.path)
                image = source_of(self.root, mask, found.images, self.params.of)
                if mask in found.points:
                    points.setdefault(image.path, []).append(self._points(mask, image))
                else:
                    region = self.names.region(mask, self._key(image), self.params.resample)
                    drawn.setdefault(image.path, []).append((mask, region))
            except BadInput as bad:
                lost.update(name for name in (mask.entities.get("label"), mask.entities.get("desc")) if name)
                yield refused(f"{key}#{mask.path}", bad, mask.path, part=True)
        groups = [[image] for image in found.images] if self.params.each == "image" else [found.images]
        for images in groups:
            one = key if self.params.each == "session" else images[0].path
            try:
                yield self._sample(one, images, session, drawn, points, lost)
            except BadInput as bad:
                yield refused(one, bad, images[0].path)

    def _sample(
        self,
        key: str,
        images: list[BidsName],
        session: str | None,
        drawn: dict[str, list[tuple[BidsName, Region]]],
        points: dict[str, list[LandmarkMap]],
        lost: set[str],
    ) -> Sample:
        for image in images:
            inside(self.root, image.path)
        person = self.people.of(images[0].subject)
        cells, pointer = person if person is not None else ({}, "")
        regions = tuple(region for image in images for _, region in drawn.get(image.path, ()))
        marked = [{name for _, one in drawn.get(image.path, ()) for name in _names(one)} for image in images]
        return Sample(
            key=key,
            patient=self.card.patient_of(key, images[0].path, dict(cells)),
            split=self.split.of(key, images[0].path, cells),
            media=tuple(
                Media(
                    key=self._key(image), kind="volume", files=(image.path,), role=image.suffix, frame=self.params.frame
                )
                for image in images
            ),
            visit=None if session is None else self.when.get(session),
            acquisition=Acquisition(sex=sex_of(cells.get("sex")), age_years=age_in_years(cells.get("age"))),
            labels=tuple(
                Label(name=cells[column], pointer=f"{pointer},column={column}")
                for column in self.params.labels
                if cells.get(column)
            ),
            regions=regions,
            landmark_maps=tuple(point for image in images for point in points.get(image.path, ())),
            complete_regions=complete_regions(self.card, set.intersection(*marked) - lost),
        )

    def _key(self, image: BidsName) -> str:
        """``image`` where each image is a Sample, else the name without subject and session."""
        if self.params.each == "image":
            return "image"
        pairs = [f"{key}-{value}" for key, value in image.entities.items() if key not in ("sub", "ses")]
        return "_".join([*pairs, image.suffix])

    def _points(self, file: BidsName, image: BidsName) -> LandmarkMap:
        names = sorted(self.params.points[file.suffix].items())
        return LandmarkMap(
            file=file.path,
            media=self._key(image),
            names=tuple(MaskName(name=name, value=value) for value, name in names),
        )


def _names(region: Region) -> list[Any]:
    return [region.name] if region.name is not None else [name.name for name in region.names]
