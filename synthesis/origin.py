"""Origin: one source as a worker sees it, and the marks of the files that it read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from medloom.converters.identity.deidentified import Deidentifier
from medloom.converters.paths import inside, read_inside
from medloom.converters.pixels.picture import PicturePolicy, Prepared
from medloom.schemas.card import SourceCard, WindowChoice
from medloom.schemas.catalog import IdentitySettings, ViewPolicy
from medloom.schemas.identity import pseudonym
from medloom.schemas.sample import Sample
from medloom.schemas.vocabulary import Vocabulary
from medloom.synthesis.ahead import Ahead
from medloom.synthesis.scene import Terms

BIG = 64 << 20
"""Bytes from which a file that many units read (an archive of arrays, a slide) is hashed once a process."""


class FileMark(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was when it was read: its size, its time of change and the SHA-256 of its bytes.

    `alias` is the name by which records and lineage call it, where its own may tell who the patient is: the way back,
    which stays in the work store.
    """

    file: str
    size: int
    mtime_ns: int
    sha256: str
    alias: str | None = None


class Read(NamedTuple):
    """A file's bytes, and what a mark says of them."""

    data: bytes
    size: int
    mtime_ns: int
    sha256: str


@dataclass
class Origin:
    """Where one source lies and how its pictures are to be made.

    `marks` collects every file that was read, by the name that the de-identified Sample has for it.
    """

    card: SourceCard
    root: Path
    vocabulary: Vocabulary
    views: ViewPolicy = field(default_factory=ViewPolicy)
    window: WindowChoice | None = None
    pictures: PicturePolicy = field(default_factory=PicturePolicy)
    key: bytes | None = None
    marks: dict[str, FileMark] = field(default_factory=dict)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    ahead: Ahead = field(default_factory=Ahead)

    @cached_property
    def deidentifier(self) -> Deidentifier:
        """What hides who the patients are; it knows the files behind their aliases."""
        return Deidentifier(self.card, self.identity, self.key if self.card.patient_ids == "identifying" else None)

    def real(self, file: str) -> str:
        """The file that a de-identified Sample calls `file`."""
        return self.deidentifier.real.get(file, file)

    @property
    def preset(self) -> str | tuple[float, float] | None:
        """The window that the catalog names, else the card's: a preset's name, or (center, width)."""
        choice = self.window or self.card.window
        if choice is None:
            return None
        if choice.center is not None and choice.width is not None:
            return choice.center, choice.width
        return choice.preset

    def path(self, file: str) -> Path:
        """The file under the root, marked as read by the hash of its bytes. Raises BadInput as `inside` does."""
        path = inside(self.root, self.real(file))
        if file not in self.marks:
            with path.open("rb") as handle:
                found = os.fstat(handle.fileno())
                if found.st_size < BIG:
                    sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
                else:
                    sha256 = _digest_of(path, found.st_size, found.st_mtime_ns)
            self._mark(file, found.st_size, found.st_mtime_ns, sha256)
        return path

    def small(self, file: str) -> bytes | Path:
        """The bytes of a file below `BIG`, read once for its hash and its content, else its path; marked either way."""
        size = inside(self.root, self.real(file)).stat().st_size
        return self.read(file) if size < BIG else self.path(file)

    def read(self, file: str) -> bytes:
        """The file's bytes, read once and marked. Raises BadInput as `inside` does."""
        found = self.load(self.real(file))
        self._mark(file, found.size, found.mtime_ns, found.sha256)
        return found.data

    def load(self, real: str) -> Read:
        """A file's bytes, read once; `real` is its own name, and it isn't marked. Raises BadInput as `inside` does."""
        data, found = read_inside(self._base, real)
        return Read(data, found.st_size, found.st_mtime_ns, hashlib.sha256(data).hexdigest())

    def ready(self, file: str) -> Prepared | None:
        """What is stored of a picture that was decoded ahead, once; the file is marked then, as one that was read."""
        found = self.ahead.take(self.real(file))
        if found is None:
            return None
        self._mark(file, found.read.size, found.read.mtime_ns, found.read.sha256)
        return found.prepared

    @cached_property
    def _base(self) -> str:
        return str(self.root)

    def _mark(self, file: str, size: int, mtime_ns: int, sha256: str) -> None:
        real = self.real(file)
        alias = None if real == file else file
        self.marks[file] = FileMark(file=real, size=size, mtime_ns=mtime_ns, sha256=sha256, alias=alias)

    def licence(self, sample: Sample) -> str:
        """The SPDX expression for the Sample: the picture's own and the annotations', where they differ."""
        if sample.licence in (None, self.card.licence):
            return self.card.licence
        return f"{sample.licence} AND {self.card.licence}"

    def terms(self, sample: Sample) -> Terms:
        """What every record of the Sample carries; the patient is a pseudonym from here on."""
        card = self.card
        key = self.key if card.patient_ids == "identifying" else None

        def hidden(value: str | None) -> str | None:
            return None if value is None else pseudonym(card.source, value, key)

        return Terms(
            source=card.source,
            licence=self.licence(sample),
            access=card.access,
            redistribute=card.redistribute,
            patient=hidden(sample.patient),
            study=hidden(sample.study),
        )


@lru_cache(maxsize=256)
def _digest_of(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
