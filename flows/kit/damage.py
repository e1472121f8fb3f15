"""Damage: what happens to files, done to one file of a fixture for as long as it takes to look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

How = Literal["emptied", "cut in half", "overwritten"]
HOWS: tuple[How, ...] = ("emptied", "cut in half", "overwritten")
PAD = 16 * 2**20
"""Bytes that are put behind a medium, so that reading all of it shows. They are a hole: no disk is taken."""
PADDABLE = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".nii", ".nii.gz", ".tif", ".tiff", ".avi", ".mkv")
"""Suffixes of formats whose header is found from their beginning, whatever follows the data."""


class Damage(msgspec.Struct, frozen=True):
    """One file, relative to the root, and what is done to it."""

    file: str
    how: How


@contextmanager
def damaged(root: Path, damage: Damage) -> Iterator[None]:
    """While it lasts, the file is as `damage` says; then it is whole again."""
    path = root / damage.file
    whole = path.read_bytes()
    noise = bytes((number * 167 + 13) % 251 for number in range(min(len(whole), 4096)))
    path.write_bytes({"emptied": b"", "cut in half": whole[: len(whole) // 2], "overwritten": noise}[damage.how])
    try:
        yield
    finally:
        path.write_bytes(whole)


def pad(root: Path, files: list[str]) -> list[str]:
    """Puts a hole of `PAD` bytes behind those of `files` whose format allows it; returns which."""
    padded = [file for file in files if file.lower().endswith(PADDABLE) and (root / file).is_file()]
    for file in padded:
        with (root / file).open("r+b") as handle:
            handle.seek(0, 2)
            handle.truncate(handle.tell() + PAD)
    return padded
