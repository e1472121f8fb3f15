"""Which DICOM files of a folder belong together, by what their headers say: pixels are never read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from medloom.converters.formats.dicom_header import (
    NOT_PICTURES,
    State,
    acquisition_of,
    labels_of,
    row_of,
    words,
)
from medloom.converters.formats.dicom_pictures import header_notes, is_slide
from medloom.converters.formats.dicom_references import Drawn, drawn
from medloom.converters.formats.dicom_report import Reports, groups_of
from medloom.converters.paths import inside
from medloom.converters.pixels.dicom_file import read_dicom
from medloom.converters.pixels.dicom_slide import is_beside
from medloom.converters.pixels.dicom_stacks import Slice, slices_of
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Acquisition, Label, Refusal


class Said(msgspec.Struct, frozen=True):
    """What the header of a series' first file says of all of it."""

    modality: str | None
    row: dict[str, str]
    acquisition: Acquisition
    labels: tuple[Label, ...]
    complete: tuple[str, ...]
    date: str | None


@dataclass
class Series:
    """Files of one SeriesInstanceUID, by path. `slices` number them by their place in `files`; `notes` are those of any
    of them: one slice that has text burned in is enough.
    """

    uid: str
    said: Said
    files: list[str] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)
    flat: list[str] = field(default_factory=list)
    cine: list[str] = field(default_factory=list)
    slides: list[str] = field(default_factory=list)
    patients: set[str] = field(default_factory=set)
    notes: dict[str, None] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The path of its first file."""
        return min((*self.files, *self.flat, *self.cine, *self.slides))


@dataclass
class Found:
    """The series of some files, by UID in the order of their first file; what is drawn on them; what was measured on
    them, where `measurements` are read; what is neither."""

    measurements: bool = False
    series: dict[str, Series] = field(default_factory=dict)
    drawn: list[Drawn] = field(default_factory=list)
    reports: Reports = field(default_factory=Reports)
    refused: list[Refusal] = field(default_factory=list)

    def take(self, path: str, root: Path, card: SourceCard, states: tuple[State, ...]) -> None:
        """Reads the header of one file."""
        try:
            where = inside(root, path)
            dataset = read_dicom(where, header_only=True)
            modality = words(dataset, "Modality")
            if modality in ("SEG", "RTSTRUCT"):
                found = drawn(dataset, path)
                if found is not None:
                    self.drawn.append(found)
                return
            if modality == "SR" and self.measurements:
                self._take_report(where, path)
                return
            if "Rows" not in dataset or modality in NOT_PICTURES:
                told = "its pixels are no picture of the patient" if "Rows" in dataset else "it holds no pixels"
                raise BadInput("not_an_image", f"{modality or 'the object'}: {told}", path)
            self._take_image(path, dataset, card, states)
        except BadInput as bad:
            self.refused.append(refused(path, bad, path, part=bad.reason in ("not_an_image", "not_dicom")))

    def _take_report(self, where: Path, path: str) -> None:
        groups, lost = groups_of(where, path)
        self.reports.groups.extend(groups)
        if lost:
            bad = BadInput("no_number", f"{lost} measurements state no number in a UCUM unit", path)
            self.refused.append(refused(path, bad, path, part=True))

    def _take_image(self, path: str, dataset: Any, card: SourceCard, states: tuple[State, ...]) -> None:
        if is_slide(dataset) and is_beside(dataset):
            told = "the label or the glass of a slide, which may name the patient, and not the specimen"
            raise BadInput("not_an_image", told, path)
        uid = words(dataset, "SeriesInstanceUID") or _without_uid(path, dataset)
        series = self.series.get(uid)
        if series is None:
            labels, complete = labels_of(dataset, path, states, card)
            series = self.series[uid] = Series(
                uid,
                Said(
                    words(dataset, "Modality"),
                    row_of(dataset),
                    acquisition_of(dataset),
                    labels,
                    complete,
                    words(dataset, "StudyDate"),
                ),
            )
        series.patients.add(words(dataset, "PatientID") or "")
        series.notes.update(dict.fromkeys(header_notes(dataset)))
        if is_slide(dataset):
            series.slides.append(path)
            return
        slices = slices_of(dataset, len(series.files))
        placed = all(one.axes is not None and one.position is not None and one.spacing is not None for one in slices)
        distinct = len({one.position for one in slices}) > 1 or "PerFrameFunctionalGroupsSequence" in dataset
        if placed and (len(slices) == 1 or distinct):
            series.files.append(path)
            series.slices.extend([slices[0].compact()] if len(slices) == 1 else slices)
        elif len(slices) > 1:
            series.cine.append(path)
        else:
            series.flat.append(path)


def _without_uid(path: str, dataset: Any) -> str:
    """What stands for the series of a file that has lost its UID: its folder, and what else sets series apart."""
    parts = (words(dataset, keyword) or "" for keyword in ("StudyInstanceUID", "Modality", "SeriesNumber"))
    return "/".join((path.rpartition("/")[0], *parts))
