"""DICOM files as pictures, each for itself, with what their headers say of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.complete_names import known_names
from medloom.converters.formats.dicom_header import acquisition_of, words
from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.paths import inside
from medloom.converters.pixels.dicom_file import frame_count, has_pixels, read_dicom
from medloom.converters.refused import refused
from medloom.schemas.card import PatientRule, SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Label, Media, Refusal, Sample

# Pixels that are no picture of a patient: doses, segments, and maps of values.
NOT_PICTURES = frozenset(("RTDOSE", "RTIMAGE", "SEG", "RWV", "REG", "M3D"))
_KEYWORDS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "AccessionNumber")


class Params(base.Params):
    """`files` is a regular expression over whole paths below the root; without it every file is tried, since DICOM
    files often have no suffix. `states` are the attributes that become labels.
    """

    folder: str = ""
    files: str | None = None
    states: tuple[Literal["modality", "body_part"], ...] = ("modality", "body_part")

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        return None if self.files is None else re.compile(self.files)


class DicomPictures(Converter):
    """One Sample for each DICOM file that holds pixels; of several frames the first, which the notes say.

    Modality and BodyPartExamined become labels, named by attribute and value: ``modality:CT``, ``body_part:HEAD``; the
    card maps them to concepts, so that captions and questions can be made of pictures that nobody annotated.
    A file has exactly one modality, so where the card's labels are exhaustive and know it, the others are absent.
    Parts of the body overlap (HEAD and HEADNECK), so of them nothing is ever absent.

    The patient's name is never read. An empty PatientID, which the standard allows, is an unknown patient. The key is
    the file's path.
    """

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
                yield _sample(path, root, card, params, split)
            except BadInput as bad:
                yield refused(path, bad, path)

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        found: set[Feature] = {"spacing"}
        if params.states:
            found.add("labels")
        if "modality" in params.states and card.exhaustive.labels:
            found.add("absent_labels")
        return frozenset(found)


def _sample(path: str, root: Path, card: SourceCard, params: Params, split: PublishedSplit) -> Sample:
    dataset = read_dicom(inside(root, path), pixels=False)
    if not has_pixels(dataset):
        raise BadInput("no_pixels", f"{words(dataset, 'Modality') or 'the object'} holds no pixels", path)
    modality = words(dataset, "Modality")
    if modality in NOT_PICTURES:
        raise BadInput("not_a_picture", f"pixels of a {modality} are no picture of the patient", path)
    frames = frame_count(dataset)
    row = {keyword: words(dataset, keyword) or "" for keyword in _KEYWORDS}
    notes = [] if frames == 1 else [f"the first of {frames} frames"]
    if words(dataset, "BurnedInAnnotation") == "YES":
        notes.append("the file says that text is burned into its pixels")
    labels = tuple(_labels(dataset, path, params, card))
    modalities = [name for name in known_names(card) if name.startswith("modality:")]
    judged = card.exhaustive.labels and any(label.name == f"modality:{modality}" for label in labels)
    return Sample(
        key=path,
        patient=_patient(card, path, row),
        split=split.of(path, path, row),
        study=row["StudyInstanceUID"] or None,
        media=(Media(files=(path,), frame=0 if frames > 1 else None),),
        acquisition=acquisition_of(dataset),
        labels=labels,
        complete_labels=tuple(modalities) if judged else (),
        notes=tuple(notes),
    )


def _labels(dataset: Any, path: str, params: Params, card: SourceCard) -> Iterator[Label]:
    keywords = {"modality": "Modality", "body_part": "BodyPartExamined"}
    for state in params.states:
        value = words(dataset, keywords[state])
        name = f"{state}:{value}"
        if value is not None and card.labels.get(name, "") is not None:
            yield Label(name=name, pointer=f"{path}#{keywords[state]}")


def _patient(card: SourceCard, path: str, row: dict[str, str]) -> str | None:
    if isinstance(card.patient, PatientRule) and card.patient.column == "PatientID" and not row["PatientID"]:
        return None
    return card.patient_of(path, path, row)
