"""The layout of a build on disk, and the only ways in which anything is written there."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from medloom.schemas.errors import BuildError


@dataclass(frozen=True)
class Store:
    """Where one build keeps its work, beside the folder that it leaves.

    ``work/samples/<source>/``  what the listing found, in partitions;
    ``work/units/<source>/<slot>/``  one committed folder per unit;
    ``work/phantoms/``  clinics that the catalog asks for; ``work/shards/``  finished shards by content.
    """

    out: Path
    work: Path
    answers_file: Path | None = None

    @classmethod
    def beside(cls, out: Path, work: Path | None = None, answers: Path | None = None) -> Store:
        """The store of the build that leaves `out`; its work is `work`, or ``.NAME.work`` next to it. `answers` is the
        file of what engines have answered, where it is another than `Store.answers` says."""
        out = out.absolute()
        return cls(
            out=out,
            work=(work or out.parent / f".{out.name}.work").absolute(),
            answers_file=answers and answers.absolute(),
        )

    def samples(self, source: str) -> Path:
        return self.work / "samples" / source

    def unit(self, source: str, slot: str) -> Path:
        return self.work / "units" / source / slot

    @property
    def begun(self) -> bool:
        """Whether a build was here. A plan leaves no unit, so that a build may follow it."""
        return self.out.exists() or (self.work / "units").exists()

    @property
    def phantoms(self) -> Path:
        return self.work / "phantoms"

    @property
    def answers(self) -> Path:
        """What engines have answered, for all corpora that are built beside this one: ``--fresh`` spares it."""
        return self.answers_file or self.work.parent / ".medloom-answers" / "answers.sqlite"

    @property
    def shards(self) -> Path:
        return self.work / "shards"

    @property
    def next(self) -> Path:
        """The corpus while it is being put together; renamed to `out` when whole."""
        return self.work / "next"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second build out of this store while one runs. The lock goes with the process, however it ends."""
        import fcntl

        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / "lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BuildError(
                    f"another build is at work in {self.work}; wait for it or give another --out"
                ) from error
            yield

    def swap_in(self) -> None:
        """Puts the finished corpus in the place of the old one; a reader sees the old one or the new one."""
        fsync_tree(self.next)
        old = self.work / "previous"
        shutil.rmtree(old, ignore_errors=True)
        self.out.parent.mkdir(parents=True, exist_ok=True)
        if self.out.exists():
            self.out.rename(old)
        self.next.rename(self.out)
        fsync(self.out.parent)
        shutil.rmtree(old, ignore_errors=True)


def fsync(path: Path) -> None:
    """Forces a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_tree(root: Path) -> None:
    """Forces a folder and all that is in it to disk, files before the folders that name them."""
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            fsync(Path(folder) / name)
        fsync(Path(folder))


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file that is there whole or not at all: temporary name, fsync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
    fsync(path.parent)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A fresh folder to fill that becomes `path` when the block ends well, and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        fsync_tree(temporary)
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
        fsync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_json(path: Path, model: type[msgspec.Struct]) -> msgspec.Struct | None:
    """A committed JSON file as its model; None where it is not there or was not written by this version."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=model)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
