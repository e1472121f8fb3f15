"""Label leak: the answer stands in the picture itself, or in the name of its file."""

from __future__ import annotations

import re
from functools import cache
from typing import ClassVar

import polars as pl
from pydantic import Field

from medloom.quality.filter import Filter, FilterParams, Judgement, Look
from medloom.quality.verdicts import drop_where, first_of

SAID_BY_NOBODY = frozenset(("yes", "no", "none", "normal", "other", "left", "right", "image", "a", "b", "c", "d", "e"))
"""Answers of which a file's name or a mark in the picture tells nothing."""


class LabelLeakParams(FilterParams):
    """`least`: letters that a word needs. `paths`: drop for the name of a file too, not score it alone: a model
    doesn't see it, but whoever publishes folders by class gives the answers away.
    """

    least: int = Field(default=4, ge=2)
    paths: bool = False


class LabelLeak(Filter):
    """Drops a question whose right answer can be read in its picture (``label_in_picture``) or, on request, in its
    file's path (``label_in_path``).

    Compared are the right options' texts, a short answer and the names and synonyms of the record's concepts with the
    lines that OCR read (`Appearance.words`: null where nobody looked) and with the path in the source. The score is 1
    where the path tells, else 0.
    """

    name: ClassVar[str] = "label_leak"
    score_of: ClassVar[str] = "1 where the file's path names the answer"
    record_columns: ClassVar[tuple[str, ...]] = ("id", "form", "sample", "views", "concepts", "options", "answer")
    view_columns: ClassVar[tuple[str, ...]] = ("id", "source_file", "words")
    Params: ClassVar[type[FilterParams]] = LabelLeakParams
    params: LabelLeakParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return self.judge(records, views).drops

    def judge(self, records: pl.DataFrame, views: pl.DataFrame) -> Judgement:
        rows = self._told(records, views)
        drops = [drop_where(rows, pl.col("in_picture").is_not_null(), "label_in_picture", pl.col("in_picture"))]
        if self.params.paths:
            drops.append(drop_where(rows, pl.col("in_path").is_not_null(), "label_in_path", pl.col("in_path")))
        scores = rows.select(record="id", score=pl.col("in_path").is_not_null().cast(pl.Float64))
        return Judgement(first_of(drops), scores)

    def looks(self, record: str, records: pl.DataFrame, views: pl.DataFrame) -> list[Look]:
        rows = self._told(records.filter(pl.col("id") == record), views)
        if rows.is_empty():
            return []
        row = rows.row(0, named=True)
        read = "nobody looked" if row["read"] is None else row["in_picture"] or "none of its answer"
        return [
            Look(what="words in the picture", value=read, bound="not the answer", passed=row["in_picture"] is None),
            Look(what="words of the path", value=row["in_path"] or "none of its answer", bound="not the answer",
                 passed=row["in_path"] is None or None if not self.params.paths else row["in_path"] is None),
        ]  # fmt: skip

    def _told(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        """id, read, in_picture, in_path: which word of the answer stands there, of records that ask something."""
        field = pl.element().struct.field
        asked = records.filter(pl.col("form").is_in(["closed", "open", "single", "multiple"]))
        right = pl.col("options").list.eval(field("text").filter(field("correct")))
        answer = pl.col("answer").struct.field("text")
        rows = asked.select("id", "sample", "views", "concepts", right=right, answer=answer)
        shown = rows.select("id", view="views").explode("view", empty_as_null=False)
        shown = shown.join(views.rename({"id": "view"}), on="view", how="left", maintain_order="left")
        joined = shown.group_by("id", maintain_order=True).agg(
            read=pl.col("words").list.join("\n").drop_nulls().str.join("\n"),
            looked=pl.col("words").is_not_null().any(),
            path=pl.col("source_file").drop_nulls().str.join("\n"),
        )
        rows = rows.join(joined, on="id", how="left", maintain_order="left")
        found = [
            (
                row["id"], row["read"] if row["looked"] else None,
                _standing(self._names(row), row["read"] or "") if row["looked"] else None,
                _standing(self._names(row), f"{row['path'] or ''}\n{row['sample'] or ''}"),
            )
            for row in rows.iter_rows(named=True)
        ]  # fmt: skip
        schema = dict.fromkeys(("id", "read", "in_picture", "in_path"), pl.String)
        return pl.DataFrame(found, schema=schema, orient="row")

    def _names(self, row: dict[str, object]) -> tuple[str, ...]:
        said = [*_list(row["right"]), *([str(row["answer"])] if row["answer"] is not None else [])]
        names = {_plain(text) for text in said} | {
            name for concept in _list(row["concepts"]) for name in _names_of(concept)
        }
        return tuple(
            sorted(name for name in names if len(name.replace(" ", "")) >= self.params.least
                   and name not in SAID_BY_NOBODY and len(name) <= 60)
        )  # fmt: skip


def _list(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _standing(names: tuple[str, ...], text: str) -> str | None:
    """The first of the names that stands in the text as whole words, however they are joined there."""
    if not text:
        return None
    plain = f" {_plain(text)} "
    return next((name for name in names if f" {name} " in plain), None)


@cache
def _names_of(concept: str) -> frozenset[str]:
    from medloom.synthesis.vocabulary import load_vocabulary

    vocabulary = load_vocabulary()
    if concept not in vocabulary:
        return frozenset((_plain(concept),))
    known = vocabulary[concept]
    return frozenset(_plain(name) for name in (known.name, known.plural, *known.synonyms))


def _plain(text: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[^\W_]+", spaced.lower()))
