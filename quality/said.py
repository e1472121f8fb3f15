"""Said: the texts of records, each distinct one once, for checks that cost more than a pattern."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from medloom.quality.verdicts import drop_where

COLUMNS = ("id", "language", "turns", "texts", "options", "answer", "reason")


def texts_of(records: pl.DataFrame) -> pl.DataFrame:
    """id, language, part (user, assistant, caption, option, answer, reason), text: a row each, without tags of media.

    `records` has COLUMNS. Captions that the last turn says again are there once.
    """
    field = pl.element().struct.field
    keep = ("id", "language")
    turns = records.select(*keep, turn="turns").explode("turn", empty_as_null=False).unnest("turn")
    parts = [turns.select(*keep, part="role", text="text")]
    for part, column in (
        ("caption", pl.col("texts")),
        ("option", pl.col("options").list.eval(field("text"))),
        ("answer", pl.col("answer").struct.field("text")),
        ("reason", pl.col("reason").cast(pl.String)),
    ):
        rows = records.select(*keep, part=pl.lit(part), text=column)
        parts.append(rows.explode("text", empty_as_null=False) if part in ("caption", "option") else rows)
    said = pl.concat(parts).filter(pl.col("text").is_not_null())
    bare = pl.col("text").str.replace_all(" *<(image|volume|video)> *", " ").str.strip_chars()
    return (
        said.with_columns(bare).filter(pl.col("text") != "").unique(["id", "text"], maintain_order=True, keep="first")
    )


def drop_said(said: pl.DataFrame, check: Callable[[str], str | None], reason: str) -> pl.DataFrame:
    """Verdicts on the texts of which `check` says what is wrong; it is asked once for each distinct text."""
    distinct = said["text"].unique(maintain_order=True)
    wrong = [(text, found) for text in distinct if (found := check(text)) is not None]
    told = pl.DataFrame(wrong, schema={"text": pl.String, "wrong": pl.String}, orient="row")
    hit = said.join(told, on="text", maintain_order="left")
    return drop_where(hit, pl.lit(True), reason, pl.format("{}: {}", "part", "wrong"))
