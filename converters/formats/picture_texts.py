"""Pictures with text beside them: captions in tables or JSON Lines, and reports in tables of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field

from medloom.converters import base
from medloom.converters.base import Converter, Feature
from medloom.converters.formats.other_table import OtherTable
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.formats.vqa_params import RowTables
from medloom.converters.formats.vqa_pictures import PictureSet, QuestionPictures
from medloom.converters.formats.vqa_pointer import Fields, columns_of, plain
from medloom.converters.refused import refused
from medloom.converters.text.sections import sections
from medloom.schemas.card import PatientRule, SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Label, Refusal, Sample, Text


class ManyOf(OtherTable):
    """The rows of another table that a row leads to, as a list; see OtherTable. ``{views.*.file}`` then names a
    picture for each of them.
    """


class ListedLabels(base.Params):
    """Names of labels at a pointer: a list, or a text with `delimiter` between. Those that the card doesn't know are
    only noted: such lists hold hundreds. `nothing` are names that stand for none.
    """

    at: str
    delimiter: str = ";"
    nothing: tuple[str, ...] = ()


class Params(RowTables):
    """`texts` says at which pointer each kind of text, or a list of such texts, stands (``caption``, ``findings``,
    ``report``, ...); a ``report`` is cut into its sections by their headings. Blank ones, and those in `blank`, are no
    text. `many` are tables with several rows for one.
    """

    many: dict[str, ManyOf] = Field(default_factory=dict)
    texts: dict[str, str] = Field(min_length=1)
    blank: tuple[str, ...] = ("nan", "None", "N/A")
    labels: ListedLabels | None = None
    language: str = "en"

    def pointers(self, card: SourceCard) -> tuple[str, ...]:
        listed = () if self.labels is None else (self.labels.at,)
        many = (one.at for one in self.many.values())
        return tuple(dict.fromkeys((*super().pointers(card), *many, *self.texts.values(), *listed)))

    def other_tables(self) -> tuple[str, ...]:
        return (*self.lookups, *self.many)


class PictureTexts(Converter):
    """One Sample for each row: its pictures, its texts, and the labels that it lists.

    The key is the pictures' paths, or the row where it names none. A picture that isn't there is told, and the texts
    stay; a row without a text is refused.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        params = Params.model_validate(card.params)
        try:
            split = params.split_in(root, card)
            pictures = params.pictures_in(root, card)
            torn = dict(pictures.refusals)
            pointers = params.pointers(card)
            many = {
                name: (
                    one.at,
                    _several(one.read(root, params.other_encoding, columns_of(pointers, name)), one.by, torn),
                )
                for name, one in params.many.items()
            }
        except BadInput as bad:
            yield refused(bad.file or params.tables[0], bad)
            return
        yield from torn.values()
        reader = _Reader(card, params, split, pictures, many)
        if params.facts.visit is not None:
            reader.find_first_days(root)
        for found in params.read(root, card, split):
            if isinstance(found, Refusal):
                yield found
                continue
            file, number, row = found
            yield from reader.read(file, f"{file}#row={number}", row)

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        params = Params.model_validate(card.params)
        found: set[Feature] = {"texts"}
        if params.labels is not None:
            found.add("labels")
        if params.facts.visit is not None:
            found.add("visits")
        if params.facts.spacing_mm:
            found.add("spacing")
        return frozenset(found)


def _several(
    rows: Iterator[dict[str, str] | Refusal], by: str, torn: dict[str, Refusal]
) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if isinstance(row, Refusal):
            torn[row.unit] = row
        else:
            found.setdefault(row[by], []).append(row)
    return found


class _Row(msgspec.Struct, frozen=True):
    """A row with its pictures. `path` and `cells` are what the card's rules of patient and split look at."""

    key: str
    fields: Fields
    found: PictureSet
    path: str
    cells: dict[str, str]


class _Reader(msgspec.Struct, frozen=True):
    """Makes the Sample of a row."""

    card: SourceCard
    params: Params
    split: PublishedSplit
    pictures: QuestionPictures
    many: dict[str, tuple[str, dict[str, list[dict[str, str]]]]]
    first_day: dict[str | None, float] = {}

    def find_first_days(self, root: Path) -> None:
        """Days count from the patient's own first row, so the tables are read twice."""
        for found in self.params.read(root, self.card, self.split):
            if isinstance(found, Refusal):
                continue
            file, number, values = found
            try:
                row = self._opened(file, f"{file}#row={number}", values)
                if row is None:
                    continue
                patient, day = self._patient(row), self.params.facts.day(row.fields)
            except BadInput:
                continue  # refused when its turn comes
            if day is not None:
                self.first_day[patient] = min(day, self.first_day.get(patient, day))

    def read(self, file: str, pointer: str, values: dict[str, Any] | BadInput) -> Iterator[Sample | Refusal]:
        key = pointer
        try:
            row = self._opened(file, pointer, values)
            if row is None:
                return
            key = row.key
            sample = self._sample(file, pointer, row)
        except BadInput as bad:
            yield refused(key, bad, file)
            return
        yield sample
        yield from (refused(f"{key}#{bad.file}", bad, bad.file, part=True) for bad in row.found.lost)

    def _opened(self, file: str, pointer: str, values: dict[str, Any] | BadInput) -> _Row | None:
        """None where it is no part of this source."""
        if isinstance(values, BadInput):
            raise values
        fields = self.pictures.fields(self._joined(values))
        if not all(fields[field] in wanted for field, wanted in self.params.only.items()):
            return None
        found = self.pictures.find(self.pictures.named(fields))
        path = found.media[0].files[0] if found.media else found.named[0] if found.named else file
        if not found.media and self.params.search is not None:  # only its name is known; it would lie near its table
            path = f"{file.rpartition('/')[0]}/{path}".lstrip("/")
        rules = (self.card.patient, self.card.split)
        columns = [rule.column for rule in rules if rule is not None and not isinstance(rule, str) and rule.column]
        cells = {column: fields[column] for column in columns}
        return _Row(self._key(fields, found, pointer), fields, found, path, cells)

    def _joined(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, **{name: rows.get(Fields(row)[at], []) for name, (at, rows) in self.many.items()}}

    def _key(self, fields: Fields, found: PictureSet, pointer: str) -> str:
        if self.params.key is not None:
            from medloom.converters.formats.name_template import fill

            return fill(self.params.key, fields)
        return "+".join(found.named) or pointer

    def _patient(self, row: _Row) -> str | None:
        if isinstance(self.card.patient, PatientRule):
            return self.card.patient_of(row.key, row.path, row.cells)
        return row.key if self.card.patient == "one per case" else None

    def _sample(self, file: str, pointer: str, row: _Row) -> Sample:
        texts = tuple(self._texts(row.fields, pointer))
        if not texts:
            raise BadInput("no_text", "the row has no text", file)
        patient = self._patient(row)
        labels, notes = self._labels(row.fields, pointer)
        first = self.first_day.get(patient) if patient is not None else None
        facts = self.params.facts.of(row.fields, pointer, self.card, first)
        facts["texts"] = (*texts, *facts["texts"])
        return Sample(
            key=row.key, patient=patient, split=self.split.of(row.key, row.path, row.cells, file),
            media=row.found.media, labels=labels, missing=tuple(bad.file or "" for bad in row.found.lost), notes=notes,
            **facts,
        )  # fmt: skip

    def _texts(self, fields: Fields, pointer: str) -> Iterator[Text]:
        for kind, at, body in self._bodies(fields):
            if not body or body in self.params.blank:
                continue
            where = f"{pointer},{at}"
            if kind != "report":
                yield Text(
                    kind=kind, body=" ".join(body.split()), pointer=where, language=self.params.language
                )  # fmt: skip
                continue
            for part in sections(body):
                yield Text(
                    kind=part.kind, body=" ".join(part.body.split()), language=self.params.language,
                    pointer=f"{where};characters={part.start}:{part.end}",
                )  # fmt: skip

    def _bodies(self, fields: Fields) -> Iterator[tuple[str, str, str]]:
        """(kind, pointer, body) of each text, and of each entry where a list of them stands."""
        for kind, at in self.params.texts.items():
            value = fields.value(at)
            if isinstance(value, list):
                yield from ((kind, f"{at}.{number}", plain(entry)) for number, entry in enumerate(value))
            else:
                yield kind, at, fields[at]

    def _labels(self, fields: Fields, pointer: str) -> tuple[tuple[Label, ...], tuple[str, ...]]:
        rule = self.params.labels
        if rule is None:
            return (), ()
        value = fields.value(rule.at)
        names = [
            str(one).strip() for one in (value if isinstance(value, list) else fields[rule.at].split(rule.delimiter))
        ]
        names = [name for name in dict.fromkeys(names) if name and name not in (*rule.nothing, *self.params.blank)]
        known = tuple(Label(name=name, pointer=f"{pointer},{rule.at}") for name in names if name in self.card.labels)
        left = [name for name in names if name not in self.card.labels]
        return known, (f"labels without a concept: {', '.join(left)}",) if left else ()
