"""What a card says of question files: where rows, pictures and questions stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from medloom.converters import base
from medloom.converters.formats.name_template import fields_of
from medloom.converters.formats.published_split import PublishedSplit
from medloom.converters.formats.row_facts import RowFacts
from medloom.converters.formats.vqa_fields import QuestionFields
from medloom.converters.formats.vqa_pictures import Lookup, PictureFields, QuestionPictures
from medloom.converters.formats.vqa_pointer import columns_of, leads
from medloom.converters.formats.vqa_rows import Form, QuestionFile, files_of
from medloom.converters.refused import refused
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Refusal


class RowTables(base.Params):
    """Which rows a card means, and the pictures of each.

    `tables` are the files, ``*`` and ``**/`` allowed; `form`, `rows`, `delimiter`: see QuestionFile; `header` are names
    of columns, or several lists of them. `only` keeps the rows where a field has one of the values. `key` is a template
    for the Sample's key (its pictures' paths otherwise). Everywhere a field is a pointer into the row.
    """

    tables: tuple[str, ...] = Field(min_length=1)
    form: Form | None = None
    rows: str | None = None
    header: tuple[tuple[str, ...], ...] = ()
    delimiter: str | None = None
    encoding: str | None = None
    fallback_encoding: str | None = None
    pictures: tuple[PictureFields, ...] = ()
    suffixes: tuple[str, ...] = ()
    search: str | None = None
    lookups: dict[str, Lookup] = Field(default_factory=dict)
    key: str | None = None
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    facts: RowFacts = RowFacts()

    @field_validator("pictures", mode="before")
    @classmethod
    def _templates(cls, value: Any) -> Any:
        return [{"file": one} if isinstance(one, str) else one for one in value] if isinstance(value, list) else value

    @field_validator("header", mode="before")
    @classmethod
    def _headers(cls, value: Any) -> Any:
        return [value] if isinstance(value, list) and value and isinstance(value[0], str) else value

    def pointers(self, card: SourceCard) -> tuple[str, ...]:
        """Every pointer of the card into a row, or into what the row leads to."""
        rules = (card.patient, card.split)
        found = [rule.column for rule in rules if rule is not None and not isinstance(rule, str) and rule.column]
        found += [name for picture in self.pictures for name in fields_of(picture.file)]
        found += [one.at for one in self.lookups.values()]
        return tuple(dict.fromkeys((*found, *fields_of(self.key or ""), *self.only, *self.facts.columns)))

    def other_tables(self) -> tuple[str, ...]:
        """The names below which rows of other tables are found."""
        return tuple(self.lookups)

    def may_lack(self) -> tuple[str, ...]:
        """Pointers that no row of JSON needs to have."""
        return ()

    def each(self) -> str | None:
        """Where in a row a list stands into whose entries pointers may lead."""
        return None

    def read(
        self, root: Path, card: SourceCard, split: PublishedSplit
    ) -> Iterator[tuple[str, int, dict[str, Any] | BadInput] | Refusal]:
        """(file, number, row) of each row of each table; a Refusal in the place of a table that can't be read, and for
        each that the published split means and that no table is.

        At the end a Refusal for each pointer that leads nowhere in any row of JSON: an option or a fact would be
        missing without a word. A table has to have all columns.
        """
        others = self.other_tables()
        idle = [one for one in self.pointers(card) if one.partition(".")[0] not in others]
        columns = columns_of(idle)
        idle = [one for one in idle if one not in self.may_lack()]
        first: tuple[str, dict[str, Any]] | None = None
        files = list(files_of(root, self.tables))
        for bad in split.lost([file for file in files if isinstance(file, str)]):
            yield refused(bad.file or self.tables[0], bad)
        for file in files:
            if isinstance(file, BadInput):
                yield refused(file.file or self.tables[0], file)
                continue
            try:
                table = QuestionFile(
                    root, file, self.form, self.rows, self.header, self.delimiter, self.encoding,
                    self.fallback_encoding, columns,
                )  # fmt: skip
                for number, row in table.rows():
                    if idle and not table.is_table and not isinstance(row, BadInput):
                        first = first or (file, row)
                        idle = [one for one in idle if not leads(row, one, self.each())]
                    yield file, number, row
            except BadInput as bad:
                yield refused(file, bad, file)
        if first is None:
            return
        file, row = first
        for pointer in idle:
            told = BadInput("missing_field", f"no row has {pointer!r}; the first has {list(row)!r:.400}", file)
            yield refused(f"{file}#{pointer}", told, part=pointer not in self.only)

    def pictures_in(self, root: Path, card: SourceCard) -> QuestionPictures:
        """Finds the pictures that a row names; raises BadInput where a lookup can't be read or lacks a column."""
        return QuestionPictures(
            root, self.pictures, self.suffixes, self.search, self.lookups, self.other_encoding, self.pointers(card)
        )

    @property
    def other_encoding(self) -> str | None:
        """That of rows of other tables that are no UTF-8, where a table's own entry doesn't say."""
        return self.fallback_encoding or self.encoding

    def split_in(self, root: Path, card: SourceCard) -> PublishedSplit:
        """The split of rows as published; raises BadInput where its files can't be read."""
        return PublishedSplit(root, card, self.tables)


class Params(RowTables):
    """Where `pictures` is empty, or the card says `text_only`, a question stands without its picture."""

    text_only: bool = False
    questions: QuestionFields = QuestionFields()

    def pointers(self, card: SourceCard) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*super().pointers(card), *self.questions.pointers)))

    def may_lack(self) -> tuple[str, ...]:
        """Options behind the second: a set may have no question with more."""
        return () if self.questions.options is None else self.questions.options.at[2:]

    def each(self) -> str | None:
        return self.questions.each

    @field_validator("facts")
    @classmethod
    def _has_no_days(cls, value: RowFacts) -> RowFacts:
        if value.visit is not None:
            raise ValueError("questions have no `visit`: earlier and later pictures are told by their `role`")
        return value
