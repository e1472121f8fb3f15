"""Rows of question files, gathered by picture and made into Samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from medloom.converters.formats.name_template import fill
from medloom.converters.formats.vqa_fields import QuestionReader
from medloom.converters.formats.vqa_params import Params
from medloom.converters.formats.vqa_pictures import PictureSet
from medloom.converters.formats.vqa_pointer import Fields
from medloom.converters.paths import inside
from medloom.converters.refused import refused
from medloom.schemas.card import PatientRule, SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Question, Refusal, Sample, Split

HELD_OUT: tuple[Split, ...] = ("test", "validation", "train")
"""A picture whose questions are published in several splits goes to the first of these as a whole."""


class Entry(msgspec.Struct, frozen=True):
    """A row that waits for the others of its pictures."""

    file: str
    number: int
    packed: bytes

    @property
    def pointer(self) -> str:
        return f"{self.file}#row={self.number}"


class TableReader:
    """Reads the rows, gathers them by picture, and makes Samples.

    Raises BadInput where the published split or a look-up can't be read.
    """

    def __init__(self, root: Path, card: SourceCard, params: Params) -> None:
        self._root, self._card, self._params = root, card, params
        self._split = params.split_in(root, card)
        self._pictures = params.pictures_in(root, card)
        self._questions = QuestionReader(params.questions)

    def samples(self) -> Iterator[tuple[dict[str, Any] | None, Sample | Refusal]]:
        """(first row, Sample), or (None, Refusal)."""
        groups: dict[tuple[str, ...], list[Entry]] = {}
        yield from ((None, bad) for bad in self._pictures.refusals.values())
        for bad in self._gather(groups):
            yield None, bad
        for named in list(groups):
            yield from self._sample(groups.pop(named))

    def _gather(self, groups: dict[tuple[str, ...], list[Entry]]) -> Iterator[Refusal]:
        for found in self._params.read(self._root, self._card, self._split):
            if isinstance(found, Refusal):
                yield found
                continue
            file, number, row = found
            entry = Entry(file, number, b"")
            try:
                if isinstance(row, BadInput):
                    raise row
                named = self._named(row)
            except BadInput as bad:
                yield refused(entry.pointer, bad, file)
                continue
            if named is not None:
                packed = msgspec.structs.replace(entry, packed=msgspec.msgpack.encode(row))
                groups.setdefault(named or (entry.pointer,), []).append(packed)

    def _named(self, row: dict[str, Any]) -> tuple[str, ...] | None:
        """The paths of the row's pictures; none where it stands without; None where it is no part of this source."""
        fields = self._pictures.fields(row)
        if not all(fields[field] in values for field, values in self._params.only.items()):
            return None
        named = tuple(path for path, _ in self._pictures.named(fields))
        if not named and self._params.pictures and not self._params.text_only:
            raise BadInput("no_picture", "the row names no picture")
        return named

    def _sample(self, entries: list[Entry]) -> Iterator[tuple[dict[str, Any] | None, Sample | Refusal]]:
        rows = [(entry, self._pictures.fields(msgspec.msgpack.decode(entry.packed))) for entry in entries]
        first, fields = rows[0]
        pictures = self._pictures.find(self._pictures.named(fields))
        key = "+".join(pictures.named) or first.pointer
        try:
            if self._params.key is not None:
                key = fill(self._params.key, fields)
            facts = self._params.facts.of(fields, first.pointer, self._card, None)
            said = [self._of_patient(key, pictures, row, entry) for entry, row in rows]
        except BadInput as bad:
            yield None, refused(key, bad, first.file)
            return
        patient, splits = said[0][0], [split for _, split in said]
        questions, bads = self._asked(rows, pictures, [mine == patient for mine, _ in said])
        without = self._params.text_only and not pictures.media
        yield from ((None, refused(where, bad, where.split("#", 1)[0], part=bool(questions))) for where, bad in bads)
        for name in sorted({box.name for one in questions for box in one.boxes} - self._card.labels.keys()):
            unmapped = BadInput("unmapped_label", f"label {name!r} of a box is not in the card's `labels`", first.file)
            yield None, refused(key, unmapped, part=True)
        if bads and not questions:
            return
        if not without:
            yield from ((None, refused(f"{key}#{bad.file}", bad, bad.file, part=True)) for bad in pictures.lost)
        split, note = _one_split(splits)
        yield (
            fields.row,
            Sample(
                key=key,
                patient=patient,
                split=split,
                media=pictures.media,
                questions=tuple(questions),
                missing=tuple(bad.file or "" for bad in pictures.lost),
                notes=(note,) if note else (),
                **facts,
            ),
        )

    def _of_patient(
        self, key: str, pictures: PictureSet, fields: Fields, entry: Entry
    ) -> tuple[str | None, Split | None]:
        path = pictures.media[0].files[0] if pictures.media else pictures.named[0] if pictures.named else entry.file
        rules = (self._card.patient, self._card.split)
        columns = [rule.column for rule in rules if rule is not None and not isinstance(rule, str) and rule.column]
        row = {column: fields[column] for column in columns}
        patient = self._card.patient_of(key, path, row) if isinstance(self._card.patient, PatientRule) else None
        if self._card.patient == "one per case":
            patient = key
        return patient, self._split.of(key, path, row, entry.file)

    def _asked(
        self, rows: list[tuple[Entry, Fields]], pictures: PictureSet, mine: list[bool]
    ) -> tuple[list[Question], list[tuple[str, BadInput]]]:
        """The questions of all rows, each once, and why others can't be asked."""
        size = self._size(pictures)
        media = () if self._params.text_only and not pictures.media else pictures.keys
        found: list[Question] = []
        bads: list[tuple[str, BadInput]] = []
        seen: set[object] = set()
        for (entry, fields), same in zip(rows, mine, strict=True):
            if not same:
                told = BadInput("conflicting_rows", "rows of one picture name different patients", entry.file)
                bads.append((entry.pointer, told))
                continue
            read = list(self._questions.read(fields, entry.pointer, media, size))
            bads.extend((where, one) for where, one in read if isinstance(one, BadInput))
            for talk in _talks([one for _, one in read if isinstance(one, Question)]):
                said = tuple((one.question, one.answer, one.options) for one in talk)
                if said in seen:
                    bads.append((talk[0].pointer, BadInput("repeated_question", f"asked before: {said[0][0]!r:.80}")))
                else:
                    seen.add(said)
                    found.extend(talk)
        return found, bads

    def _size(self, pictures: PictureSet) -> tuple[int, int] | BadInput | None:
        if self._params.questions.boxes is None or not pictures.media:
            return None
        try:
            return boxed_size(inside(self._root, pictures.media[0].files[0]))
        except BadInput as bad:
            return bad


def boxed_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture that boxes were drawn on, from its header.

    Raises BadInput as `probe` does, and ``ambiguous_orientation``: a picture that is shown turned, and nobody says
    whether the boxes were drawn before or after.
    """
    from medloom.converters.pixels.header import probe

    with path.open("rb") as handle:
        data = handle.read(1 << 16)
        try:
            info = probe(data)
        except BadInput:
            info = probe(data + handle.read())
    if info.exif_orientation != 1:
        raise BadInput("ambiguous_orientation", f"EXIF orientation {info.exif_orientation} and boxes")
    return info.width, info.height


def _one_split(splits: list[Split | None]) -> tuple[Split | None, str | None]:
    """The most held out of the splits that the rows of one picture are published in, and a note where they differ."""
    stated = [split for split in HELD_OUT if split in splits]
    if not stated:
        return None, None
    if len(stated) == 1:
        return stated[0], None
    return stated[0], f"its questions are published in {' and '.join(stated)}: all of them go to {stated[0]}"


def _talks(questions: list[Question]) -> list[list[Question]]:
    """Conversations: each question with those that follow it."""
    found: list[list[Question]] = []
    for one in questions:
        if one.follows:
            found[-1].append(one)
        else:
            found.append([one])
    return found
