"""Lock: the exact inputs of a corpus and the digests of what it is made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from medloom.flows.assemble import Placed
from medloom.flows.layout import Earlier
from medloom.flows.recipe import Recipe
from medloom.flows.terms import config_name
from medloom.flows.unit import UnitReport
from medloom.schemas import SCHEMA_VERSION
from medloom.schemas.card import Access, Redistribute
from medloom.schemas.catalog import Catalog


class SourceLock(msgspec.Struct, frozen=True, kw_only=True):
    """One source as it was: `fingerprint` digests the name and bytes of every file that was read."""

    licence: str
    access: Access
    redistribute: Redistribute
    converter: str
    converter_version: str
    recipe: str
    fingerprint: str
    samples: int
    refused: int
    views: int
    records: int


def source_lock(recipe: Recipe, reports: Sequence[UnitReport], refused: int) -> SourceLock:
    """The lock of one source from its units, in their order."""
    card = recipe.source
    files = hashlib.sha256()
    for file, sha256 in sorted({(mark.file, mark.sha256) for report in reports for mark in report.marks}):
        files.update(f"{file}\0{sha256}\n".encode())
    return SourceLock(
        licence=card.licence,
        access=card.access,
        redistribute=card.redistribute,
        converter=card.converter,
        converter_version=recipe.converter_version,
        recipe=recipe.digest,
        fingerprint=files.hexdigest(),
        samples=sum(report.samples for report in reports),
        refused=refused + sum(report.refused for report in reports),
        views=sum(report.views for report in reports),
        records=sum(report.records for report in reports),
    )


def locked_recipe(catalog: Catalog) -> dict[str, Any]:
    """The catalog as a lock has it: without where its sources and the version before lie on this machine."""
    recipe = catalog.model_dump(mode="json")
    recipe["synthesis"] = catalog.synthesis.content
    for use in recipe["sources"]:
        use.pop("path", None)
    recipe["shards"].pop("follows")
    return recipe


def locked_work(
    tasks: Iterable[tuple[str, str, dict[str, Any]]], filters: Iterable[tuple[str, str, dict[str, Any]]]
) -> dict[str, Any]:
    """The tasks and filters as a lock has them."""
    return {
        "tasks": {name: {"version": version, "params": params} for name, version, params in tasks},
        "filters": [{"name": name, "version": version, "params": params} for name, version, params in filters],
    }


def lock_of(
    catalog: Catalog,
    sources: dict[str, SourceLock],
    tasks: Iterable[tuple[str, str, dict[str, Any]]],
    filters: Iterable[tuple[str, str, dict[str, Any]]],
    words: str,
    versions: dict[str, str],
    shards: Iterable[Placed],
    files: dict[str, str],
    earlier: Earlier | None = None,
    synthesis: dict[str, Any] | None = None,
) -> bytes:
    """``corpus.lock.json``: no time, no path of this machine, so that equal corpora have equal locks.

    `files` are the SHA-256 of the other files of the corpus by name; `synthesis` is what engines had a part in. Where a
    source lies is left out, and so is where the `earlier` version lies that this one follows: its version and the
    SHA-256 of its lock are told.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "catalog": locked_recipe(catalog),
        "sources": {name: msgspec.to_builtins(lock) for name, lock in sorted(sources.items())},
        **locked_work(tasks, filters),
        "words": words,
        "engine": catalog.synthesis.engine,
        **({} if synthesis is None else {"synthesis": synthesis}),
        "seeds": "every draw is seeded by a BLAKE2b digest of the ids that it is about",
        "versions": versions,
        "shards": {
            placed.path: {"config": config_name(placed.config, placed.redistribute), "split": placed.split,
                          "sha256": placed.shard.sha256, "bytes": placed.shard.bytes, "rows": placed.shard.rows,
                          "records": placed.shard.records}
            for placed in sorted(shards, key=lambda placed: placed.path)
        },
        "files": dict(sorted(files.items())),
        "follows": None if earlier is None else {"version": earlier.version, "lock": earlier.lock},
    }  # fmt: skip
    return (json.dumps(content, indent=1, ensure_ascii=False, sort_keys=False) + "\n").encode()
