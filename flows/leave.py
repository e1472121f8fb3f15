"""Leave: everything that stands beside the shards of a finished corpus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from medloom.flows.store import sha256_of, write_whole
from medloom.schemas.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

    from medloom.flows.build import Build


def leave_documents(build: Build) -> Iterator[Path]:
    """Writes lineage, quarantine, card, NOTICE, Croissant, figures, report and, last, the lock; yields each file.

    All but the report are the same bytes whenever the corpus is the same: only the report tells of this run.
    """
    from medloom.flows.accounts import synthesis_lock
    from medloom.flows.collect import collect, run_facts
    from medloom.flows.documents.croissant import render_croissant
    from medloom.flows.documents.dataset_card import render_card
    from medloom.flows.documents.notice import render_notice
    from medloom.flows.examples import examples_of
    from medloom.flows.figures import open_books
    from medloom.flows.lineage import write_lineage
    from medloom.flows.lock import lock_of
    from medloom.flows.report.render_report import render_report
    from medloom.flows.source_table import source_table

    assert build.decisions is not None
    into = build.store.next
    write_lineage(into / "lineage.parquet", build.folders, build.decisions, build.shards)
    yield into / "lineage.parquet"
    write_quarantine(into / "quarantine.parquet", build)
    yield into / "quarantine.parquet"
    figures = collect(build)
    wrong = open_books(figures)
    if wrong:
        raise BuildError(f"the books don't close: {'; '.join(wrong)}")
    for name, text in (
        ("README.md", render_card(figures)),
        ("NOTICE", render_notice(figures)),
        ("croissant.json", render_croissant(figures)),
    ):
        write_whole(into / name, text.encode())
        yield into / name
    write_whole(into / "report" / "figures.json", msgspec.json.encode(figures))
    yield into / "report" / "figures.json"
    yield from _recipes(into / "rejoin", build)
    digests = {path.name: sha256_of(path) for path in sorted(into.iterdir()) if path.is_file()}
    lock = lock_of(
        build.catalog,
        build.source_locks(),
        build.tasks,
        build.filters,
        build.words,
        build.versions,
        build.shards,
        digests,
        build.earlier,
        synthesis_lock(build),
    )
    write_whole(into / "corpus.lock.json", lock)
    yield into / "corpus.lock.json"
    shown = msgspec.structs.replace(figures, examples=examples_of(build), run=run_facts(build))
    write_whole(into / "report" / "index.html", render_report(shown).encode())
    yield into / "report" / "index.html"
    write_whole(into / "report" / "sources.md", source_table(build, figures).encode())
    yield into / "report" / "sources.md"


def _recipes(folder: Path, build: Build) -> Iterator[Path]:
    """The recipe of each source whose rows are published without pictures or words, so that they can be made again."""
    for name, state in build.sources.items():
        if state.resolved.card.redistribute != "bytes" and state.recipe is not None:
            path = folder / f"{name}.json"
            write_whole(
                path, msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(state.recipe, root="")), indent=1)
            )
            yield path


def write_quarantine(path: Path, build: Build) -> None:
    """``quarantine.parquet``: source, unit, file, stage, reason, detail and part, in the order of the sources."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from medloom.flows.collect import quarantined
    from medloom.schemas.arrow import arrow_schema
    from medloom.schemas.sample import Refusal

    known = arrow_schema(Refusal)
    schema = pa.schema([pa.field("source", pa.string(), nullable=False), *known], metadata=known.metadata)
    rows = [{"source": name, **msgspec.structs.asdict(row)} for name, row in quarantined(build)]
    pq.write_table(pa.Table.from_pylist(rows, schema), path, compression="zstd")
