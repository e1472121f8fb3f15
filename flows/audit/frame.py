"""Frame: the items of a corpus in columns, and its inline pictures looked at on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from medloom.flows.audit.items import Item
from medloom.flows.audit.pictures import BATCH, Seen
from medloom.schemas.identity import seed

FOLDS = 5
SCHEMA: dict[str, Any] = {
    "entry": pl.Int64, "id": pl.String, "split": pl.String, "cell": pl.String, "question": pl.String,
    "answer": pl.String, "options": pl.List(pl.String), "right": pl.Int64, "pictures": pl.List(pl.String),
    "tags": pl.Int64, "chosen": pl.String, "rejected": pl.String, "licence": pl.String,
}  # fmt: skip


def frame_of(items: Iterable[Item], seen: Seen, most: int) -> pl.DataFrame:
    """One row for each item, with SCHEMA, `row` (its number) and `fold` (by its first picture, else its id).

    At most `most` of the pictures that lie in the corpus itself are looked at; each goes by its path, else by its
    number.
    """
    columns: dict[str, list[object]] = {name: [] for name in SCHEMA}
    waiting: list[tuple[str, bytes]] = []
    for item in items:
        names = list(item.pictures)
        for number, data in enumerate(item.inline):
            if data:
                names[number] = names[number] or f"row {item.entry}, picture {number + 1}"
                if len(seen.sha256) + len(waiting) < most:
                    waiting.append((names[number], data))
        if len(waiting) >= BATCH:
            seen.add(waiting, keep=True)
            waiting = []
        for name in SCHEMA:
            columns[name].append(names if name == "pictures" else _plain(getattr(item, name)))
    seen.add(waiting, keep=True)
    frame = pl.DataFrame(columns, schema=SCHEMA).with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    group = pl.coalesce(pl.col("pictures").list.first(), "id")
    names = frame.select(group=group).unique().to_series().to_list()
    folds = pl.DataFrame({"group": names, "fold": [seed("fold", name) % FOLDS for name in names]})
    return frame.with_columns(group=group).join(folds, on="group", how="left", maintain_order="left").drop("group")


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
