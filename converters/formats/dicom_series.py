"""Folders of DICOM files as series: volumes, with what was drawn on them, and whatever else lies among them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import Field

from medloom.converters.base import Converter, Feature
from medloom.converters.formats.dicom_found import Found
from medloom.converters.formats.dicom_header import words
from medloom.converters.formats.dicom_pictures import header_features, header_notes, picture_sample
from medloom.converters.formats.dicom_sample import SampleMaker, SeriesRules
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.mask_rule import MaskFinder
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.pixels.dicom_file import read_dicom
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal, Sample


class Params(SeriesRules):
    """`files` is a regular expression over whole paths below the root; without it every file is tried.

    Files of one series may lie anywhere below `folder`, so that all headers are read before the first Sample; where
    neither a series nor a patient crosses the folders at some `depth` below it, those are listed one by one, which
    takes the memory of one of them.

    `gaps`: a series of which slices are missing is refused, or split into runs that have no gap. `stacks`: at most so
    many volumes of one series (echoes, time points, b-values), evenly drawn. `least`: fewer slices become pictures,
    unless something was drawn on them. `localisers` are left out unless asked for. `flat` pictures (radiographs,
    captures) become Samples of their own or are refused; `cine` files one clip each, or pictures by `frames`.

    `fields` is a regular expression over the folder of a series; its named groups fill the templates of `masks`,
    which are label maps in NIfTI on the grid of the series' largest volume. `segments`: whether SEG and RTSTRUCT
    objects become regions. They say by UID what they were drawn on; `drawn` are templates of the paths of those that
    belong to a series whose UIDs were changed: the frame of reference must be the same, and places count.
    `measurements`: whether structured reports of measurements (TID 1500) are read.
    """

    folder: str = ""
    files: str | None = None
    depth: int = Field(default=0, ge=0)
    flat: Literal["pictures", "refuse"] = "pictures"
    cine: Literal["clip", "pictures", "refuse"] = "clip"

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        return None if self.files is None else re.compile(self.files)


class DicomSeries(Converter):
    """One Sample for each series of a folder of DICOM files, sorted out by what their headers say.

    A series' slices are put in order by position, whatever their files are called; each of its stacks is a medium.
    SEG and RTSTRUCT objects become regions of the series that they refer to by UID, and measurements of structured
    reports are stated of it; what refers to none that is here is refused. A label is what `DicomPictures` makes of
    modality and part of the body. Where the studies of a patient that the card knows have dates, the visit is counted
    from the patient's first, of volumes, pictures and clips alike.
    The key is the folder, with a digest of the series' UID where a folder holds several.
    """

    version = "3"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            files = files_under(root, params.folder)
            split = PublishedSplit(root, card)
        except BadInput as bad:
            yield refused(bad.file or params.folder or ".", bad)
            return
        finder = MaskFinder(root, params.masks)
        wanted = (path for path in files if params.pattern is None or params.pattern.fullmatch(path))
        start = len(params.folder.strip("/").split("/")) if params.folder.strip("/") else 0
        seen: set[str] = set()
        for _, paths in groupby(wanted, lambda path: path.split("/")[:-1][: start + params.depth]):
            found = Found(params.measurements)
            for path in paths:
                found.take(path, root, card, params.states)
            yield from _of_found(found, root, card, params, split, finder, seen)
        yield from finder.orphans(set())

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        found: set[Feature] = {*header_features(card, params.states), "volumes", "visits"}
        if params.masks or params.segments:
            found |= {"masks", "boxes"}
        if params.measurements:
            found.add("measured")
        if params.cine == "clip":
            found.add("clips")
        return frozenset(found)


def _of_found(
    found: Found,
    root: Path,
    card: SourceCard,
    params: Params,
    split: PublishedSplit,
    finder: MaskFinder,
    seen: set[str],
) -> Iterator[Sample | Refusal]:
    yield from found.refused
    maker = SampleMaker(found, card, split, finder, params)
    for series in found.series.values():
        if series.uid in seen:
            told = "files of it lie in several folders: list them together, by a smaller `depth`"
            yield refused(series.first, BadInput("torn_series", told, series.first))
            continue
        seen.add(series.uid)
        yield from maker.samples(series)
        singles = [(path, params.flat) for path in (*series.flat, *maker.singles)]
        for path, how in sorted([*singles, *((path, params.cine) for path in series.cine)]):
            try:
                if how == "refuse":
                    raise BadInput("not_a_series", "its header does not place it among other slices", path)
                dataset = read_dicom(inside(root, path), pixels=False)
                sample = picture_sample(path, dataset, card, params, split)
                sample = _clip(sample, dataset) if how == "clip" else sample
                measured = found.reports.of("", {sample.media[0].key: {words(dataset, "SOPInstanceUID") or ""}})
                visit = maker.visit_of(sample.patient, words(dataset, "StudyDate"))
                yield msgspec.structs.replace(sample, measured=measured, visit=visit)
            except BadInput as bad:
                yield refused(path, bad, path)
    yield from maker.unused()


def _clip(sample: Sample, dataset: Any) -> Sample:
    """The file as a clip, without the notes of which of its frames are shown."""
    media = Media(kind="clip", files=sample.media[0].files)
    return msgspec.structs.replace(sample, media=(media,), notes=header_notes(dataset))
