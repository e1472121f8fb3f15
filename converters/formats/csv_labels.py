"""Labels in a CSV or TSV: a column for each label, a list in one column, or names in several columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from pydantic import Field, model_validator

from medloom.converters.base import Converter, Feature
from medloom.converters.formats.complete_names import complete_labels, known_names
from medloom.converters.formats.joined_labels import joined_labels
from medloom.converters.formats.picture_table import PictureRow, PictureTable, TableParams
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Label, Media, Polarity, Refusal, Sample

Value = Literal["present", "absent", "uncertain", "unknown"]
_VALUES: dict[str, Value] = {
    "1": "present", "1.0": "present", "true": "present", "yes": "present",
    "0": "absent", "0.0": "absent", "false": "absent", "no": "absent",
    "-1": "uncertain", "-1.0": "uncertain",
    "": "unknown", "nan": "unknown", "na": "unknown",
}  # fmt: skip


class Params(TableParams):
    """`one_hot` are columns that are labels ("card": every label of the card), whose cells `values` reads, without
    case. `columns` hold one name each, `lists` several with `list_delimiter` between, and
    without the characters of `list_strip` around ("[]' " for lists as Python writes them); `qualified` puts the column
    before the name ("grade=2"). `nothing` are names which say that nothing else is there ("No Finding"; "" for a
    blank cell): the card's other names are then absent, but for those that the row's `one_hot` cells state. Where
    something is named beside "No Finding", both are uncertain; a `one_hot` cell stays as it is stated.

    `merge_rows` takes several rows of one picture together; what one row has present and another absent is
    uncertain. Otherwise the second row is refused.
    """

    one_hot: tuple[str, ...] | Literal["card"] = ()
    values: dict[str, Value] = Field(default_factory=lambda: dict(_VALUES))
    columns: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    list_delimiter: str = "|"
    list_strip: str = ""
    qualified: bool = False
    nothing: tuple[str, ...] = ()
    merge_rows: bool = False

    @model_validator(mode="after")
    def _names_a_column(self) -> Params:
        if not self.one_hot and not self.columns and not self.lists:
            raise ValueError("label tables need one of `one_hot`, `columns` and `lists`")
        return self


class CsvLabels(Converter):
    """A table of labels. A row whose labels are all blank, or map to null, is a Sample without labels.

    Absence is stated by a cell, by a name of `nothing`, or for all of the card's names where its labels are
    exhaustive and the row states any.
    """

    version = "2"
    Params = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        yield from labelled(root, card, Params.model_validate(card.params), _picture)

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        return features(card, Params.model_validate(card.params))


def labelled(
    root: Path,
    card: SourceCard,
    params: Params,
    shown: Callable[[list[PictureRow]], dict[str, Any]],
    columns: tuple[str, ...] = (),
    folders: bool = False,
) -> Iterator[Sample | Refusal]:
    """The Samples of label tables. `shown` gives the media of a picture's rows, and other fields that the labels don't
    tell; it wants `columns`. With `folders`, a row may lead to a folder.
    """
    hot = tuple(card.labels) if params.one_hot == "card" else tuple(params.one_hot)
    try:
        table = PictureTable(root, card, params, (*hot, *params.columns, *params.lists, *columns), folders)
    except BadInput as bad:
        yield refused(bad.file or params.tables[0], bad)
        return
    reader = _LabelReader(card, params, hot)
    rows = _grouped(table) if params.merge_rows else _single(table)
    for item in rows:
        if isinstance(item, Refusal):
            yield item
            continue
        try:
            yield _sample(item, table, reader, shown)
        except BadInput as bad:
            yield refused(item[0].key, bad, item[0].path)
    yield from table.split.unmatched()


def features(card: SourceCard, params: Params) -> frozenset[Feature]:
    """What the tables' Samples carry."""
    found: set[Feature] = set()
    if params.one_hot or params.columns or params.lists:
        found.add("labels")
        if params.one_hot or params.nothing or card.exhaustive.labels:
            found.add("absent_labels")
    if params.facts.texts:
        found.add("texts")
    if params.facts.visit is not None:
        found.add("visits")
    if params.facts.spacing_mm:
        found.add("spacing")
    return frozenset(found)


def _picture(rows: list[PictureRow]) -> dict[str, Any]:
    return {"media": (Media(files=(rows[0].path,)),)}


def _single(table: PictureTable) -> Iterator[list[PictureRow] | Refusal]:
    seen: set[str] = set()
    for row in table.rows():
        if isinstance(row, Refusal):
            yield row
        elif row.key in seen:
            yield refused(row.pointer, BadInput("duplicate_key", f"another row speaks of {row.key!r}", row.table))
        else:
            seen.add(row.key)
            yield [row]


def _grouped(table: PictureTable) -> Iterator[list[PictureRow] | Refusal]:
    groups: dict[str, list[PictureRow]] = {}
    for row in table.rows():
        if isinstance(row, Refusal):
            yield row
        else:
            groups.setdefault(row.key, []).append(row)
    yield from groups.values()


def _sample(
    rows: list[PictureRow],
    table: PictureTable,
    reader: _LabelReader,
    shown: Callable[[list[PictureRow]], dict[str, Any]],
) -> Sample:
    facts: list[dict[str, Any]] = [table.facts(row) for row in rows]
    if any(one["patient"] != facts[0]["patient"] or one["split"] != facts[0]["split"] for one in facts):
        raise BadInput("conflicting_rows", "rows of one picture name different patients or splits", rows[0].table)
    labels, complete = reader.read(rows)
    return Sample(**facts[0], labels=labels, complete_labels=complete, **shown(rows))


class _Said(NamedTuple):
    """What one row says: its labels, names of which it says nothing, and those that it denies by `nothing`.

    `finds` says that something is there, `judged` that the row doesn't leave out what it names.
    """

    labels: list[Label]
    unknown: set[str]
    denied: list[Label]
    finds: bool
    judged: bool


class _LabelReader:
    """Reads the label cells of the rows of one picture."""

    def __init__(self, card: SourceCard, params: Params, hot: tuple[str, ...]) -> None:
        self._card = card
        self._params = params
        self._hot = tuple(one for one in hot if card.labels.get(one, "") is not None or one in params.nothing)
        self._values = {words.lower(): value for words, value in params.values.items()}

    def read(self, rows: list[PictureRow]) -> tuple[tuple[Label, ...], tuple[str, ...]]:
        """The labels, in order, and the names of which a missing label means absent."""
        said = [self._said(row) for row in rows]
        found = [label for one in said for label in one.labels]
        denied = [label for one in said for label in one.denied]
        if any(one.finds for one in said):
            found = [_doubted(label) if label.name in self._params.nothing else label for label in found]
        labels = joined_labels([*found, *(denied if len(rows) > 1 else ())])
        if denied:
            return labels, tuple(label.name for label in denied) if len(rows) == 1 else ()
        if not found or not all(one.judged for one in said):
            return labels, ()
        unknown = {name for one in said for name in one.unknown}.difference(label.name for label in labels)
        only_columns = not self._params.columns and not self._params.lists
        return labels, complete_labels(self._card, unknown, self._hot if only_columns else None)

    def _said(self, row: PictureRow) -> _Said:
        nothing = self._params.nothing
        stated: list[Label] = []
        named: list[Label] = []
        unknown: set[str] = set()
        empty: list[str] = []  # where the row says that nothing (else) is there
        firm = other = False
        judged = True
        for name, polarity, column in self._one_hot(row):
            pointer = f"{row.pointer},column={column}"
            if polarity is None:
                unknown.add(name)
                continue
            if polarity == "present" and name in nothing:
                empty.append(pointer)
                firm = True
            if self._card.labels.get(name, "") is not None:
                stated.append(Label(name=name, polarity=polarity, pointer=pointer))
        silent = set() if firm else unknown
        for name, column in self._names(row):
            pointer = f"{row.pointer},column={column}"
            if name in nothing:
                empty.append(pointer)
                firm = firm or bool(name)
            if self._card.labels.get(name, "") is None or not name:
                judged = judged and name in nothing
                other = other or (bool(name) and name not in nothing)
            else:
                named.append(Label(name=name, pointer=pointer))
        finds = any(one.polarity == "present" and one.name not in nothing for one in (*stated, *named))
        if firm and finds:
            return _Said([*stated, *map(_doubted, named)], unknown, [], finds, judged=False)
        said = {one.name for one in (*stated, *named)}.union(nothing, silent)
        denied = [name for name in known_names(self._card) if name not in said] if empty else []
        absent = [Label(name=name, polarity="absent", pointer=empty[0]) for name in denied]
        return _Said([*stated, *named], unknown, absent, finds or (other and not firm), judged)

    def _one_hot(self, row: PictureRow) -> Iterator[tuple[str, Polarity | None, str]]:
        for column in self._hot:
            value = self._values.get(row.values[column].lower())
            if value is None:
                raise BadInput("unknown_value", f"{row.values[column]!r} in column {column!r}", row.table)
            yield column, None if value == "unknown" else value, column

    def _names(self, row: PictureRow) -> Iterator[tuple[str, str]]:
        for column in self._params.columns:
            yield self._name(column, row.values[column]), column
        for column in self._params.lists:
            for part in row.values[column].split(self._params.list_delimiter):
                yield self._name(column, part.strip().strip(self._params.list_strip or None)), column

    def _name(self, column: str, value: str) -> str:
        return f"{column}={value}" if self._params.qualified and value else value


def _doubted(label: Label) -> Label:
    return msgspec.structs.replace(label, polarity="uncertain") if label.polarity == "present" else label
