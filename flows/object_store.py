"""Object store: finished corpora under a URL of fsspec, where readers see one version or the next, never half of one.

``URL/<first figures of the lock's SHA-256>/...`` is a whole corpus, ``URL/CURRENT`` names the one that counts. CURRENT
is turned over last. The version before stays, for those who are reading it; older ones go.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medloom.flows.store import sha256_of
from medloom.schemas.errors import BuildError, CatalogError

CURRENT = "CURRENT"
LOCK = "corpus.lock.json"
EXTRAS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}


@dataclass(frozen=True)
class Mirrored:
    """What a mirroring did: files that were sent, copied inside of the store, and found there; bytes that were sent."""

    version: str
    sent: int
    copied: int
    there: int
    bytes: int


def is_url(where: str | os.PathLike[str]) -> bool:
    """Whether it is a URL (``s3://bucket/corpora/x``) and no path."""
    return "://" in str(where)


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's file system and the path in it. Raises CatalogError where its package is missing or the URL is wrong.

    Credentials and endpoints are the store's own business: its environment variables, or FSSPEC_S3_ENDPOINT_URL.
    """
    from fsspec.core import url_to_fs

    scheme = url.split("://")[0]
    try:
        found, root = url_to_fs(url)
    except ImportError:
        package = EXTRAS.get(scheme, f"the fsspec package for {scheme}")
        raise CatalogError(f"{scheme}:// needs {package}: pip install {package}") from None
    except ValueError as error:
        raise CatalogError(f"{url.split('@')[-1]}: {error}") from None
    return found, root.rstrip("/")


def mirror(corpus: Path, url: str) -> Mirrored:
    """Brings a finished corpus to the URL. What an interrupted run sent is not sent again.

    Raises BuildError where `corpus` is none, where the store fails, or where a file didn't arrive whole: then CURRENT
    still names what it named before.
    """
    if not (corpus / LOCK).is_file():
        raise BuildError(f"{corpus} holds no {LOCK}: only a finished corpus is mirrored")
    store, root = filesystem(url)
    version = sha256_of(corpus / LOCK)[:16]
    try:
        return _mirror(corpus, store, root, version)
    except (OSError, RuntimeError) as error:
        raise BuildError(f"{url.split('@')[-1]}: {type(error).__name__}: {error}; run it again to go on") from error


def _mirror(corpus: Path, store: Any, root: str, version: str) -> Mirrored:
    before = current(store, root)
    known = _digests(store, root, before)
    sent = copied = there = size = 0
    own = _own_digests((corpus / LOCK).read_bytes())
    for path, name in _files(corpus):
        target = f"{root}/{version}/{name}"
        if _size(store, target) == path.stat().st_size and name != LOCK:
            there += 1
        elif name in known and known[name] == own.get(name):
            store.makedirs(_parent(target), exist_ok=True)
            store.cp_file(f"{root}/{before}/{name}", target)
            copied += 1
        else:
            store.makedirs(_parent(target), exist_ok=True)
            store.put_file(str(path), target)
            sent, size = sent + 1, size + path.stat().st_size
        if _size(store, target) != path.stat().st_size:
            raise BuildError(f"{name} did not arrive whole; run it again")
    store.pipe_file(f"{root}/{CURRENT}", version.encode())
    _forget(store, root, {version, before})
    return Mirrored(version, sent, copied, there, size)


def current(store: Any, root: str) -> str | None:
    """The version that CURRENT names; None where nothing was mirrored yet."""
    try:
        return str(store.cat_file(f"{root}/{CURRENT}").decode().strip())
    except FileNotFoundError:
        return None


def _digests(store: Any, root: str, version: str | None) -> dict[str, str]:
    if version is None:
        return {}
    try:
        return _own_digests(store.cat_file(f"{root}/{version}/{LOCK}"))
    except FileNotFoundError:
        return {}


def _own_digests(lock: bytes) -> dict[str, str]:
    told = json.loads(lock)
    return {**{name: str(shard["sha256"]) for name, shard in told["shards"].items()}, **told["files"]}


def _files(corpus: Path) -> Iterator[tuple[Path, str]]:
    """Every file, the lock last: a version with a lock is whole."""
    named = [(path, path.relative_to(corpus).as_posix()) for path in corpus.rglob("*") if path.is_file()]
    return iter(sorted(named, key=lambda entry: (entry[1] == LOCK, entry[1])))


def _parent(target: str) -> str:
    return target.rsplit("/", 1)[0]


def _size(store: Any, target: str) -> int | None:
    try:
        store.invalidate_cache()
        return int(store.info(target)["size"])
    except FileNotFoundError:
        return None


def _forget(store: Any, root: str, keep: set[str | None]) -> None:
    for entry in store.ls(root, detail=False):
        name = entry.rstrip("/").rsplit("/", 1)[-1]
        if name not in keep and name != CURRENT and len(name) == 16:
            store.rm(entry, recursive=True)


class Stored:
    """A mirrored corpus as `medloom.load` reads it: files come when they are asked for, and are kept under the user's
    cache folder (XDG_CACHE_HOME). One version from beginning to end, even where CURRENT moves meanwhile."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store, self.root = filesystem(url)
        version = current(self.store, self.root)
        if version is None:
            raise FileNotFoundError(url)
        self.version = version
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        self.cache = cache / "medloom" / hashlib.sha256(url.encode()).hexdigest()[:16] / version

    def file(self, name: str) -> Path:
        """The file here. Raises FileNotFoundError where the version has none of that name."""
        path = self.cache / name
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            self.store.get_file(f"{self.root}/{self.version}/{name}", str(temporary))
            temporary.replace(path)
        return path

    def __str__(self) -> str:
        return f"{self.url.split('@')[-1]} ({self.version})"
