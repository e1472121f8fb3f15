"""Paths that come from data: a file is opened only where it lies inside its source's root."""

from __future__ import annotations

import os
import re
import stat
from functools import lru_cache
from pathlib import Path

from medloom.schemas.errors import BadInput

_DRIVE = re.compile(r"[A-Za-z]:")


def inside(root: Path, relative: str) -> Path:
    """The file `relative` under `root`; see `safe_path`."""
    return Path(safe_path(str(root), relative))


def safe_path(base: str, relative: str) -> str:
    """The path of the regular, non-empty file `relative` under the folder `base`.

    `relative` has forward slashes. A symbolic link, of the file or of a folder on the way, is followed only where it
    stays under `base`; `base` itself may be a link.

    Raises BadInput: ``unsafe_path`` (absolute, ``..``, NUL, backslash, drive letter, link out of the root),
    ``missing_file``, ``not_a_file`` (folder, pipe, device), ``empty_file``.
    """
    full = _named(base, relative)
    folder = full.rpartition("/")[0]
    try:
        if not _folder_is_inside(base, folder):
            raise BadInput("unsafe_path", f"{relative!r} is reached through a link that leaves the source", relative)
        found = os.lstat(full)
        if stat.S_ISLNK(found.st_mode):
            if not _under(os.path.realpath(base), os.path.realpath(full)):
                raise BadInput("unsafe_path", f"{relative!r} is a link that leaves the source", relative)
            found = os.stat(full)  # noqa: PTH116 (a Path costs more than the call)
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput("missing_file", f"{relative!r} is not there", relative) from None
    except (OSError, ValueError) as error:  # name too long, link loop, lone surrogate
        raise BadInput("unsafe_path", f"{relative!r} cannot be opened: {error}", relative) from None
    if not stat.S_ISREG(found.st_mode):
        raise BadInput("not_a_file", f"{relative!r} is a folder or a device, not a file", relative)
    if not found.st_size:
        raise BadInput("empty_file", f"{relative!r} has no bytes", relative)
    return full


def read_inside(base: str, relative: str) -> tuple[bytes, os.stat_result]:
    """All bytes of that file, and how it was when it was opened. Raises BadInput as `safe_path` does.

    A plain file is told by opening it as it is; only what isn't one is looked at first.
    """
    full = _named(base, relative)
    try:
        if not _folder_is_inside(base, full.rpartition("/")[0]):
            raise OSError
        handle = os.open(full, _AS_IT_IS)
    except (OSError, ValueError):
        handle = os.open(safe_path(base, relative), os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or not found.st_size:
            safe_path(base, relative)
        data = os.read(handle, found.st_size)
        while len(data) != found.st_size and (more := os.read(handle, 1 << 24)):  # calls return 2 GiB at most
            data += more
    finally:
        os.close(handle)
    return data, found


_AS_IT_IS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # no link, and no wait for a pipe's other end


def _named(base: str, relative: str) -> str:
    """The path that the name leads to, if it is one that data may give. Raises BadInput ``unsafe_path``."""
    if not relative or "\0" in relative or "\\" in relative or relative[0] in "/~" or _DRIVE.match(relative):
        raise BadInput("unsafe_path", f"{relative!r} is not a plain relative path", relative)
    if not relative.isascii() and _is_not_unicode(relative):
        raise BadInput("unsafe_path", f"{relative!r} is not a name in UTF-8", relative)
    if ".." in relative and ".." in relative.split("/"):
        raise BadInput("unsafe_path", f"{relative!r} climbs out of its folder", relative)
    return f"{base}/{relative}"


def _is_not_unicode(text: str) -> bool:
    """Whether a name holds bytes that are no UTF-8 (as lone surrogates): it could never be written to a record."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


@lru_cache(maxsize=1 << 16)
def _folder_is_inside(base: str, folder: str) -> bool:
    """Resolved once per folder, not once per file: millions of files lie in few folders."""
    return _under(os.path.realpath(base), os.path.realpath(folder))


def _under(base: str, path: str) -> bool:
    return path == base or path.startswith(base.rstrip("/") + "/")
