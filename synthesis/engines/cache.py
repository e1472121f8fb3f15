"""Answers that were paid for: one SQLite file, to which answers are only ever added.

SQLite because it is what this needs and is proven: an answer is there whole or not at all, after any crash; many
processes of one machine may share the file; and two files are merged by one statement. It must lie on a disk of the
machine itself (SQLite's log can't be shared over a network): machines have a file each, merged by
``medloom cache merge``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from medloom.schemas.errors import MedloomError
from medloom.synthesis.engines.request import Answer, Request

_LAYOUT = """
CREATE TABLE IF NOT EXISTS answers (
  key BLOB NOT NULL UNIQUE, model TEXT NOT NULL, revision TEXT NOT NULL, prompt TEXT NOT NULL, version TEXT NOT NULL,
  asked_chars INTEGER NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL, reason TEXT,
  prompt_tokens INTEGER NOT NULL, generated_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS only_added BEFORE UPDATE ON answers
  BEGIN SELECT RAISE(ABORT, 'answers are only added'); END;
CREATE TRIGGER IF NOT EXISTS never_removed BEFORE DELETE ON answers
  BEGIN SELECT RAISE(ABORT, 'answers are only added'); END;
"""
_COLUMNS = (
    "key, model, revision, prompt, version, asked_chars, text, finish, reason, prompt_tokens, generated_tokens, "
    "cached_tokens"
)
_FOUND = "key, text, finish, reason, prompt_tokens, generated_tokens, cached_tokens"
LAYOUT_VERSION = 1
KEPT = ("stop", "length", "refused")
"""Ends that are kept. What failed is asked again another time."""
_AT_ONCE = 500


class CacheError(MedloomError):
    """A cache can't be read: it is none, or another medloom's."""


class Said(NamedTuple):
    """An answer on its way to the cache, with what was asked and of whom."""

    model: str
    revision: str
    request: Request
    answer: Answer

    @property
    def row(self) -> tuple[object, ...]:
        request, answer = self.request, self.answer
        chars = sum(len(message.text) for message in request.messages)
        return (
            bytes.fromhex(answer.key), self.model, self.revision, request.prompt, request.version, chars,
            answer.text.encode("utf-8", "replace").decode(), answer.finish, answer.reason,
            answer.prompt_tokens, answer.generated_tokens, answer.cached_tokens,
        )  # fmt: skip


class AnswerCache:
    """The cache in the file `path`; made where there is none. Safe to use from several threads and processes.

    Raises CacheError where the file is something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        try:
            self._base = sqlite3.connect(path, timeout=120, isolation_level=None, check_same_thread=False)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            self._base.execute("PRAGMA cache_size=-32768")
            found = self._base.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, LAYOUT_VERSION):
                raise CacheError(f"{path}: written by another medloom (layout {found}, this one's is {LAYOUT_VERSION})")
            self._base.executescript(f"BEGIN IMMEDIATE; {_LAYOUT} PRAGMA user_version={LAYOUT_VERSION}; COMMIT;")
        except sqlite3.DatabaseError as error:
            raise CacheError(f"{path}: no cache of answers ({error}); move it away, or name another one") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._base.close()

    def __len__(self) -> int:
        with self._lock:
            return int(self._base.execute("SELECT count(*) FROM answers").fetchone()[0])

    def get(self, keys: Iterable[str]) -> dict[str, Answer]:
        """The answers that are there, by key."""
        wanted = [bytes.fromhex(key) for key in keys]
        found: dict[str, Answer] = {}
        with self._lock:
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                for row in self._base.execute(f"SELECT {_FOUND} FROM answers WHERE key IN ({marks})", some):
                    key = row[0].hex()
                    found[key] = Answer(
                        key=key, text=row[1], finish=row[2], reason=row[3],
                        prompt_tokens=row[4], generated_tokens=row[5], cached_tokens=row[6],
                    )  # fmt: skip
        return found

    def put(self, said: Iterable[Said]) -> None:
        """Adds answers and returns when they are on disk. What is there already stays as it is."""
        rows = [one.row for one in said if one.answer.finish in KEPT]
        marks = ",".join("?" * len(_COLUMNS.split(",")))
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                self._base.executemany(f"INSERT OR IGNORE INTO answers ({_COLUMNS}) VALUES ({marks})", rows)
                self._base.execute("COMMIT")
            except BaseException:
                self._base.execute("ROLLBACK")
                raise

    def merge(self, other: Path) -> int:
        """Adds the answers of another file and returns how many were new. Where both know a key, this one's stays."""
        if not other.is_file():
            raise CacheError(f"{other}: no such file")
        AnswerCache(other).close()  # that it is one
        before = len(self)
        with self._lock:
            self._base.execute("ATTACH DATABASE ? AS other", (str(other),))
            try:
                self._base.execute(
                    f"INSERT OR IGNORE INTO main.answers ({_COLUMNS}) "
                    f"SELECT {_COLUMNS} FROM other.answers ORDER BY rowid"
                )
            finally:
                self._base.execute("DETACH DATABASE other")
        return len(self) - before

    def habits(self) -> Mapping[str, tuple[int, float, float, float]]:
        """By prompt id: answers, prompt tokens for each character asked, and mean tokens generated and cached."""
        with self._lock:
            rows = self._base.execute(
                "SELECT prompt, count(*), sum(prompt_tokens) * 1.0 / max(1, sum(asked_chars)), avg(generated_tokens), "
                "avg(cached_tokens) FROM answers GROUP BY prompt ORDER BY prompt"
            ).fetchall()
        return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}

    def by_model(self) -> Iterator[tuple[str, str, int, int, int]]:
        """(model, revision, answers, prompt tokens, generated tokens)."""
        with self._lock:
            rows = self._base.execute(
                "SELECT model, revision, count(*), sum(prompt_tokens), sum(generated_tokens) FROM answers "
                "GROUP BY model, revision ORDER BY model, revision"
            ).fetchall()
        yield from rows


class Keeper:
    """Brings answers to the cache from an event loop: those that come while the disk is at work go together."""

    def __init__(self, cache: AnswerCache) -> None:
        self.cache = cache
        self._waiting: list[Said] = []
        self._saved: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cache")

    def keep(self, said: Said) -> asyncio.Future[None]:
        """Takes an answer; the future is done when it is on disk, or has what went wrong."""
        self._waiting.append(said)
        if self._saved is None:
            self._saved = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.ensure_future(self._write())
        return self._saved

    async def _write(self) -> None:
        while self._waiting:
            batch, saved = self._waiting, self._saved
            self._waiting, self._saved = [], None
            assert saved is not None
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self.cache.put, batch)
            except Exception as error:
                saved.set_exception(error)
            else:
                saved.set_result(None)
        self._task = None

    def close(self) -> None:
        """Ends its thread."""
        self._thread.shutdown()
