"""Outgoing: the files that a publication consists of, each with its digests, held against the corpus's own lock."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from medloom.flows.documents.croissant import render_croissant
from medloom.flows.documents.dataset_card import Publication, render_card
from medloom.flows.documents.notice import render_notice
from medloom.flows.figures import CorpusFigures
from medloom.flows.publish.problem import PublishError
from medloom.flows.store import sha256_of, write_whole

WRITTEN = ("README.md", "NOTICE", "croissant.json", "CHANGELOG.md", "corpus.lock.json")
"""Files that are written anew for a publication: they tell its version, its address and its changes."""
CARRIED = ("lineage.parquet", "quarantine.parquet", "report/index.html", "report/sources.md")
OURS = ("data/", "rejoin/", "report/", *WRITTEN, *CARRIED)
"""Every path that a publication may hold begins so: whatever else is in the repository is left alone."""


@dataclass(frozen=True)
class OutgoingFile:
    """A file as it is published: its path in the repository, where its bytes lie here, size and SHA-256."""

    path: str
    local: Path
    size: int
    sha256: str

    @classmethod
    def of(cls, path: str, local: Path, sha256: str | None = None) -> OutgoingFile:
        return cls(path, local, local.stat().st_size, sha256 or sha256_of(local))

    @cached_property
    def git_oid(self) -> str:
        """The id that git gives to these bytes, which is what the Hub tells of small files."""
        return hashlib.sha1(b"blob %d\0" % self.size + self.local.read_bytes()).hexdigest()

    def is_at(self, size: int, digest: str) -> bool:
        """Whether the Hub's file of that size and digest is this one."""
        return size == self.size and digest == (self.sha256 if len(digest) == 64 else self.git_oid)


def read_lock(corpus: Path) -> dict[str, Any]:
    """The lock of a finished corpus. Raises PublishError where `corpus` holds none."""
    path = corpus / "corpus.lock.json"
    if not path.is_file():
        raise PublishError(f"{corpus} holds no corpus.lock.json: build the corpus first (`medloom build`)")
    lock: dict[str, Any] = json.loads(path.read_bytes())
    return lock


def read_figures(corpus: Path) -> CorpusFigures:
    """The figures that the build left."""
    path = corpus / "report" / "figures.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=CorpusFigures)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise PublishError(
            f"{path} is missing or of another medloom ({error}): build the corpus again, --resume is enough"
        ) from None


def hold_to_lock(corpus: Path, lock: dict[str, Any]) -> None:
    """Raises PublishError where a file of the corpus is not what its lock says: it was changed after the build."""
    wrong = []
    told = {**{path: entry["sha256"] for path, entry in lock["shards"].items()}, **lock["files"]}
    for path, digest in told.items():
        if not (corpus / path).is_file():
            wrong.append(f"{path} is missing")
        elif sha256_of(corpus / path) != digest:
            wrong.append(f"{path} is not what the lock says")
    strangers = {path.relative_to(corpus).as_posix() for path in (corpus / "data").rglob("*") if path.is_file()}
    wrong += [f"{path} is not in the lock" for path in sorted(strangers - set(lock["shards"]))]
    if wrong:
        raise PublishError(f"{corpus} was changed after it was built: {'; '.join(wrong[:5])}. Build it again")


def write_documents(
    folder: Path, figures: CorpusFigures, lock: dict[str, Any], publication: Publication
) -> list[OutgoingFile]:
    """Card, NOTICE, Croissant, changelog and lock of this publication, written into `folder`."""
    figures = msgspec.structs.replace(figures, version=publication.version)
    texts = {
        "README.md": render_card(figures, publication),
        "NOTICE": render_notice(figures),
        "croissant.json": render_croissant(figures, url=publication.url, published=publication.date),
        "CHANGELOG.md": publication.changelog,
    }
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    lock = lock | {
        "files": dict(sorted((lock["files"] | {name: sha256_of(folder / name) for name in texts}).items())),
        "release": {"repo": publication.repo, "version": publication.version, "after": publication.after},
    }
    write_whole(folder / "corpus.lock.json", (json.dumps(lock, indent=1, ensure_ascii=False) + "\n").encode())
    return [OutgoingFile.of(name, folder / name) for name in WRITTEN]
