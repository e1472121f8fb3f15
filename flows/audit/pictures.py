"""Pictures: those of somebody else's corpus that can be found, by digest, size and marks; missing ones are counted."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from medloom.converters.pixels.raster import decode, reduce_grey
from medloom.converters.pixels.thumbnail import thumbnail
from medloom.quality.marks import WORDS, asked_marks
from medloom.schemas.appearance import THUMB_SIDE
from medloom.schemas.errors import BadInput

SHOWN_SIDE, KEPT_INLINE, BATCH = 320, 3000, 64
SUFFIXES = (".jpg", ".jpeg", ".png")


class Seen(msgspec.Struct):
    """Pictures by the name that the corpus gives them, in the order in which they were met.

    `marks` belong to the picture `of`; `size` is (width, height) in pixels. `missing` and `broken` are names. `shown`
    holds small copies of pictures that lie in the corpus itself.
    """

    sha256: dict[str, str] = msgspec.field(default_factory=dict)
    size: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    names: list[str] = msgspec.field(default_factory=list)
    marks: list[NDArray[np.uint64]] = msgspec.field(default_factory=list)
    of: list[NDArray[np.int64]] = msgspec.field(default_factory=list)
    missing: list[str] = msgspec.field(default_factory=list)
    broken: dict[str, str] = msgspec.field(default_factory=dict)
    unread: int = 0
    shown: dict[str, str] = msgspec.field(default_factory=dict)

    def all_marks(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """(marks, the number of the name that each belongs to)."""
        empty = (np.zeros((0, WORDS), np.uint64), np.zeros(0, np.int64))
        return np.concatenate([empty[0], *self.marks]), np.concatenate([empty[1], *self.of])

    def add(self, named: Sequence[tuple[str, bytes]], keep: bool) -> None:
        """Looks at pictures by their bytes; `keep` small copies to be shown."""
        thumbs = []
        for name, data in named:
            if name in self.sha256:
                continue
            self.sha256[name] = hashlib.sha256(data).hexdigest()
            try:
                picture = decode(data)
            except BadInput as error:
                self.broken[name] = str(error)
                continue
            self.size[name] = (int(picture.shape[1]), int(picture.shape[0]))
            thumbs.append((name, thumbnail(reduce_grey(picture))))
            if keep and len(self.shown) < KEPT_INLINE:
                self.shown[name] = small_copy(picture)
        if not thumbs:
            return
        stacked = np.frombuffer(b"".join(data for _, data in thumbs), np.uint8).reshape(-1, THUMB_SIDE, THUMB_SIDE)
        marks, of = asked_marks(stacked)
        self.marks.append(marks)
        self.of.append(of + len(self.names))
        self.names += [name for name, _ in thumbs]


def small_copy(picture: NDArray[np.uint8] | NDArray[np.uint16]) -> str:
    """A JPEG of at most SHOWN_SIDE pixels as data URI."""
    if picture.dtype != np.uint8:
        picture = (picture >> 8).astype(np.uint8)
    scale = min(1.0, SHOWN_SIDE / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"


class Finder:
    """Finds the file of a name: under the roots, below ``images/``, with a suffix added, else by its last part, which
    is looked for in `searched` alone: beside somebody's corpus lie pictures that aren't its own."""

    def __init__(self, roots: Sequence[Path], searched: Sequence[Path] | None = None) -> None:
        self.roots = [root for root in dict.fromkeys(root.resolve() for root in roots) if root.is_dir()]
        self.searched = self.roots if searched is None else [root.resolve() for root in searched if root.is_dir()]
        self._by_name: dict[str, Path] | None = None

    def find(self, name: str) -> Path | None:
        """The file, inside of a root; None where there is none."""
        if not name or "\0" in name:
            return None
        for root in self.roots:
            for base in (root, root / "images"):
                for suffix in ("", *SUFFIXES):
                    path = base / f"{name}{suffix}"
                    if self._inside(path, root):
                        return path
        return self._index().get(Path(name).name) if "." in Path(name).name else None

    def _inside(self, path: Path, root: Path) -> bool:
        try:
            return path.is_file() and path.resolve().is_relative_to(root)
        except (OSError, ValueError):
            return False

    def _index(self) -> dict[str, Path]:
        if self._by_name is None:
            found: dict[str, Path] = {}
            for root in self.searched:
                for path in islice(root.rglob("*"), 2_000_000):
                    if path.suffix.lower() in SUFFIXES and not path.is_symlink():
                        found.setdefault(path.name, path)
            self._by_name = found
        return self._by_name


def look_at(
    names: Sequence[str], finder: Finder, seen: Seen, most: int, told: Callable[[int], None] = lambda _: None
) -> None:
    """Reads the pictures of these names into `seen`, at most `most` of those that are there."""
    paths: list[tuple[str, Path]] = []
    for name in names:
        path = finder.find(name)
        if path is None:
            seen.missing.append(name)
        elif len(paths) < most:
            paths.append((name, path))
        else:
            seen.unread += 1
    with ThreadPoolExecutor(2) as readers:
        for batch in _batches(paths):
            data = list(readers.map(lambda each: _bytes(each[1]), batch))
            seen.add([(name, each) for (name, _), each in zip(batch, data, strict=True)], keep=False)
            told(len(batch))


def _batches(paths: list[tuple[str, Path]]) -> Iterator[list[tuple[str, Path]]]:
    for start in range(0, len(paths), BATCH):
        yield paths[start : start + BATCH]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
