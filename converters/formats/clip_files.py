"""Clips by the names of their files or folders, with what is marked in them frame by frame, and what is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pydantic import model_validator

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.by_number import by_number
from medloom.converters.formats.clip_marks import FrameTable, TripletFile, table_events, triplet_marks
from medloom.converters.formats.files_under import RASTERS, files_under
from medloom.converters.formats.name_template import fields_of, fill
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.converters.text.transcript import cues
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Event, Media, Refusal, Region, Sample, Text


class Params(base.Params):
    """`clips` is a regular expression over whole paths below the root: of video files, or, with `rate`, of folders of
    frames, one picture each, so many in a second, in the order of the numbers in their names. Its named groups fill the
    templates.

    `transcripts` are files of what is said (.srt, .vtt, .json), the first that is there counts; `marks` are tables of
    frames, `triplets` JSON files. Each may be missing for some of the clips.
    """

    clips: str
    folder: str = ""
    rate: float | None = None
    key: str | None = None
    transcripts: tuple[str, ...] = ()
    language: str = "en"
    marks: tuple[FrameTable, ...] = ()
    triplets: TripletFile | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.clips)

    @model_validator(mode="after")
    def _templates_can_be_filled(self) -> Params:
        told = (*self.transcripts, *(mark.file for mark in self.marks), self.key or "")
        told = (*told, self.triplets.file) if self.triplets is not None else told
        unknown = {name for template in told for name in fields_of(template)} - {"path", *self.pattern.groupindex}
        if unknown:
            raise ValueError(f"templates want {sorted(unknown)}, but `clips` names {sorted(self.pattern.groupindex)}")
        return self


class ClipFiles(Converter):
    """One Sample for each clip. A mark or cue that can't be used is a Refusal of its own."""

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            split = PublishedSplit(root, card)
            found = list(_clips(root, params))
        except BadInput as bad:
            yield refused(bad.file or params.folder or ".", bad)
            return
        for path, files, values in found:
            key = fill(params.key, values) if params.key else path
            lost: list[BadInput] = []
            try:
                for file in files[:1]:
                    inside(root, file)
                marks = list(_marks(root, params, values, lost))
                sample = Sample(
                    key=key,
                    patient=card.patient_of(key, path),
                    split=split.of(key, path),
                    media=(Media(kind="clip", files=files, rate=params.rate if len(files) > 1 else None),),
                    events=tuple(mark for mark in marks if isinstance(mark, Event)),
                    regions=tuple(mark for mark in marks if isinstance(mark, Region)),
                    texts=tuple(_said(root, params, values, lost)),
                )
            except BadInput as bad:
                yield refused(key, bad, path)
                continue
            yield sample
            yield from (refused(f"{key}#{bad.file}", bad, bad.file, part=True) for bad in lost)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        found: set[Feature] = {"clips"}
        if params.marks or params.triplets is not None:
            found.add("events")
        if params.triplets is not None and params.triplets.boxes is not None:
            found.add("boxes")
        if params.transcripts:
            found.add("texts")
        return frozenset(found)


def _clips(root: Path, params: Params) -> Iterator[tuple[str, tuple[str, ...], dict[str, str]]]:
    """(path, files, values) of each clip, by path."""
    folders: dict[str, list[str]] = {}
    for path in files_under(root, params.folder, RASTERS if params.rate is not None else ()):
        if params.rate is not None:
            folders.setdefault(path.rpartition("/")[0], []).append(path)
        else:
            folders[path] = [path]
    for path, files in folders.items():
        found = params.pattern.fullmatch(path)
        if found is not None:
            values = {"path": path, **{name: value or "" for name, value in found.groupdict().items()}}
            yield path, tuple(sorted(files, key=by_number)), values


def _marks(root: Path, params: Params, values: dict[str, str], lost: list[BadInput]) -> Iterator[Event | Region]:
    rules: tuple[FrameTable | TripletFile, ...] = params.marks
    for rule in rules if params.triplets is None else (*rules, params.triplets):
        file = fill(rule.file, values)
        try:
            inside(root, file)
            for mark in _read(root, rule, file):
                if isinstance(mark, BadInput):
                    lost.append(mark)
                else:
                    yield mark
        except BadInput as bad:
            if bad.reason != "missing_file":
                lost.append(BadInput(bad.reason, bad.detail, bad.file or file))


def _read(root: Path, rule: FrameTable | TripletFile, file: str) -> Iterator[Event | Region | BadInput]:
    return table_events(root, rule, file) if isinstance(rule, FrameTable) else triplet_marks(root, rule, file)


def _said(root: Path, params: Params, values: dict[str, str], lost: list[BadInput]) -> Iterator[Text]:
    for template in params.transcripts:
        file = fill(template, values)
        try:
            data = inside(root, file).read_bytes()
            for cue in cues(data, Path(file).suffix):
                if isinstance(cue, BadInput):
                    lost.append(BadInput(cue.reason, cue.detail, file))
                    continue
                yield Text(
                    kind="transcript", body=cue.body, pointer=f"{file}#cue={cue.number}", language=params.language,
                    media="image", start_s=cue.start_s, end_s=cue.end_s,
                )  # fmt: skip
        except BadInput as bad:
            if bad.reason == "missing_file":
                continue
            lost.append(BadInput(bad.reason, bad.detail, bad.file or file))
        return
