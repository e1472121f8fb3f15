"""Fingerprints: digests of what a record says, proves and shows, by which two versions are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from medloom.schemas.identity import digest
from medloom.schemas.record import Record
from medloom.schemas.view import View

if TYPE_CHECKING:
    import pyarrow as pa

WORDS = ("turns", "options", "answer", "texts", "reason", "language", "form", "template", "rejected")
NAMED = ("id", "config", "task", "type", "source", "sample", "views", "licence", "access", "redistribute", "patient",
         "study", "published_split", "split")  # fmt: skip
"""Fields that lineage tells themselves, or that the id digests."""
FACTS = tuple(name for name in Record.__struct_fields__ if name not in (*WORDS, *NAMED))
PARTS = ("words", "facts", "pictures")


def fingerprint(record: Record, views: Mapping[str, View]) -> tuple[str, str, str]:
    """Digests of (words, facts, pictures with what is known of them), equal for equal parts whatever the split."""
    rejected = record.rejected.view if record.rejected is not None else None
    shown = (*record.views, rejected) if rejected is not None else record.views
    return (
        digest("words", [getattr(record, name) for name in WORDS]),
        digest("facts", [getattr(record, name) for name in FACTS]),
        digest("pictures", [msgspec.to_builtins(views[view]) for view in shown]),
    )


def fingerprint_batch(records: Sequence[Record], views: Sequence[View]) -> pa.RecordBatch:
    """A row of PARTS for each record, in order."""
    import pyarrow as pa

    by_id = {view.id: view for view in views}
    rows = [fingerprint(record, by_id) for record in records]
    columns = [pa.array([row[index] for row in rows], pa.string()) for index in range(len(PARTS))]
    return pa.RecordBatch.from_arrays(columns, names=list(PARTS))
