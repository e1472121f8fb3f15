"""Watched: a build as it shows in Prefect's own UI, by its artifacts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from medloom.flows.progress import Bar, Progress

if TYPE_CHECKING:
    from medloom.flows.build import Build

EVERY_SECONDS = 10.0
"""A stage tells Prefect how far it is at most so often; one that is done sooner tells nothing."""


class WatchedProgress(Progress):
    """Another Progress, and a progress artifact for each stage that takes its time. Used inside of Prefect's tasks."""

    def __init__(self, inner: Progress) -> None:
        super().__init__(inner.stream)
        self.inner = inner
        self._artifacts: dict[str, Any] = {}
        self._told: dict[str, float] = {}

    @contextmanager
    def bar(self, name: str, unit: str, total: int | None = None) -> Iterator[Bar]:
        with self.inner.bar(name, unit, total) as bar:
            yield bar
        if bar.name in self._artifacts:
            self._tell(bar, 100.0)

    def advance(self, bar: Bar, by: int = 1) -> None:
        self.inner.advance(bar, by)
        last = self._told.get(bar.name, bar.started)
        if bar.total and time.monotonic() - last >= EVERY_SECONDS:
            self._tell(bar, 100.0 * bar.done / bar.total)

    def say(self, line: str) -> None:
        self.inner.say(line)

    def _tell(self, bar: Bar, percent: float) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        self._told[bar.name] = time.monotonic()
        known = self._artifacts.get(bar.name)
        if known is None:
            self._artifacts[bar.name] = create_progress_artifact(percent, artifact_key(bar.name), bar.name)
        else:
            update_progress_artifact(known, percent)


def artifact_key(*parts: str) -> str:
    """A key as Prefect wants it: small letters, figures and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def leave_artifacts(build: Build) -> None:
    """A table of the sources, the funnel's ends, and a link to the report, in the flow run that is going on."""
    from prefect.artifacts import create_link_artifact, create_table_artifact

    assert build.decisions is not None
    corpus = build.catalog.corpus
    made = dict(build.decisions.records["source"].value_counts().iter_rows())
    kept = dict(build.decisions.kept["source"].value_counts().iter_rows())
    rows = []
    for name, state in build.sources.items():
        assert state.listing is not None
        rows.append(
            {
                "source": name,
                "samples": state.listing.samples,
                "units": len(state.reports),
                "done before": sum(report.reused for report in state.reports),
                "refused": len(state.listing.refused) + sum(report.refused for report in state.reports),
                "records": made.get(name, 0),
                "kept": kept.get(name, 0),
            }
        )
    create_table_artifact(rows, artifact_key(corpus, "sources"), f"{corpus} {build.catalog.version}, by source")
    report = build.store.out / "report" / "index.html"
    create_link_artifact(report.resolve().as_uri(), "report", artifact_key(corpus, "report"), f"The report of {corpus}")
