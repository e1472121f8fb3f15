"""Permit: whether what is in the shards may be published at all, by the licence and access of every record in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc
import pyarrow.parquet as pq

from medloom.flows.terms import config_name, terms_of
from medloom.schemas.licence import Audience, releasable, release_fault
from medloom.schemas.licence_table import INTERNAL

FIELDS = ("source", "licence", "access", "redistribute", "config")


class Terms(NamedTuple):
    """What records of one source say of themselves in one shard."""

    source: str
    licence: str
    access: str
    redistribute: str
    config: str


def terms_in(shard: Path) -> set[Terms]:
    """The distinct terms of the records of a shard, from those columns alone."""
    columns = [f"records.list.element.{field}" for field in FIELDS]
    found: set[Terms] = set()
    for batch in pq.ParquetFile(shard).iter_batches(columns=columns):
        records = pc.list_flatten(batch.column("records"))
        rows = zip(*(pc.struct_field(records, field).to_pylist() for field in FIELDS), strict=True)
        found.update(Terms(*row) for row in rows)
    return found


def refusals(corpus: Path, shards: Iterable[str], release: dict[str, Any], private: bool) -> Iterator[str]:
    """Why the corpus may not be published, one sentence each; nothing where it may be.

    `release` is the catalog's. A private repository is on someone else's server too: what is credentialed, or under a
    licence that lets nothing be passed on, goes nowhere.
    """
    audience: Audience = "private" if private else release["to"]
    licence = release["licence"]
    if licence == INTERNAL:
        yield f"the catalog releases it under {INTERNAL}: it never leaves the house, a private repository included"
        return
    if release["to"] == "private" and not private:
        yield "the catalog releases it to private: publish it with --private, or change `release.to` and build again"
        return
    if (fault := release_fault(licence, "gated" if audience == "private" else audience)) is not None:
        yield fault
        return
    found = {(path, terms) for path in shards for terms in terms_in(corpus / path)}
    told = {reason for _, terms in found if (reason := _hindrance(terms, licence)) is not None}
    yield from sorted(told)
    for path, terms in sorted(found):
        config: Any = terms.config
        passed_on: Any = terms.redistribute
        if path.split("/")[1] != config_name(config, terms_of(config, passed_on)):
            yield f"{path} holds records of {terms.source}, of which only {passed_on} may be passed on"


def _hindrance(terms: Terms, release: str) -> str | None:
    if terms.access == "credentialed":
        return f"{terms.source}: access to it is credentialed, and who has it may not pass anything on"
    reason = releasable(terms.licence, release)
    return None if reason is None else f"{terms.source}: {reason}"
