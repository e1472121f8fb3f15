"""Unit rows: the records, views and pictures of a finished unit, mapped into memory."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from medloom.converters.identity.alias import is_alias
from medloom.schemas.arrow import arrow_schema
from medloom.schemas.errors import BuildError
from medloom.schemas.record import Record
from medloom.schemas.view import View

Ref = tuple[int, int]
"""(unit number, row in the unit's file)."""


class UnitPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a unit lies, the root of its source's files, and the digest of what it holds."""

    folder: str
    root: str
    key: str


class Unit:
    """A unit's files, mapped into memory: a row costs its pages and no more."""

    def __init__(self, place: UnitPlace) -> None:
        self.folder = Path(place.folder)
        self.root = Path(place.root)
        self.records = _mapped(self.folder / "records.arrow", arrow_schema(Record))
        self.views = _mapped(self.folder / "views.arrow", arrow_schema(View))

    @cached_property
    def stored(self) -> tuple[dict[str, int], pa.ChunkedArray]:
        """Rows by SHA-256, and the bytes, of the pictures that are not their source files' own."""
        pictures = pa.ipc.open_file(pa.memory_map(str(self.folder / "pictures.arrow"))).read_all()
        return {name: row for row, name in enumerate(pictures.column("sha256").to_pylist())}, pictures.column("bytes")

    def record(self, row: int) -> dict[str, Any]:
        """The record in that row."""
        return dict(self.records.slice(row, 1).to_pylist()[0])

    def view(self, view: str) -> dict[str, Any]:
        """The view of that id."""
        return dict(self.views.slice(self.views["id"].index(view).as_py(), 1).to_pylist()[0])

    def picture(self, view: dict[str, Any]) -> bytes:
        """The stored bytes of a view: from the unit, or from the source's own file."""
        data = bytearray(view["bytes"])
        self.read_picture(view, memoryview(data))
        return bytes(data)

    def read_picture(self, view: dict[str, Any], into: memoryview) -> None:
        """Fills `into`, which is as long as the stored picture. Raises BuildError where the source has changed."""
        if not view["passthrough"] or is_alias(view["source_file"]):
            rows, pictures = self.stored
            into[:] = memoryview(pictures[rows[view["sha256"]]].as_buffer()).cast("B")
            return
        with open(f"{self.root}/{view['source_file']}", "rb", buffering=0) as file:  # noqa: PTH123 (a Path costs more)
            if os.fstat(file.fileno()).st_size != len(into) or file.readinto(into) != len(into):
                raise BuildError(
                    f"{view['source']}: {view['source_file']} changed while it was being built; build again"
                )


def open_unit(place: UnitPlace) -> Unit:
    """The unit that lies there."""
    return Unit(place)


def _mapped(path: Path, schema: pa.Schema) -> pa.RecordBatch:
    """The batch of an Arrow file that `write_ipc` wrote. Parsing its schema again would cost more than its rows."""
    source = pa.memory_map(str(path))
    source.seek(8)  # behind its magic, an Arrow file is a stream
    messages = pa.ipc.MessageReader.open_stream(source)
    messages.read_next_message()  # the schema
    return pa.ipc.read_record_batch(messages.read_next_message(), schema)
