"""Edition: one version of a corpus, in a folder or on a Hub, as its lock and its lineage tell it."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medloom.flows.publish.problem import PublishError, step

_ON_A_HUB = re.compile(r"^[\w.-]+/[\w.-]+(@[\w./-]+)?$")


@dataclass(frozen=True)
class Edition:
    """`name` is what people call it; `lineage` lies on this disk."""

    name: str
    lock: dict[str, Any]
    lineage: Path

    @property
    def version(self) -> str:
        return str(self.lock.get("release", {}).get("version") or self.lock["catalog"]["version"])


def open_edition(name: str, endpoint: str | None = None) -> Edition:
    """The edition in a folder, or ``ORG/NAME@REVISION`` (main, where none is stated) on the Hub.

    Raises PublishError where there is none, or where it was built by a medloom that fingerprinted no records.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return edition_of(name, folder / "corpus.lock.json", folder / "lineage.parquet")
    if not _ON_A_HUB.match(name):
        raise PublishError(f"{name!r} is no folder, nor ORG/NAME@REVISION of a dataset repository")
    from medloom.flows.publish.remote import Remote

    repo, _, revision = name.partition("@")
    into = Path(tempfile.mkdtemp(prefix="medloom-edition-"))
    return published_edition(Remote(repo, endpoint), revision or "main", into)


def published_edition(remote: Any, revision: str, into: Path) -> Edition:
    """The edition that a repository holds at a revision; its lock and lineage are kept below `into`."""
    with step(f"reading {remote.repo}@{revision}", "Nothing has changed"):
        lock = remote.download("corpus.lock.json", revision, into)
        lineage = remote.download("lineage.parquet", revision, into)
    return edition_of(f"{remote.repo}@{revision}", lock, lineage)


def edition_of(name: str, lock: Path, lineage: Path) -> Edition:
    """The edition that these two files tell of."""
    import polars as pl

    for file in (lock, lineage):
        if not file.is_file():
            raise PublishError(f"{name} is no corpus: it has no {file.name}")
    if "words" not in pl.read_parquet_schema(lineage):
        raise PublishError(
            f"{name} has no fingerprints of its records: it was built by an older medloom; build it again"
        )
    return Edition(name, json.loads(lock.read_bytes()), lineage)
