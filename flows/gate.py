"""Gate: great-expectations over the narrow columns of what was written, before the corpus takes its place."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from medloom.flows.figures import Check
from medloom.flows.heap import give_back
from medloom.flows.light_import import light_import
from medloom.flows.store import read_json, write_whole
from medloom.schemas.errors import BuildError, CatalogError
from medloom.schemas.identity import digest

if TYPE_CHECKING:
    import polars as pl

    from medloom.flows.build import Build
    from medloom.quality.suite import Suite

UNUSED = ("altair", "scipy.stats")
OPTIONAL = ("boto3", "botocore", "shapely", "sqlalchemy")
"""What great-expectations imports for others: more than half of the time that its import takes."""
GATE_VERSION = "1"
"""Changes where the same shards would be seen otherwise by the same suites."""
NAMED = 20
"""Rows that a failed expectation names."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One expectation on one table, and whether what was written holds it. `rows` are ids of rows that do not."""

    suite: str
    table: str
    expectation: str
    arguments: dict[str, Any]
    passed: bool
    observed: str = ""
    unexpected: int = 0
    rows: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """One line: what was expected, of what, and what was found."""
        given = ", ".join(f"{key}={_short(value)}" for key, value in sorted(self.arguments.items()))
        found = f": {self.unexpected} rows, {', '.join(self.rows[:5])}" if self.rows else f": {self.observed}"
        return f"{self.table}: {self.expectation}({given})" + ("" if self.passed else found)


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the Data Docs of the last corpus that passed: what was held to what, and every expectation."""

    key: str
    held: tuple[Held, ...]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def gate(build: Build, corpus: Path) -> tuple[Held, ...]:
    """Holds the shards under `corpus` to medloom's suites and the catalog's own, and writes the Data Docs.

    The same bytes that passed the same suites before aren't asked again.

    Raises BuildError where an expectation fails, with the first rows of each; the Data Docs are then beside the work
    store, and what was in place stays in place.
    """
    docs = corpus / "report" / "expectations"
    suites, known, done = suites_of(build), known_of(build), build.store.work / "gate"
    facts = [build.versions, [(placed.path, placed.shard.sha256) for placed in build.shards], known]
    key = digest("gate", GATE_VERSION, facts, [suite.model_dump(mode="json") for suite in suites])
    before = read_json(done / "passed.json", Passed)
    if isinstance(before, Passed) and before.key == key:
        shutil.copytree(done / "expectations", docs)
        return before.held
    held = run_gate(corpus / "data", suites, known, docs)
    give_back()
    failed = [one for one in held if not one.passed]
    if failed:
        kept = build.store.work / "expectations"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(docs, kept)
        told = "\n".join(f"  {one.told}" for one in failed)
        raise BuildError(
            f"the corpus is not what it has to be, and stays unpublished: {len(failed)} expectations failed\n{told}\n"
            f"  all of them: {kept / 'index.html'}"
        )
    shutil.rmtree(done, ignore_errors=True)
    shutil.copytree(docs, done / "expectations")
    write_whole(done / "passed.json", msgspec.json.encode(Passed(key=key, held=held)))
    return held


def as_checks(held: Iterable[Held]) -> tuple[Check, ...]:
    """One check for each suite and table, for the report and the dataset card."""
    counts: dict[tuple[str, str], int] = {}
    for one in held:
        counts[one.table, one.suite] = counts.get((one.table, one.suite), 0) + 1
    return tuple(
        Check(name=f"{table}: expectations of the suite {suite}", passed=True, detail=f"{count} held")
        for (table, suite), count in counts.items()
    )


def suites_of(build: Build) -> tuple[Suite, ...]:
    """medloom's own suites, then the catalog's."""
    from medloom.quality.suite import own_suites, read_suite

    return (*own_suites(), *(read_suite(build.resolved.folder / path) for path in build.catalog.gate.suites))


def known_of(build: Build) -> dict[str, Any]:
    """What a suite may name with a ``$``."""
    from medloom.flows.naming import RECORD_TYPES
    from medloom.quality.narrow import RECORDS

    licences = {
        licence
        for state in build.sources.values()
        for licence in (state.resolved.card.licence, *_joined(state.resolved.card))
    }
    return {
        "columns": list(RECORDS),
        "sources": sorted(state.resolved.card.source for state in build.sources.values()),
        "tasks": [name for name, _, _ in build.tasks],
        "types": sorted(RECORD_TYPES),
        "licences": sorted(licences),
    }


def _joined(card: Any) -> Iterator[str]:
    yield from (f"{own} AND {card.licence}" for own in set(card.licences.values()))


def run_gate(data: Path, suites: Iterable[Suite], known: dict[str, Any], docs: Path | None = None) -> tuple[Held, ...]:
    """One Held for each expectation that is asked, in the order of the suites, config by config."""
    from medloom.flows.terms import config_names
    from medloom.quality.narrow import GROUPS, RECORDS_OF, VIEWS_OF, groups, read_shard, records, views
    from medloom.schemas.record import Config

    runner = _Runner()
    shards = {
        config: [path for folder in config_names(config) for path in sorted((data / folder).glob("*.parquet"))]
        for config in get_args(Config)
    }
    every = [path for paths in shards.values() for path in paths]
    found: list[tuple[int, int, tuple[Held, ...]]] = []
    numbered = list(enumerate(suites))
    for at, (config, paths) in enumerate(shards.items()):
        due = [(n, suite) for n, suite in numbered if suite.rows == "records" and config in (suite.configs or shards)]
        if paths and due:
            told = _all(records(read_shard(path, RECORDS_OF)) for path in paths)
            found += [(n, at, tuple(runner.hold(suite, config, told, known))) for n, suite in due]
            del told
    for n, suite in numbered:
        if suite.rows == "groups":
            grouped = groups(read_shard(path, GROUPS) for path in every)
            found.append((n, 0, tuple(runner.hold(suite, "groups", grouped, known, "name"))))
        elif suite.rows == "views":
            shown = _all(views(read_shard(path, VIEWS_OF)) for path in every).unique("id", maintain_order=True)
            found.append((n, 0, tuple(runner.hold(suite, "views", shown, known))))
    if docs is not None:
        runner.write_docs(docs)
    return tuple(held for _, _, several in sorted(found, key=lambda one: one[:2]) for held in several)


def _all(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """All of them, copied: as they come, the least column of a shard keeps everything in memory that was read of it."""
    import polars as pl
    import pyarrow as pa

    oldest = pl.CompatLevel.oldest()
    copied = pa.BufferOutputStream()
    tables = (frame.to_arrow(compat_level=oldest) for frame in frames)
    first = next(tables)
    with pa.ipc.new_stream(copied, first.schema) as stream:
        stream.write_table(first)
        for table in tables:
            stream.write_table(table)
    return pl.DataFrame(pl.from_arrow(pa.ipc.open_stream(copied.getvalue()).read_all()))


class _Runner:
    """One ephemeral context of great-expectations, which keeps results for the Data Docs."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        with light_import(later=UNUSED, never=() if "prefect" in sys.modules else OPTIONAL):
            import great_expectations as gx

            import medloom.quality.expectations  # noqa: F401  (registers medloom's own)

        for name in [name for name in logging.root.manager.loggerDict if name.startswith("great_expectations")]:
            logging.getLogger(name).setLevel(logging.ERROR)  # some set their own, to tell of temporary folders

        self.gx = gx
        self.context = gx.get_context(mode="ephemeral")
        self.context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]

    def hold(
        self, suite: Suite, table: str, frame: pl.DataFrame, known: dict[str, Any], name: str = "id"
    ) -> Iterator[Held]:
        title = f"{table}.{suite.suite}"
        values = {column: len(frame) - frame[column].null_count() for column in frame.columns}
        asked = [
            self._one(suite, expectation, arguments)
            for expectation, arguments in suite.filled(known)
            if suite.least == 1 or values.get(arguments.get("column", ""), len(frame)) >= suite.least
        ]
        if not asked:
            return
        made = self.gx.ExpectationSuite(name=title, expectations=asked)
        self.context.suites.add(made)
        asset = self.context.data_sources.add_pandas(title).add_dataframe_asset(name=title)
        batch = asset.add_batch_definition_whole_dataframe("all")
        definition = self.context.validation_definitions.add(
            self.gx.ValidationDefinition(name=title, data=batch, suite=made)
        )
        shape: Any = {"result_format": "COMPLETE", "unexpected_index_column_names": [name]}
        columns = frame.to_pandas(use_pyarrow_extension_array=True)  # a fifth of what Python's own strings would take
        result = definition.run(batch_parameters={"dataframe": columns}, result_format=shape)
        self.context.data_sources.delete(title)  # else the context, which outlives this, would keep the columns
        for one in result.results:
            yield _held(suite, table, one, name)

    def _one(self, suite: Suite, name: str, arguments: dict[str, Any]) -> Any:
        from great_expectations.exceptions import ExpectationNotFoundError
        from great_expectations.expectations.registry import get_expectation_impl

        try:
            return get_expectation_impl(name)(**arguments)
        except (ExpectationNotFoundError, ValueError, TypeError) as error:
            raise CatalogError(f"suite {suite.suite}: {name}: {' '.join(str(error).split())[:300]}") from None

    def write_docs(self, folder: Path) -> None:
        """The Data Docs, a site of its own: its styles come from the network, its facts don't."""
        backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
        index = {"class_name": "DefaultSiteIndexBuilder"}
        self.context.add_data_docs_site(
            "corpus", {"class_name": "SiteBuilder", "store_backend": backend, "site_index_builder": index}
        )
        self.context.build_data_docs(site_names=["corpus"])


def _held(suite: Suite, table: str, result: Any, name: str) -> Held:
    config = result.expectation_config
    found = result.result or {}
    rows = [str(row.get(name)) for row in (found.get("unexpected_index_list") or [])[:NAMED]]
    caught = (result.exception_info or {}).get("exception_message") if not found else None
    return Held(
        suite=suite.suite,
        table=table,
        expectation=str(config.type),
        arguments={key: value for key, value in config.kwargs.items() if key != "batch_id"},
        passed=bool(result.success),
        observed=_short(caught or found.get("observed_value", "")),
        unexpected=int(found.get("unexpected_count") or 0),
        rows=tuple(rows),
    )
