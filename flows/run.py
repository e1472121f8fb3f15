"""Run: one build from the command line's words to the summary that it ends with."""

from __future__ import annotations

import errno
import math
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from medloom.flows.light_import import arrow_alone
from medloom.flows.progress import progress_for
from medloom.flows.store import Store
from medloom.flows.workers import Workers
from medloom.schemas.errors import BuildError, CatalogError

if TYPE_CHECKING:
    from medloom.flows.build import Build
    from medloom.flows.check import Resolved
    from medloom.schemas.synthesis import Synthesis


def run_build(
    catalog: Path,
    out: Path,
    sources: Mapping[str, str] = MappingProxyType({}),
    workers: int = 0,
    resume: bool = False,
    fresh: bool = False,
    work: Path | None = None,
    ray_address: str | None = None,
    follows: Path | None = None,
    dashboard: bool = False,
    mirror_to: str | None = None,
    answers: Path | None = None,
) -> Build:
    """Checks the catalog, builds the corpus into `out`, prints the summary, and returns the finished build.

    Raises CatalogError before any work, BuildError where the build can't go on.
    """
    began = time.monotonic()
    arrow_alone()
    resolved = checked(catalog, sources)
    if mirror_to is not None:
        from medloom.flows.object_store import filesystem

        filesystem(mirror_to)  # a URL that can't be reached is told before any work
    if follows is not None:
        shards = resolved.catalog.shards.model_copy(update={"follows": str(follows.absolute())})
        resolved = replace(resolved, catalog=resolved.catalog.model_copy(update={"shards": shards}))
    store = Store.beside(out, work, answers)
    if fresh:
        shutil.rmtree(store.work, ignore_errors=True)
    elif not resume and store.begun:
        raise CatalogError(f"{out} holds an earlier build: --resume goes on with it, --fresh begins again")
    aside = cores_of_servers(resolved.catalog.synthesis)
    with (
        store.locked(),
        Workers(workers, ray_address, dashboard, aside) as crew,
        progress_for(sys.stderr) as progress,
    ):
        from medloom.flows.build import Build

        build = Build(resolved, store, crew, progress, began)
        try:
            _run(build)
        finally:
            build.close()
    print(summary(build))
    if mirror_to is not None:
        from medloom.flows.object_store import mirror

        done = mirror(store.out, mirror_to)
        print(f"mirror: {done.sent} files sent ({done.bytes:,} bytes), {done.copied} copied there, {done.there} there")
    return build


def cores_of_servers(synthesis: Synthesis) -> int:
    """The cores that the engines' servers take from Ray, whole ones."""
    from medloom.synthesis.engines.desk import uses
    from medloom.synthesis.engines.engine import load_engine

    starting = [use.servers for use in uses(synthesis).values() if load_engine(use.engine).starts_servers]
    return math.ceil(sum(servers.count * servers.cpus for servers in starting))


def checked(catalog: Path, sources: Mapping[str, str]) -> Resolved:
    """The catalog with everything that it names. Raises CatalogError with all problems where there is an error."""
    from medloom.flows.check import read_catalog

    try:
        return read_catalog(catalog, sources)
    except CatalogError as error:
        raise CatalogError(f"{catalog} can't be built:\n{error}") from None


def _run(build: Build) -> None:
    from medloom.flows.flow import run_here, run_on_prefect

    try:
        (run_on_prefect if build.workers.count else run_here)(build)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            where = error.filename or build.store.work
            raise BuildError(f"{os.strerror(error.errno)} ({where}): make room, then --resume goes on") from error
        raise


def summary(build: Build) -> str:
    """A table by source, and where to look next."""
    from rich.console import Console
    from rich.table import Table

    assert build.decisions is not None
    table = Table(title=f"{build.catalog.corpus} {build.catalog.version}", title_justify="left")
    for name in ("source", "samples", "refused", "pictures", "records", "dropped", "kept"):
        table.add_column(name, justify="left" if name == "source" else "right")
    made = Counter(build.decisions.records["source"].to_list())
    kept = Counter(build.decisions.kept["source"].to_list())
    rows = []
    for name, state in build.sources.items():
        assert state.listing is not None
        refused = len(state.listing.refused) + sum(report.refused for report in state.reports)
        views = sum(report.views for report in state.reports)
        rows.append((state.listing.samples, refused, views, made[name], made[name] - kept[name], kept[name]))
        table.add_row(name, *(f"{value:,}" for value in rows[-1]))
    table.add_section()
    table.add_row("all", *(f"{sum(column):,}" for column in zip(*rows, strict=True)))
    console = Console(width=100)
    with console.capture() as text:
        console.print(table)
    reused = sum(report.reused for state in build.sources.values() for report in state.reports)
    units = sum(len(state.reports) for state in build.sources.values())
    seconds = time.monotonic() - build.started
    from medloom.flows.accounts import told_in_words

    said = "".join(f"{line}\n" for line in told_in_words(build))
    return (
        f"{text.get()}{said}{len(build.shards)} shards in {seconds:.1f} s; {reused} of {units} units were done before\n"
        f"by source: {build.store.out / 'report' / 'sources.md'}\n"
        f"report: {build.store.out / 'report' / 'index.html'}"
    )
