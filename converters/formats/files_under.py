"""The files of a folder and its folders, by name, in an order that is the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from medloom.schemas.errors import BadInput

RASTERS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".jp2")
"""Suffixes of 2D pictures. The magic bytes decide later; a suffix only says what is meant to be a picture."""


def files_under(
    root: Path, folder: str = "", suffixes: tuple[str, ...] = (), wanted: Callable[[str], bool] | None = None
) -> Iterator[str]:
    """Paths relative to `root`, with forward slashes, of the files under `root/folder` that end in one of `suffixes`.

    Suffixes compare without case; none means any. Names that begin with a dot, and ``__MACOSX``, are no data. A
    linked folder is entered where it stays under `root` and does not lead back to where it came from.

    Raises BadInput ``missing_folder`` where `root/folder` is no folder, ``unsafe_path`` where it climbs out.
    """
    start = os.path.realpath(root)
    folder = "/".join(part for part in folder.split("/") if part not in ("", "."))
    if folder and (".." in folder.split("/") or not _under(start, os.path.realpath(f"{start}/{folder}"))):
        raise BadInput("unsafe_path", f"{folder!r} lies outside the source", folder)
    top = f"{start}/{folder}" if folder else start
    if not os.path.isdir(top):  # noqa: PTH112 (strings all the way down: a Path per file costs more than the walk)
        raise BadInput("missing_folder", f"there is no folder {folder or root.name!r}", folder or None)
    endings = tuple(suffix.lower() for suffix in suffixes)
    return _walk(start, top, f"{folder}/" if folder else "", endings, wanted, (os.path.realpath(top),))


def _walk(
    start: str,
    folder: str,
    prefix: str,
    endings: tuple[str, ...],
    wanted: Callable[[str], bool] | None,
    entered: tuple[str, ...],
) -> Iterator[str]:
    with os.scandir(folder) as listing:
        entries = sorted((entry for entry in listing if entry.name[0] != "."), key=lambda entry: entry.name)
    for entry in entries:
        name = entry.name
        if entry.is_dir():
            if name == "__MACOSX":
                continue
            real = os.path.realpath(entry.path) if entry.is_symlink() else f"{entered[-1]}/{name}"
            if _under(start, real) and real not in entered:
                yield from _walk(start, entry.path, f"{prefix}{name}/", endings, wanted, (*entered, real))
        elif (not endings or name.lower().endswith(endings)) and (wanted is None or wanted(prefix + name)):
            yield prefix + name


def _under(base: str, path: str) -> bool:
    return path == base or path.startswith(base.rstrip("/") + "/")
