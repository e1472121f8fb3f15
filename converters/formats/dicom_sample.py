"""From the files of a DICOM series to its Sample."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Literal

from pydantic import Field

from medloom.converters.formats.complete_names import complete_regions
from medloom.converters.formats.dicom_found import Found, Series
from medloom.converters.formats.dicom_header import patient_of
from medloom.converters.formats.dicom_pictures import FrameParams
from medloom.converters.formats.dicom_references import Drawn
from medloom.converters.formats.mask_rule import MaskFinder, MaskRule
from medloom.converters.formats.name_template import fill
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.pixels.dicom_stacks import Stack, affine_of, runs_of, stacks_of
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.identity import digest
from medloom.schemas.sample import Measured, Media, Refusal, Region, Sample, Visit


class SeriesRules(FrameParams):
    """What becomes of a series; `dicom_series.Params` says it in words."""

    gaps: Literal["refuse", "split"] = "refuse"
    stacks: int = Field(default=8, ge=1)
    least: int = Field(default=2, ge=1)
    localisers: bool = False
    fields: str | None = None
    masks: tuple[MaskRule, ...] = ()
    segments: bool = True
    measurements: bool = False
    drawn: tuple[str, ...] = ()

    @cached_property
    def places(self) -> re.Pattern[str] | None:
        return None if self.fields is None else re.compile(self.fields)


class SampleMaker:
    """Makes the Samples of the series that were found together. What they leave over is in `singles` and `unused`."""

    def __init__(
        self, found: Found, card: SourceCard, split: PublishedSplit, finder: MaskFinder, rules: SeriesRules
    ) -> None:
        self._found = found
        self._card = card
        self._split = split
        self._finder = finder
        self._rules = rules
        self._used: set[str] = set()
        self._folders = Counter(folder_of(series) for series in found.series.values() if series.files or series.slides)
        self._days = _days(found, card)
        self.singles: list[str] = []
        """Files of stacks too small to be a volume: they are pictures."""

    def samples(self, series: Series) -> Iterator[Sample | Refusal]:
        """The Sample of a series' volumes, or of its slide, and what of them can't be used."""
        self.singles = []
        if not series.files and not series.slides:
            return
        key = self._key(series)
        spoiled: list[Refusal] = []
        try:
            if len(series.patients) > 1:
                raise BadInput("mixed_patients", f"files of {len(series.patients)} patients have one series UID")
            sample = self._sample(key, series, spoiled)
        except BadInput as bad:
            yield refused(key, bad, series.first)
            return
        yield from spoiled
        if sample is not None:
            yield sample

    def visit_of(self, patient: str | None, date: str | None) -> Visit | None:
        """The visit of a study of that date; None where patient or date isn't known."""
        return None if patient is None else self._days.get((patient, date or ""))

    def unused(self) -> Iterator[Refusal]:
        """Objects that were drawn on none of the series that are here."""
        for one in self._found.drawn:
            if self._rules.segments and one.file not in self._used:
                told = "it refers to no series that is here"
                yield refused(one.file, BadInput("no_such_series", told, one.file), part=True)
        yield from self._found.reports.unused()

    def _sample(self, key: str, series: Series, spoiled: list[Refusal]) -> Sample | None:
        stacks, notes = self._stacks(key, series, spoiled)
        media = [_media(number, stack, series) for number, stack in enumerate(stacks)]
        if series.slides:
            media.append(Media(key="slide", kind="slide", files=tuple(series.slides)))
        if not media:
            if self.singles:
                return None
            if len(spoiled) == 1:
                raise BadInput(spoiled[0].reason, spoiled[0].detail, spoiled[0].file)
            raise BadInput("no_volume", "; ".join(f"{one.reason}: {one.detail}" for one in spoiled[:4]))
        regions, complete = self._regions(key, series, stacks, media, spoiled)
        said = series.said
        patient = patient_of(self._card, key, series.first, said.row)
        return Sample(
            key=key,
            patient=patient,
            split=self._split.of(key, series.first, said.row),
            study=said.row["StudyInstanceUID"] or None,
            visit=self.visit_of(patient, said.date),
            media=tuple(media),
            acquisition=said.acquisition,
            labels=said.labels,
            complete_labels=said.complete,
            regions=regions,
            complete_regions=complete_regions(self._card, complete),
            measured=self._measured(series, stacks, media),
            notes=tuple(dict.fromkeys((*series.notes, *notes))),
        )

    def _stacks(self, key: str, series: Series, spoiled: list[Refusal]) -> tuple[list[Stack], list[str]]:
        """The stacks that are whole, and notes; those that aren't are spoiled."""
        stacks, _, notes = stacks_of(series.slices)
        whole: list[Stack] = []
        for stack in stacks:
            first = series.files[stack.slices[0].file]
            unit = f"{key}#{stack.told or first}"
            if stack.slices[0].localiser and not self._rules.localisers:
                told = f"{len(stack.slices)} slices that show where others were planned"
                spoiled.append(refused(unit, BadInput("localiser", told, first), part=True))
                continue
            small = len(stack.slices) < self._rules.least
            if small and not self._drawn_on(series, [stack]):
                self.singles.extend(series.files[one.file] for one in stack.slices if one.frame == 0)
                continue
            try:
                whole.extend(self._even(stack))
            except BadInput as bad:
                spoiled.append(refused(unit, bad, first, part=True))
        if len(whole) > self._rules.stacks:
            step = len(whole) / self._rules.stacks
            notes.append(f"{self._rules.stacks} of {len(whole)} volumes")
            whole = [whole[int(number * step)] for number in range(self._rules.stacks)]
        return whole, notes

    def _even(self, stack: Stack) -> list[Stack]:
        """The stack where its slices are evenly spaced; or its runs, where gaps may split it."""
        try:
            affine_of(stack)
        except BadInput as bad:
            one_frame_each = len({one.file for one in stack.slices}) == len(stack.slices)
            if bad.reason != "series_gap" or self._rules.gaps == "refuse" or not one_frame_each:
                raise
            return [run for run in runs_of(stack) if len(run.slices) >= max(2, self._rules.least)]
        return [stack]

    def _regions(
        self, key: str, series: Series, stacks: list[Stack], media: list[Media], spoiled: list[Refusal]
    ) -> tuple[tuple[Region, ...], set[str]]:
        """Regions of the media, and the names that every medium is marked for."""
        regions: list[Region] = []
        marked: dict[str, set[str]] = {one.key: set() for one in media}
        values = self._values(key, series)
        for one, by_place in [*((one, False) for one in self._drawn_on(series, stacks)),
                              *((one, True) for one in self._told_by_path(values, stacks, spoiled))]:  # fmt: skip
            self._used.add(one.file)
            shared = [sum(slice_.uid in one.instances for slice_ in stack.slices) for stack in stacks]
            to = media[shared.index(max(shared))].key if shared else media[0].key
            regions.append(
                Region(kind=one.kind, pointer=one.file, media=to, file=one.file, names=one.names, resample=by_place)
            )
            marked[to].update(name.name for name in one.names)
        for rule in self._rules.masks if values is not None and stacks else ():
            for found in self._finder.regions(rule, values or {}, key, media[0].key):
                if isinstance(found, Region):
                    regions.append(found)
                    marked[media[0].key].update(rule.marked)
                elif found is not None:
                    spoiled.append(found)
        return tuple(regions), set.intersection(*marked.values())

    def _measured(self, series: Series, stacks: list[Stack], media: list[Media]) -> tuple[Measured, ...]:
        """What reports state of this series, each of the medium that its images are in."""
        uids = {one.key: {slice_.uid for slice_ in stack.slices} for one, stack in zip(media, stacks, strict=False)}
        here = set().union(*uids.values())
        objects = [one.uid for one in self._found.drawn if one.uid and one.fits(series.uid, here, None)]
        return self._found.reports.of(series.uid, uids or {media[0].key: set()}, objects)

    def _values(self, key: str, series: Series) -> dict[str, str] | None:
        """What mask templates may be filled with; None where the series' folder isn't one that has masks."""
        folder = folder_of(series)
        found = self._rules.places.fullmatch(folder) if self._rules.places is not None else None
        if self._rules.places is not None and found is None:
            return None
        named = found.groupdict() if found is not None else {}
        return {"key": key, "folder": folder, **{name: value or "" for name, value in named.items()}}

    def _drawn_on(self, series: Series, stacks: Sequence[Stack]) -> list[Drawn]:
        if not self._rules.segments:
            return []
        uids = {one.uid for stack in stacks for one in stack.slices if one.uid}
        place = stacks[0].slices[0].frame_of_reference if stacks else None
        return [one for one in self._found.drawn if one.fits(series.uid, uids, place)]

    def _told_by_path(
        self, values: dict[str, str] | None, stacks: list[Stack], spoiled: list[Refusal]
    ) -> Iterator[Drawn]:
        """Objects that the card says belong to this series, though their UIDs are those of other files."""
        if values is None or not stacks or not self._rules.segments:
            return
        wanted = {fill(template, values) for template in self._rules.drawn}
        place = stacks[0].slices[0].frame_of_reference
        for one in self._found.drawn:
            if one.file not in wanted or one.file in self._used:
                continue
            if place is None or one.frame_of_reference != place:
                self._used.add(one.file)
                bad = BadInput("other_frame_of_reference", "its coordinates are not those of the series", one.file)
                spoiled.append(refused(one.file, bad, one.file, part=True))
                continue
            yield one

    def _key(self, series: Series) -> str:
        folder = folder_of(series)
        if folder and self._folders[folder] == 1:
            return folder
        return f"{folder}#{digest(series.uid, size=5)}" if folder else digest(series.uid, size=5)


def folder_of(series: Series) -> str:
    """The folder that all files of a series lie in or below."""
    folders = [path.rpartition("/")[0] for path in (*series.files, *series.slides)]
    return os.path.commonpath(folders) if folders and all(folders) else ""


def _media(number: int, stack: Stack, series: Series) -> Media:
    files = list(dict.fromkeys(one.file for one in stack.slices))
    among, _, _ = stacks_of(one for one in series.slices if one.file in set(files))
    places = {(one.file, one.frame) for one in stack.slices}
    which = [{(one.file, one.frame) for one in other.slices} == places for other in among]
    return Media(
        key="image" if number == 0 else f"image{number + 1}",
        kind="series",
        files=tuple(series.files[file] for file in files),
        role=stack.told or None,
        frame=which.index(True) if len(among) > 1 else None,
    )


def _days(found: Found, card: SourceCard) -> dict[tuple[str, str], Visit]:
    """The visit of each patient, as the card tells them apart, and study date: its number, and days since the
    patient's first that is here.
    """
    dates: dict[str, dict[datetime, str]] = {}
    for series in found.series.values():
        told = series.said.date or ""
        try:
            day = datetime.strptime(told[:10].replace(".", ""), "%Y%m%d")
            patient = patient_of(card, series.first, series.first, series.said.row)
        except (BadInput, ValueError):
            continue
        if patient is not None:
            dates.setdefault(patient, {})[day] = told
    return {
        (patient, told): Visit(key=str(number), day=float((day - min(days)).days))
        for patient, days in dates.items()
        for number, (day, told) in enumerate(sorted(days.items()), start=1)
    }
