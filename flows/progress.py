"""Progress: what is being done, how much is left, and when it will be done; live in a terminal, lines elsewhere."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

PLAIN_SECONDS = 5.0
"""At most one plain line for a stage in this time, so that logs stay readable."""


@dataclass
class Bar:
    """One stage of one source: `done` of `total` things (None: not known yet), since `started`."""

    name: str
    unit: str
    total: int | None
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    handle: Any = None
    said: float = 0.0

    @property
    def rate(self) -> float:
        return self.done / max(time.monotonic() - self.started, 1e-9)


class Progress:
    """Plain lines, for logs and pipes. Safe to call from several threads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @contextmanager
    def bar(self, name: str, unit: str, total: int | None = None) -> Iterator[Bar]:
        """A stage while it runs; says when it is done."""
        bar = Bar(name, unit, total)
        yield bar
        with self._lock:
            seconds = time.monotonic() - bar.started
            print(f"{bar.name}: {bar.done:,} {bar.unit} in {seconds:.1f} s", file=self.stream, flush=True)

    def advance(self, bar: Bar, by: int = 1) -> None:
        with self._lock:
            bar.done += by
            now = time.monotonic()
            if now - max(bar.said, bar.started) < PLAIN_SECONDS:
                return
            bar.said = now
            left = "" if bar.total is None else f" of {bar.total:,}, {_left(bar)} left"
            print(f"{bar.name}: {bar.done:,}{left} ({bar.rate:,.0f} {bar.unit}/s)", file=self.stream, flush=True)

    def say(self, line: str) -> None:
        with self._lock:
            print(line, file=self.stream, flush=True)


def _left(bar: Bar) -> str:
    seconds = 0 if bar.total is None else (bar.total - bar.done) / max(bar.rate, 1e-9)
    return f"{seconds / 60:.0f} min" if seconds > 120 else f"{seconds:.0f} s"


class LiveProgress(Progress):
    """A live table in a terminal: done, total, rate and time left for each stage of each source."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        super().__init__()
        self._rich = RichProgress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TextColumn("{task.fields[rate]:>10}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )

    def __enter__(self) -> LiveProgress:
        self._rich.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._rich.stop()

    @contextmanager
    def bar(self, name: str, unit: str, total: int | None = None) -> Iterator[Bar]:
        bar = Bar(name, unit, total)
        bar.handle = self._rich.add_task(name, total=total, unit=unit, rate="")
        yield bar
        self._rich.update(bar.handle, total=max(bar.done, 1), completed=max(bar.done, 1), rate="")

    def advance(self, bar: Bar, by: int = 1) -> None:
        with self._lock:
            bar.done += by
            self._rich.update(bar.handle, completed=bar.done, total=bar.total, rate=f"{bar.rate:,.0f}/s")

    def say(self, line: str) -> None:
        self._rich.console.print(line, highlight=False)


class JsonProgress(Progress):
    """A line of JSON for each event, for machines: time (UTC), event, stage, unit, done, total, seconds."""

    @contextmanager
    def bar(self, name: str, unit: str, total: int | None = None) -> Iterator[Bar]:
        bar = Bar(name, unit, total)
        self._event("begun", bar)
        try:
            yield bar
        except BaseException as error:
            self._event("failed", bar, error=type(error).__name__)
            raise
        self._event("done", bar)

    def advance(self, bar: Bar, by: int = 1) -> None:
        with self._lock:
            bar.done += by
            now = time.monotonic()
            if now - max(bar.said, bar.started) < PLAIN_SECONDS:
                return
            bar.said = now
        self._event("progress", bar)

    def say(self, line: str) -> None:
        self._line({"event": "said", "text": line})

    def _event(self, event: str, bar: Bar, **more: str) -> None:
        seconds = round(time.monotonic() - bar.started, 3)
        told = {"event": event, "stage": bar.name, "unit": bar.unit, "done": bar.done, "total": bar.total}
        self._line({**told, "seconds": seconds, **more})

    def _line(self, told: dict[str, Any]) -> None:
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._lock:
            print(json.dumps({"time": when, **told}, ensure_ascii=False), file=self.stream, flush=True)


def progress_for(stream: TextIO) -> Progress:
    """Live where `stream` is a terminal, plain lines where it is not, JSON where MEDLOOM_LOG=json asks for it."""
    if os.environ.get("MEDLOOM_LOG") == "json":
        return JsonProgress(stream)
    return LiveProgress() if stream.isatty() else Progress(stream)
