"""Text files as they are published: plain, or packed by gzip."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from isal import igzip, isal_zlib

from medloom.schemas.errors import BadInput

MAX_BYTES = 2 << 30
_GZIP = b"\x1f\x8b"


def plain_name(file: str) -> str:
    """The name without ``.gz``."""
    return file[:-3] if file.lower().endswith(".gz") else file


def unpacked(path: Path, file: str, max_bytes: int = MAX_BYTES) -> BinaryIO:
    """The file to be read, unpacked on the way if it is a gzip.

    Raises BadInput: ``unsupported_table`` (Parquet, or another archive); while it is read ``decompression_bomb``
    (more than `max_bytes`), ``corrupt``.
    """
    handle = path.open("rb")
    start = handle.read(4)
    handle.seek(0)
    if start[:2] == _GZIP:
        handle.close()
        return io.BufferedReader(_Unpacked(path, file, max_bytes), 1 << 16)
    for magic, kind in ((b"PAR1", "Parquet"), (b"PK\3\4", "a zip"), (b"BZh9", "bzip2"), (b"\xfd7zX", "xz")):
        if start.startswith(magic):
            handle.close()
            raise BadInput("unsupported_table", f"{kind} is not read: {_INSTEAD[kind == 'Parquet']}", file)
    return handle


_INSTEAD = (
    "unpack it first",
    'write it as JSON Lines first, without its pictures (`polars.read_parquet(...).write_ndjson("rows.jsonl")`)',
)


class _Unpacked(io.RawIOBase):
    """A gzip's content, up to a bound."""

    def __init__(self, path: Path, file: str, max_bytes: int) -> None:
        self._inner = igzip.open(path, "rb")  # type: ignore[no-untyped-call]
        self._file, self._left = file, max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except (OSError, EOFError, isal_zlib.IsalError) as error:  # type: ignore[misc]
            raise BadInput("corrupt", f"gzip: {error}", self._file) from None
        self._left -= len(data)
        if self._left < 0:
            raise BadInput("decompression_bomb", "more bytes are packed than any table has", self._file)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._inner.close()
        super().close()
