"""Arrays of ``.npz`` archives and ``.npy`` files, by row: headers first, and nothing is ever unpickled.

What is stored without compression is mapped. What is deflated is inflated once, as far as rows are asked for, into an
unnamed temporary file, so that an archive of any size costs no memory.
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from isal import isal_zlib
from numpy.lib import format as npy
from numpy.typing import NDArray

from medloom.schemas.errors import BadInput

MAX_BYTES = 1 << 40
"""No member may say that it is larger than this."""
_HEAD = 1 << 16
_CHUNK = 1 << 20
_ZIP, _NPY = b"PK\x03\x04", b"\x93NUMPY"


class _Bytes(Protocol):
    """The bytes of a member, from its first one."""

    def read(self, start: int, count: int) -> bytes: ...


class NpyArray:
    """One array: `shape` and `dtype` from its header, items along the first axis on demand."""

    def __init__(self, source: _Bytes, name: str, size: int) -> None:
        head = io.BytesIO(source.read(0, min(size, _HEAD)))
        try:
            version = npy.read_magic(head)
            reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            self.shape, self._fortran, self.dtype = reader(head)
            if min(self.shape, default=0) < 0:
                raise ValueError(f"shape {self.shape}")
        except Exception as error:  # numpy parses the header as Python: errors of every kind
            raise BadInput("corrupt", f"{name!r} has no header of an array: {error}") from None
        if self.dtype.hasobject:
            raise BadInput("pickled", f"{name!r} holds Python objects: they are never unpickled")
        self._source, self._start, self.name = source, head.tell(), name
        count = int(np.prod(self.shape, dtype=object)) if self.shape else 1
        self.nbytes = count * self.dtype.itemsize
        if self.nbytes > MAX_BYTES:
            raise BadInput("decompression_bomb", f"{name!r} says {self.shape} of {self.dtype}: {self.nbytes} bytes")
        if size < self._start + self.nbytes:
            raise BadInput("truncated", f"{name!r} has {size} bytes, {self._start + self.nbytes} announced")

    def item(self, index: int) -> NDArray[Any]:
        """The item at `index` along the first axis. Raises BadInput ``which_frame`` outside, and as `all`."""
        if not self.shape or not 0 <= index < self.shape[0]:
            raise BadInput("which_frame", f"item {index} of {self.name!r}, which is {self.shape}")
        if self._fortran:
            return np.asarray(self.all()[index])
        bytes_each = self.nbytes // self.shape[0]
        data = self._source.read(self._start + index * bytes_each, bytes_each)
        return np.frombuffer(data, self.dtype).reshape(self.shape[1:])

    def all(self) -> NDArray[Any]:
        """The whole array. Raises BadInput ``too_big`` beyond 8 GiB, ``truncated``, ``corrupt``."""
        if self.nbytes > 8 << 30:
            raise BadInput("too_big", f"{self.name!r} has {self.nbytes} bytes: too many at once")
        data = np.frombuffer(self._source.read(self._start, self.nbytes), self.dtype)
        return data.reshape(self.shape, order="F" if self._fortran else "C")


class NpyFile:
    """The arrays of one ``.npz`` or ``.npy`` file by name, in the file's order; that of a ``.npy`` is called ``""``.

    Raises BadInput: ``not_an_array``, ``corrupt``, ``encrypted``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._arrays: dict[str, NpyArray] = {}
        with path.open("rb") as handle:
            magic = handle.read(6)
        if magic == _NPY:
            size = path.stat().st_size
            self._arrays[""] = NpyArray(_Plain(path, 0, size), "", size)
        elif magic[:4] == _ZIP:
            try:
                with zipfile.ZipFile(path) as archive:
                    infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            except (zipfile.BadZipFile, OSError, ValueError, struct.error, UnicodeDecodeError) as error:
                raise BadInput("corrupt", f"no whole zip archive: {error}") from None
            self._members = {info.filename.removesuffix(".npy"): info for info in infos}
        else:
            raise BadInput("not_an_array", "neither .npz nor .npy by its first bytes")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays."""
        return tuple(self._members or self._arrays)

    def array(self, name: str) -> NpyArray:
        """One array. Raises BadInput ``missing_array``, and as `NpyArray` does."""
        if name not in self._arrays:
            if name not in self._members:
                raise BadInput("missing_array", f"no array {name!r}; there are {', '.join(self.names)}")
            info = self._members[name]
            self._arrays[name] = NpyArray(_member(self._path, info), name, info.file_size)
        return self._arrays[name]


def npy_file(path: Path) -> NpyFile:
    """The file, opened once a process as long as it doesn't change; few are kept open."""
    found = path.stat()
    return _npy_file(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4)
def _npy_file(path: Path, size: int, mtime_ns: int) -> NpyFile:
    return NpyFile(path)


def _member(path: Path, info: zipfile.ZipInfo) -> _Bytes:
    if info.flag_bits & 1:
        raise BadInput("encrypted", f"{info.filename!r} is encrypted")
    with path.open("rb") as handle:
        handle.seek(max(0, info.header_offset))
        local = handle.read(30) if info.header_offset >= 0 else b""
    if len(local) < 30 or local[:4] != _ZIP:
        raise BadInput("corrupt", f"{info.filename!r} does not begin where the archive says")
    names, extra = struct.unpack_from("<HH", local, 26)
    start = info.header_offset + 30 + names + extra
    if info.compress_type == zipfile.ZIP_STORED:
        return _Plain(path, start, info.file_size)
    return _Inflated(path, start, info)


class _Plain:
    """Bytes as they lie in the file."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._start, self._size = start, size

    def read(self, start: int, count: int) -> bytes:
        data = _pread(self._file.fileno(), self._start + start, min(count, self._size - start))
        if len(data) < min(count, self._size - start):
            raise BadInput("truncated", f"the file ends {count - len(data)} bytes early")
        return data


class _Inflated:
    """Bytes of a compressed member, inflated so far and no further, and kept in an unnamed file."""

    def __init__(self, path: Path, start: int, info: zipfile.ZipInfo) -> None:
        self._scratch = tempfile.TemporaryFile(prefix="medloom-")  # noqa: SIM115 (it lives as long as this does)
        self._chunks = _inflated(path, start, info)
        self._info, self._done, self._sum = info, 0, 0
        self._lock = threading.Lock()
        self._failed: BadInput | None = None

    def read(self, start: int, count: int) -> bytes:
        with self._lock:
            self._go_to(start + count)
        return _pread(self._scratch.fileno(), start, count)

    def _go_to(self, end: int) -> None:
        if self._failed is not None:
            raise self._failed
        try:
            while self._done < end:
                chunk = next(self._chunks, None)
                if chunk is None or self._done + len(chunk) > self._info.file_size:
                    told = f"{self._done} bytes inflated, {self._info.file_size} announced"
                    raise BadInput("truncated" if chunk is None else "corrupt", f"{self._info.filename!r}: {told}")
                self._scratch.write(chunk)
                self._done += len(chunk)
                self._sum = isal_zlib.crc32(chunk, self._sum)
            self._scratch.flush()
            if self._done == self._info.file_size and self._sum != self._info.CRC:
                raise BadInput("corrupt", f"{self._info.filename!r}: its check sum is wrong")
        except BadInput as bad:
            self._failed = bad
            raise


def _inflated(path: Path, start: int, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member's bytes in chunks. Raises BadInput ``corrupt``, ``unsupported_compression``."""
    if info.compress_type != zipfile.ZIP_DEFLATED:
        yield from _by_zipfile(path, info)
        return
    engine = isal_zlib.decompressobj(wbits=-15)
    left = info.compress_size
    with path.open("rb") as handle:
        handle.seek(start)
        while left > 0 and not engine.eof:
            packed = handle.read(min(_CHUNK, left))
            if not packed:
                return
            left -= len(packed)
            try:
                chunk = engine.decompress(packed, _CHUNK * 4)
                while chunk:
                    yield chunk
                    chunk = engine.decompress(engine.unconsumed_tail, _CHUNK * 4)
            except isal_zlib.IsalError as error:  # type: ignore[misc]
                raise BadInput("corrupt", f"{info.filename!r}: {error}") from None


def _by_zipfile(path: Path, info: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(info) as handle:
            while chunk := handle.read(_CHUNK):
                yield chunk
    except NotImplementedError as error:
        raise BadInput("unsupported_compression", f"{info.filename!r}: {error}") from None
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        raise BadInput("corrupt", f"{info.filename!r}: {error}") from None


def _pread(file: int, start: int, count: int) -> bytes:
    """All of them, whatever the system reads at a time; fewer only at the end."""
    parts = []
    while count > 0 and (part := os.pread(file, count, start)):
        parts.append(part)
        start, count = start + len(part), count - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
