"""Datasets of HDF5 files, by row: nothing outside the file is ever read, whatever its links say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medloom.schemas.errors import BadInput

MAX_READ = 8 << 30
"""No single read may give more bytes than this."""
MAGIC = b"\x89HDF\r\n\x1a\n"


class Hdf5Array:
    """One dataset: `shape` and `dtype` without reading it, items along the first axis on demand."""

    def __init__(self, dataset: Any, name: str) -> None:
        self._dataset, self.name = dataset, name
        self.shape: tuple[int, ...] = tuple(int(n) for n in dataset.shape or ())
        self.dtype: np.dtype[Any] = dataset.dtype

    def item(self, index: int) -> NDArray[Any]:
        """The item at `index` along the first axis. Raises BadInput ``which_frame`` outside, and as `all`."""
        if not self.shape or not 0 <= index < self.shape[0]:
            raise BadInput("which_frame", f"item {index} of {self.name!r}, which is {self.shape}")
        return self._read((index,), self.shape[1:])

    def all(self) -> NDArray[Any]:
        """The whole dataset. Raises BadInput ``too_big`` (more than `MAX_READ` bytes), ``corrupt``."""
        return self._read((), self.shape)

    def _read(self, where: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[Any]:
        size = int(np.prod(shape, dtype=object)) * self.dtype.itemsize if shape else self.dtype.itemsize
        with _guarded(self.name):
            chunk = self._dataset.chunks
        held = int(np.prod(chunk, dtype=object)) * self.dtype.itemsize if chunk else 0
        if max(size, held) > MAX_READ:
            raise BadInput("too_big", f"{self.name!r} reads {max(size, held)} bytes at once")
        with _guarded(self.name):
            found = self._dataset[where]
        if isinstance(found, bytes | str):  # text, or an encoded picture
            whole: NDArray[Any] = np.empty((), object)
            whole[()] = found
            return whole
        array = np.asarray(found)
        if array.dtype.kind == "V" and array.shape == () and array.dtype.fields is None:  # opaque: an encoded picture
            return np.frombuffer(array.tobytes(), np.uint8)
        return array


class Hdf5File:
    """The datasets of one HDF5 file by path.

    Soft and external links are refused, and so are datasets whose values lie in other files (external storage, virtual
    datasets): a path in a stranger's file could lead anywhere. So are references and compound types.

    Raises BadInput: ``not_hdf5``, ``corrupt``.
    """

    def __init__(self, path: Path) -> None:
        import h5py

        with path.open("rb") as handle:
            found = any(_has_magic(handle, at) for at in (0, 512, 1024, 2048))  # a user block may stand before
        if not found:
            raise BadInput("not_hdf5", "no HDF5 file by its first bytes")
        with _guarded("/"):
            self._file = h5py.File(path, "r", locking=False)

    def names(self) -> Iterator[str]:
        """Paths of all datasets, sorted, through hard links only; what links elsewhere is passed over."""
        with _guarded("/"):
            found = list(self._under(self._file, "", set()))
        yield from found

    def array(self, name: str) -> Hdf5Array:
        """One dataset. Raises BadInput ``missing_array``, ``unsafe_link``, ``unsupported_array``, ``corrupt``."""
        with _guarded(name):
            return Hdf5Array(self._dataset(name), name)

    def _dataset(self, name: str) -> Any:
        import h5py

        node: Any = self._file
        at = ""
        for part in name.strip("/").split("/"):
            at = f"{at}/{part}"
            link = (
                node.get(part, getlink=True) if isinstance(node, h5py.Group) and part not in ("", ".", "..") else None
            )
            if link is None:
                raise BadInput("missing_array", f"there is no {at!r}")
            if not isinstance(link, h5py.HardLink):
                raise BadInput("unsafe_link", f"{at!r} is a link: links are not followed")
            node = node[part]
        if not isinstance(node, h5py.Dataset):
            raise BadInput("missing_array", f"{at!r} is no dataset")
        if node.is_virtual or node.external:
            raise BadInput("unsafe_link", f"{at!r} keeps its values in other files: they are not read")
        if node.dtype.fields is not None or not _is_plain(node.dtype):
            raise BadInput("unsupported_array", f"{at!r} holds {node.dtype}")
        return node

    def _under(self, group: Any, prefix: str, entered: set[int]) -> Iterator[str]:
        """Each group once: hard links may go in circles."""
        import h5py

        for name in sorted(group):
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            child = group[name]
            if isinstance(child, h5py.Dataset):
                yield f"{prefix}/{name}".lstrip("/")
            elif isinstance(child, h5py.Group):
                address = int(h5py.h5o.get_info(child.id).addr)
                if address not in entered:
                    entered.add(address)
                    yield from self._under(child, f"{prefix}/{name}", entered)


def hdf5_file(path: Path) -> Hdf5File:
    """The file, opened once a process as long as it doesn't change; few are kept open."""
    found = path.stat()
    return _hdf5_file(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4)
def _hdf5_file(path: Path, size: int, mtime_ns: int) -> Hdf5File:
    return Hdf5File(path)


@contextmanager
def _guarded(name: str) -> Iterator[None]:
    """Whatever h5py makes of a broken file, as BadInput ``corrupt``."""
    try:
        yield
    except BadInput:
        raise
    except Exception as error:  # OSError, RuntimeError, KeyError, TypeError, ... by what is broken
        raise BadInput("corrupt", f"{name!r}: {error}") from None


def _has_magic(handle: Any, at: int) -> bool:
    handle.seek(at)
    return bool(handle.read(8) == MAGIC)


def _is_plain(dtype: np.dtype[Any]) -> bool:
    """Numbers, text, and bytes of any length; no references, no nested arrays."""
    import h5py

    if dtype.kind != "O":
        return True
    return h5py.check_string_dtype(dtype) is not None or h5py.check_vlen_dtype(dtype) == np.uint8
