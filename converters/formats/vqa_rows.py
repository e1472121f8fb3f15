"""Rows of question files: JSON, JSON Lines, CSV and TSV, and text with bars."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from medloom.converters.formats.files_under import files_under
from medloom.converters.formats.table import Table
from medloom.converters.formats.unpacked import plain_name, unpacked
from medloom.converters.formats.vqa_pointer import resolve
from medloom.converters.paths import inside
from medloom.schemas.errors import BadInput

Form = Literal["json", "jsonl", "table", "bars"]
_FORMS: dict[str, Form] = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "table", ".tsv": "table"}
_PICKLES = (".pkl", ".pickle", ".p", ".pt", ".pth", ".joblib")
Row = tuple[int, dict[str, Any] | BadInput]


def files_of(root: Path, patterns: tuple[str, ...]) -> Iterator[str | BadInput]:
    """The files that `patterns` name, each once; ``*`` stands for anything in one name, ``**/`` for any folders.

    In the place of a plain name that is not there, and of a pattern where no pattern finds anything, why.
    """
    seen: set[str] = set()
    idle: list[str] = []
    for pattern in patterns:
        if "*" not in pattern:
            if pattern not in seen:
                seen.add(pattern)
                yield pattern
            continue
        folder = pattern.split("*", 1)[0].rpartition("/")[0]
        try:
            found = [file for file in files_under(root, folder) if is_like(file, pattern) and file not in seen]
        except BadInput:
            found = []
        if not found:
            idle.append(pattern)
        seen.update(found)
        yield from found
    if not seen and idle:
        yield BadInput("missing_file", f"no file is like {', '.join(idle)}", idle[0])


def is_like(file: str, pattern: str) -> bool:
    """Whether a path is one that the pattern means."""
    made = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return re.fullmatch(made, file) is not None


class QuestionFile:
    """One file of rows. `form` is known by the suffix where it isn't given; what has none is text with bars.

    JSON may be a list of objects, an object of them by key (told as ``@key``), either of them below `rows`, or in truth
    JSON Lines. ``NaN``, as Python writes it, is nothing. `headers` name the columns of a table without them. Text with
    bars always needs them, and is cut at `delimiter` with no regard to quotes: of several the one that has as many
    names as the row has parts. `columns` are those that a table must have.
    """

    def __init__(
        self,
        root: Path,
        file: str,
        form: Form | None = None,
        rows: str | None = None,
        headers: tuple[tuple[str, ...], ...] = (),
        delimiter: str | None = None,
        encoding: str | None = None,
        fallback: str | None = None,
        columns: tuple[str, ...] = (),
    ) -> None:
        self.file = file
        self._root = root
        suffix = Path(plain_name(file)).suffix.lower()
        self._form: Form = form or _FORMS.get(suffix, "bars")
        self._rows, self._headers, self._delimiter = rows, headers, delimiter
        self._encoding, self._fallback, self._columns = encoding, fallback, columns

    @property
    def is_table(self) -> bool:
        """Whether its columns are known before its rows."""
        return self._form in ("table", "bars")

    def rows(self) -> Iterator[Row]:
        """(number from 0, row), and in the place of a row that can't be read, why.

        Raises BadInput: what `inside` and `unpacked` raise, ``pickled``, ``not_json``, ``not_rows``, ``bad_table``,
        ``missing_column``, ``not_utf8``.
        """
        path = inside(self._root, self.file)
        with unpacked(path, self.file) as handle:
            start = handle.read(2)
        if Path(self.file).suffix.lower() in _PICKLES or (
            start[:1] == b"\x80" and start[1:] in (b"\2", b"\3", b"\4", b"\5")
        ):
            raise BadInput("pickled", "a pickle runs its author's code: it is never opened", self.file)
        if self._form == "json":
            yield from self._json(path)
        elif self._form == "jsonl":
            yield from self._lines(self._bytes(path) if start in (b"\xff\xfe", b"\xfe\xff") else None, path)
        elif self._form == "table":
            header = self._headers[0] if self._headers else ()
            table = Table(self._root, self.file, self._delimiter, self._encoding, self._fallback, header)
            table.require(*self._columns)
            yield from table.rows()
        else:
            yield from self._bars(path)

    def _bytes(self, path: Path) -> bytes:
        with unpacked(path, self.file) as handle:
            return handle.read()

    def _json(self, path: Path) -> Iterator[Row]:
        data = _utf8(self._bytes(path), self.file, self._encoding)
        try:
            if self._rows is None and data.lstrip()[:1] == b"[":
                yield from self._listed(data)
                return
            content = _decoded(data)
        except BadInput as bad:
            if not _is_object(data.lstrip().partition(b"\n")[0]):
                raise BadInput(bad.reason, bad.detail, self.file) from None
            yield from self._lines(data, path)
            return
        content = resolve(content, self._rows) if self._rows is not None else content
        if isinstance(content, dict) and self._rows is None and not _holds_rows(content):
            content = [content]
        if isinstance(content, list):
            entries: Iterator[tuple[str | None, Any]] = ((None, entry) for entry in content)
        elif isinstance(content, dict):
            entries = (
                (key, entry)
                for key, value in content.items()
                for entry in (value if isinstance(value, list) else [value])
            )
        else:
            at = f" at {self._rows!r}" if self._rows else ""
            raise BadInput("not_rows", f"there is neither a list nor an object of rows{at}", self.file)
        for number, (key, entry) in enumerate(entries):
            yield number, self._row(number, entry, key)

    def _listed(self, data: bytes) -> Iterator[Row]:
        """Rows of a list at the top, one object at a time."""
        try:
            entries = msgspec.json.decode(data, type=list[msgspec.Raw])
        except (msgspec.DecodeError, RecursionError):
            entries = _decoded(data)
        for number, entry in enumerate(entries):
            yield number, self._row(number, _decoded(bytes(entry)) if isinstance(entry, msgspec.Raw) else entry, None)

    def _lines(self, data: bytes | None, path: Path) -> Iterator[Row]:
        number = -1
        with unpacked(path, self.file) as handle:
            lines = handle if data is None else iter(_utf8(data, self.file, self._encoding).splitlines())
            for line in lines:
                line = line.removeprefix(b"\xef\xbb\xbf").strip()
                if not line:
                    continue
                number += 1
                try:
                    yield number, self._row(number, _decoded(line), None)
                except BadInput as bad:
                    yield number, BadInput("bad_row", f"line {number}: {bad.detail}", self.file)

    def _row(self, number: int, entry: Any, key: str | None) -> dict[str, Any] | BadInput:
        if not isinstance(entry, dict):
            return BadInput("bad_row", f"row {number} is no object: {entry!r:.60}", self.file)
        return entry if key is None else {**entry, "@key": key}

    def _bars(self, path: Path) -> Iterator[Row]:
        if not self._headers:
            ends = ", ".join(_FORMS)
            detail = (
                f"a file that ends in none of {ends} is text with bars, which needs `header`, or the card says `form`"
            )
            raise BadInput("bad_table", detail, self.file)
        named = [name for names in self._headers for name in names]
        missing = [name for name in self._columns if name not in named]
        if missing:
            raise BadInput("missing_column", f"no column {missing}; there are {named}", self.file)
        mark, number = self._delimiter or "|", -1
        with unpacked(path, self.file) as handle:
            for raw in handle:
                if not raw.removeprefix(b"\xef\xbb\xbf").strip():
                    continue
                number += 1
                try:
                    line = self._text(raw.removeprefix(b"\xef\xbb\xbf"))
                except UnicodeDecodeError as error:
                    yield number, BadInput("not_utf8", f"row {number}: {error}", self.file)
                    continue
                cells = [cell.strip() for cell in line.split(mark)]
                header = next((names for names in self._headers if len(names) == len(cells)), None)
                if header is None:
                    wanted = " or ".join(str(len(names)) for names in self._headers)
                    yield number, BadInput("bad_row", f"row {number} has {len(cells)} parts, not {wanted}", self.file)
                    continue
                yield number, dict(zip(header, cells, strict=True))

    def _text(self, line: bytes) -> str:
        try:
            return line.decode(self._encoding or "utf-8")
        except UnicodeDecodeError:
            if self._fallback is None:
                raise
        return line.decode(self._fallback)


def _holds_rows(content: dict[str, Any]) -> bool:
    """Whether an object is one of rows by key, not a row itself: every value is an object or a list of objects."""
    lists = (value if isinstance(value, list) else [value] for value in content.values())
    return bool(content) and all(isinstance(entry, dict) for entries in lists for entry in entries)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(_decoded(line), dict)
    except BadInput:
        return False


def _utf8(data: bytes, file: str, encoding: str | None) -> bytes:
    """The bytes as UTF-8 without a byte order mark. Raises BadInput ``not_utf8``."""
    if encoding is None and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    if encoding is not None:
        try:
            data = data.decode(encoding).encode()
        except (UnicodeError, LookupError) as error:
            raise BadInput("not_utf8", str(error), file) from None
    return data.removeprefix(b"\xef\xbb\xbf")


def _decoded(data: bytes) -> Any:
    """JSON, strictly; else as Python writes it, with ``NaN`` as nothing. Raises BadInput ``not_json``."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as first:
        if b"NaN" not in data and b"Infinity" not in data:
            raise BadInput("not_json", str(first)) from None
    try:
        content = json.loads(data, parse_constant=lambda _: None)
        msgspec.msgpack.encode(content)  # half a surrogate pair is no text, and could never be written
    except (ValueError, RecursionError, OverflowError) as error:
        raise BadInput("not_json", str(error)) from None
    return content
