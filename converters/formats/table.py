"""CSV and TSV tables, row by row, as strings."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from medloom.converters.formats.unpacked import unpacked
from medloom.converters.paths import inside
from medloom.schemas.errors import BadInput

DELIMITERS = ",;\t|"


class Table:
    """A table with a header. Cells and column names are stripped; rows are numbered from 0 below the header.

    UTF-8 (with or without a byte order mark) and UTF-16 with one are read as such; `encoding` names another that is
    meant for the whole file, `fallback` one for those rows that are no UTF-8. The delimiter, if not given, is the one
    of comma, semicolon, tab and bar that cuts the header into most columns. `header` names the columns of a table
    that begins with its first row.

    Raises BadInput: what `inside` raises, ``bad_table`` (no header, or a column that stands twice), and
    as `unpacked`.
    """

    def __init__(
        self,
        root: Path,
        file: str,
        delimiter: str | None = None,
        encoding: str | None = None,
        fallback: str | None = None,
        header: tuple[str, ...] = (),
    ) -> None:
        self.file = file
        self._path = inside(root, file)
        with unpacked(self._path, file) as handle:
            utf16 = handle.read(2) in (b"\xff\xfe", b"\xfe\xff")
        self._encoding = encoding or ("utf-16" if utf16 else "utf-8-sig")
        self._fallback = fallback
        with self._open() as text:
            try:
                first = text.readline()
            except UnicodeError as error:
                raise BadInput("bad_table", f"header: {error}", file) from None
        self._delimiter = delimiter or max(
            DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), []))
        )
        self._headless = bool(header)
        self.columns = header or self._header()

    def rows(self) -> Iterator[tuple[int, dict[str, str] | BadInput]]:
        """Rows by column name; in the place of one that can't be read, why: ``not_utf8``, ``bad_row``."""
        with self._open() as text:
            reader = csv.reader(text, delimiter=self._delimiter)
            if not self._headless:
                next(reader)
            number = -1
            while True:
                try:
                    cells = next(reader, None)
                except csv.Error as error:
                    number += 1
                    yield number, BadInput("bad_row", f"row {number}: {error}", self.file)
                    continue
                except UnicodeError as error:  # nothing after it can be cut into rows
                    yield number + 1, BadInput("not_utf8", f"from row {number + 1} on: {error}", self.file)
                    return
                except BadInput as bad:  # a gzip that is cut, or too large
                    yield number + 1, bad
                    return
                if cells is None:
                    return
                if cells:
                    number += 1
                    yield number, self._row(number, cells)

    def require(self, *columns: str | None) -> None:
        """Raises BadInput ``missing_column`` where the header lacks one of `columns`."""
        missing = [column for column in columns if column is not None and column not in self.columns]
        if missing:
            raise BadInput("missing_column", f"no column {missing}; there are {list(self.columns)}", self.file)

    def _open(self) -> TextIO:
        data = unpacked(self._path, self.file)
        return TextIOWrapper(data, encoding=self._encoding, errors="surrogateescape", newline="")

    def _header(self) -> tuple[str, ...]:
        with self._open() as text:
            try:
                names = [name.strip() for name in next(csv.reader(text, delimiter=self._delimiter), [])]
            except (csv.Error, UnicodeError) as error:
                raise BadInput("bad_table", f"header: {error}", self.file) from None
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if not any(names) or twice:
            raise BadInput("bad_table", f"columns stand twice: {twice}" if twice else "no header", self.file)
        if not all(_is_unicode(name) for name in names):
            raise BadInput("not_utf8", "the header is no UTF-8", self.file)
        return tuple(names)

    def _row(self, number: int, cells: list[str]) -> dict[str, str] | BadInput:
        if len(cells) != len(self.columns):
            detail = f"row {number} has {len(cells)} cells, the header {len(self.columns)}"
            return BadInput("bad_row", detail, self.file)
        found = []
        for cell in cells:
            if not cell.isascii() and not _is_unicode(cell):
                if self._fallback is None:
                    return BadInput("not_utf8", f"row {number} is no UTF-8 (and no encoding is stated)", self.file)
                try:
                    cell = cell.encode("utf-8", "surrogateescape").decode(self._fallback)
                except UnicodeDecodeError as error:
                    return BadInput(
                        "not_utf8", f"row {number} is neither UTF-8 nor {self._fallback}: {error}", self.file
                    )
            found.append(cell.strip())
        return dict(zip(self.columns, found, strict=True))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
