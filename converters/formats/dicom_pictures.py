"""DICOM files as pictures, each for itself, with what their headers say of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.dicom_header import (
    NOT_PICTURES,
    State,
    acquisition_of,
    labels_of,
    patient_of,
    row_of,
    words,
)
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.pixels.burned_in_notes import burned_in_notes
from medloom.converters.pixels.dicom_file import frame_count, has_pixels, read_dicom
from medloom.converters.pixels.dicom_slide import is_beside
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Media, Refusal, Sample


class FrameParams(base.Params):
    """`frames` says which frames of a file that holds several become pictures: the first, all, or every nth; at most
    `most_frames` of them, evenly drawn. `states` are the attributes that become labels.
    """

    frames: Literal["first", "all"] | Annotated[int, Field(ge=1)] = "first"
    most_frames: int = Field(default=64, ge=1)
    states: tuple[State, ...] = ("modality", "body_part")


class Params(FrameParams):
    """`files` is a regular expression over whole paths below the root; without it every file is tried, since DICOM
    files often have no suffix.
    """

    folder: str = ""
    files: str | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        return None if self.files is None else re.compile(self.files)


class DicomPictures(Converter):
    """One Sample for each DICOM file that holds pixels; of several frames the first, unless `frames` says otherwise.

    Modality and BodyPartExamined become labels, named by attribute and value: ``modality:CT``, ``body_part:HEAD``; the
    card maps them to concepts, so that captions and questions can be made of pictures that nobody annotated.
    A file has exactly one modality, so where the card's labels are exhaustive and know it, the others are absent.
    Parts of the body overlap (HEAD and HEADNECK), so of them nothing is ever absent.

    Slide microscopy becomes one Sample for each file, a ``slide`` of which tiles are shown; `dicom_series` puts the
    levels of one slide together. The patient's name is never read. An empty PatientID, which the standard allows, is
    an unknown patient. The key is the file's path.
    """

    version = "4"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            files = files_under(root, params.folder)
            split = PublishedSplit(root, card)
        except BadInput as bad:
            yield refused(bad.file or params.folder or ".", bad)
            return
        for path in files:
            if params.pattern is not None and params.pattern.fullmatch(path) is None:
                continue
            try:
                dataset = read_dicom(inside(root, path), pixels=False)
                yield picture_sample(path, dataset, card, params, split)
            except BadInput as bad:
                yield refused(path, bad, path)
        yield from split.unmatched()

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return header_features(card, Params.model_validate(card.params).states)


def header_features(card: SourceCard, states: tuple[State, ...]) -> frozenset[Feature]:
    """The features that headers alone can feed."""
    found: set[Feature] = {"spacing"}
    if states:
        found.add("labels")
    if "modality" in states and card.exhaustive.labels:
        found.add("absent_labels")
    return frozenset(found)


def picture_sample(path: str, dataset: Any, card: SourceCard, params: FrameParams, split: PublishedSplit) -> Sample:
    """The Sample of one file. Raises BadInput: ``no_pixels``, ``not_a_picture``, ``no_patient``, ``unknown_split``."""
    if not has_pixels(dataset):
        raise BadInput("no_pixels", f"{words(dataset, 'Modality') or 'the object'} holds no pixels", path)
    modality = words(dataset, "Modality")
    if modality in NOT_PICTURES:
        raise BadInput("not_a_picture", f"pixels of a {modality} are no picture of the patient", path)
    row = row_of(dataset)
    media, notes = _media(path, dataset, params)
    labels, complete = labels_of(dataset, path, params.states, card)
    return Sample(
        key=path,
        patient=patient_of(card, path, path, row),
        split=split.of(path, path, row),
        study=row["StudyInstanceUID"] or None,
        media=media,
        acquisition=acquisition_of(dataset),
        labels=labels,
        complete_labels=complete,
        notes=(*notes, *header_notes(dataset)),
    )


def header_notes(dataset: Any) -> tuple[str, ...]:
    """What one should know of a file before its pixels are shown."""
    notes = burned_in_notes(dataset)
    if any((group, 0x0010) in dataset for group in range(0x6000, 0x6020, 2)):
        notes = (*notes, "overlays are not shown")
    return notes


def _media(path: str, dataset: Any, params: FrameParams) -> tuple[tuple[Media, ...], list[str]]:
    frames = frame_count(dataset)
    if is_slide(dataset):
        if is_beside(dataset):
            raise BadInput("not_a_picture", "the label or the glass of a slide, and not the specimen", path)
        return (Media(kind="slide", files=(path,)),), []
    if frames == 1:
        return (Media(files=(path,)),), []
    if params.frames == "first":
        return (Media(files=(path,), frame=0),), [f"the first of {frames} frames"]
    chosen = chosen_frames(frames, params)
    media = tuple(Media(key=f"frame_{number}", files=(path,), frame=number) for number in chosen)
    return media, [f"{len(chosen)} of {frames} frames"] if len(chosen) < frames else []


def chosen_frames(frames: int, params: FrameParams) -> list[int]:
    """The frames, from 0, that the parameters ask for."""
    step = params.frames if isinstance(params.frames, int) else 1
    wanted = [0] if params.frames == "first" else list(range(0, frames, step))
    if len(wanted) <= params.most_frames:
        return wanted
    return [wanted[part * len(wanted) // params.most_frames] for part in range(params.most_frames)]


def is_slide(dataset: Any) -> bool:
    """Whether the pixels are tiles of a bigger picture: slide microscopy has the size of the whole in its header."""
    total = dataset.get("TotalPixelMatrixColumns"), dataset.get("TotalPixelMatrixRows")
    return all(isinstance(one, int) and one > 0 for one in total)
