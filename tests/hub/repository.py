"""A Hub's repositories: branches, tags, commits and trees in memory, the bytes of files by digest on disk."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from xet_index import XetStore


class HubError(Exception):
    """An answer that is no success: status, the client's error code, and words."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.code, self.words = status, code, words


@dataclass(frozen=True)
class Entry:
    """A file of a tree: its git blob id (of an LFS object's pointer), and the object's SHA-256."""

    size: int
    oid: str
    sha256: str | None = None

    @property
    def pointer(self) -> bytes:
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()


@dataclass(frozen=True)
class Commit:
    sha: str
    parent: str | None
    title: str
    tree: dict[str, Entry]
    when: str


def git_oid(data: bytes) -> str:
    """The id that git gives to a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Blobs:
    """Bytes by git blob id and by SHA-256: the latter uploaded through LFS, or lying in a Xet store."""

    def __init__(self, root: Path, xet: XetStore | None) -> None:
        self.small, self.large, self.xet = root / "blobs", root / "objects", xet
        for folder in (self.small, self.large):
            folder.mkdir(parents=True, exist_ok=True)

    def keep(self, data: bytes) -> Entry:
        (self.small / git_oid(data)).write_bytes(data)
        return Entry(len(data), git_oid(data))

    def entry(self, sha256: str) -> Entry:
        """The entry of an object that was uploaded."""
        path = self.large / sha256
        known = self.xet.find(sha256) if self.xet else None
        if not path.exists() and known is None:
            raise HubError(400, "", f"the LFS object {sha256} was never uploaded")
        size = path.stat().st_size if path.exists() else known.size
        bare = Entry(size, "", sha256)
        return Entry(size, git_oid(bare.pointer), sha256)

    def has(self, sha256: str) -> bool:
        return (self.large / sha256).exists()

    def xet_hash(self, entry: Entry) -> str | None:
        known = self.xet.find(entry.sha256) if self.xet and entry.sha256 else None
        return known.hash if known else None

    def path(self, entry: Entry) -> Path:
        """The file's bytes on this disk; what lies in the Xet store is put together first."""
        if entry.sha256 is None:
            return self.small / entry.oid
        path = self.large / entry.sha256
        if not path.exists():
            self.xet.rebuild(entry.sha256, path)
        return path


@dataclass
class Repository:
    """One dataset repository."""

    name: str
    blobs: Blobs
    private: bool = False
    gated: str | bool = False
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        first = self.blobs.keep(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n")
        self.branches["main"] = self._record(None, "initial commit", {".gitattributes": first})

    def _record(self, parent: str | None, title: str, tree: dict[str, Entry]) -> str:
        when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        told = json.dumps(
            [self.name, parent, title, when, len(self.commits), sorted((p, e.oid) for p, e in tree.items())]
        )
        sha = hashlib.sha1(told.encode()).hexdigest()
        self.commits[sha] = Commit(sha, parent, title, tree, when)
        return sha

    def resolve(self, revision: str) -> Commit:
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        sha = self.branches.get(name) or self.tags.get(name) or name
        if sha not in self.commits:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return self.commits[sha]

    def commit(self, branch: str, lines: list[dict]) -> Commit:
        """Applies the lines of a commit, all or none of them."""
        header = next(line["value"] for line in lines if line["key"] == "header")
        with self.lock:
            if branch not in self.branches:
                raise HubError(404, "RevisionNotFound", f"Invalid rev id: {branch}")
            head = self.branches[branch]
            if (parent := header.get("parentCommit")) is not None and parent != head:
                raise HubError(412, "", "A commit has happened since. Please refresh and try again.")
            tree = dict(self.commits[head].tree)
            for line in lines:
                self._apply(tree, line["key"], line["value"])
            self.branches[branch] = self._record(head, header["summary"], tree)
            return self.commits[self.branches[branch]]

    def _apply(self, tree: dict[str, Entry], key: str, value: dict) -> None:
        import base64

        if key == "file":
            tree[value["path"]] = self.blobs.keep(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            entry = self.blobs.entry(value["oid"])
            if value.get("size", entry.size) != entry.size:
                raise HubError(400, "", f"{value['path']} is {entry.size} bytes, not {value['size']}")
            tree[value["path"]] = entry
        elif key == "deletedFile":
            if tree.pop(value["path"], None) is None:
                raise HubError(404, "EntryNotFound", "A file with this name doesn't exist")
        elif key == "deletedFolder":
            for path in [path for path in tree if path.startswith(value["path"].rstrip("/") + "/")]:
                del tree[path]
