"""Decontaminate: nothing of a benchmark that the corpus may be tested by goes into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import Field

from medloom.quality.benchmark_index import BenchmarkIndex, read_index
from medloom.quality.filter import Filter, FilterParams
from medloom.quality.marks import DIFFERENCE, asked_marks
from medloom.quality.text_marks import MIN_QUESTION_WORDS, ngram_digests, text_digests, within
from medloom.quality.thumbs import stack
from medloom.quality.verdicts import drop_where, first_of
from medloom.schemas.errors import CatalogError
from medloom.schemas.identity import digest


class DecontaminateParams(FilterParams):
    """`against`: index files that `medloom benchmark-index` made, relative to the catalog.

    `difference`: of 448 bits of a mark, in how many two pictures may differ and still be one. Many films of one kind
    look alike: with a benchmark of ten thousand chest films take 40. `kinds`: what counts as overlap.
    """

    against: tuple[str, ...] = ()
    difference: int = Field(default=DIFFERENCE, ge=0, le=100)
    kinds: tuple[str, ...] = Field(default=("exact", "perceptual", "text"), min_length=1)


class Decontaminate(Filter):
    """Drops a record that shows a picture of a benchmark, or says what a benchmark says.

    Reasons: ``exact_NAME`` (the same bytes), ``perceptual_NAME`` (the same picture, resized, recompressed, cropped by
    up to 5 % a side, padded or windowed otherwise), ``text_NAME`` (a question of six words or more with its options,
    or a run of 13 words), NAME being the benchmark's. A benchmark's own templates are nobody's: what more than three of
    its items share doesn't count.
    """

    name: ClassVar[str] = "decontaminate"
    record_columns: ClassVar[tuple[str, ...]] = ("id", "views", "turns", "texts", "options")
    view_columns: ClassVar[tuple[str, ...]] = ("id", "sha256", "thumb")
    Params: ClassVar[type[FilterParams]] = DecontaminateParams
    params: DecontaminateParams

    def __init__(self, params: FilterParams) -> None:
        super().__init__(params)
        self._folder = Path()

    def attach(self, folder: Path) -> None:
        if not self.params.against:
            raise CatalogError("decontaminate names no index: `against: [exam.index.parquet]`")
        unknown = set(self.params.kinds) - {"exact", "perceptual", "text"}
        if unknown:
            raise CatalogError(f"kinds: {', '.join(sorted(unknown))}: they are exact, perceptual and text")
        self._folder = folder
        for index in self._indexes():
            assert index.fingerprint

    def fingerprint(self) -> str:
        return f"{self.version}+{digest('indexes', [index.fingerprint for index in self._indexes()], size=6)}"

    def _indexes(self) -> list[BenchmarkIndex]:
        return [read_index(self._folder / Path(path).expanduser()) for path in self.params.against]

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        indexes = self._indexes()
        shown = records.select("id", view="views").explode("view", empty_as_null=False)
        marks, of = asked_marks(stack_all(views)) if "perceptual" in self.params.kinds else (None, None)
        found: list[pl.DataFrame] = []
        for index in indexes:
            if "exact" in self.params.kinds:
                same = views.filter(pl.col("sha256").is_in(list(index.sha256))).select(view="id")
                found.append(_shown(shown, same, f"exact_{index.slug}"))
            if marks is not None and of is not None:
                rows, items = index.marks.find(marks, self.params.difference)
                near = pl.DataFrame({"view": views["id"].gather(of[rows]), "item": items}).unique("view", keep="first")
                found.append(_shown(shown, near, f"perceptual_{index.slug}"))
            if "text" in self.params.kinds:
                found += _said(records, index)
        return first_of(found)


def stack_all(views: pl.DataFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A thumb for each view, black where it has none: those get no mark."""
    thumbs, rows = stack(views["thumb"])
    every = np.zeros((len(views), *thumbs.shape[1:]), np.uint8)
    every[rows] = thumbs
    return every


def _shown(shown: pl.DataFrame, views: pl.DataFrame, reason: str) -> pl.DataFrame:
    if "item" not in views.columns:
        views = views.with_columns(item=pl.lit(None, pl.Int64))
    hit = shown.join(views, on="view", how="inner", maintain_order="left")
    item = pl.when(pl.col("item").is_null()).then(pl.lit("")).otherwise(pl.format(" is picture {}", "item"))
    return drop_where(hit, pl.lit(True), reason, pl.concat_str("view", item))


def _said(records: pl.DataFrame, index: BenchmarkIndex) -> Iterator[pl.DataFrame]:
    asked, spoken = texts_of(records)
    values, words = text_digests(asked)
    known = pl.Series(within(values, index.questions) & (words >= MIN_QUESTION_WORDS))
    yield drop_where(records.filter(known).select("id"), pl.lit(True), f"text_{index.slug}", "the question")
    runs, row = ngram_digests(spoken, index.about.ngram)
    hit = np.unique(row[within(runs, index.ngrams)])
    detail = f"{index.about.ngram} words in a row"
    yield drop_where(records.select(pl.col("id").gather(hit)), pl.lit(True), f"text_{index.slug}", detail)


def texts_of(records: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """(the first question without its options and then its options sorted, all that the record says)."""
    turn = pl.element().struct
    said = pl.col("turns").list.eval(turn.field("text"))
    option = pl.col("options").list.eval(pl.element().struct.field("text")).list.sort()
    listed = pl.col("options").list.eval(pl.format("{}. {}", *(pl.element().struct.field(n) for n in ("key", "text"))))
    frame = records.select(
        lines=pl.col("turns")
        .list.eval(turn.field("text").filter(turn.field("role") == "user"))
        .list.first()
        .fill_null("")
        .str.split("\n"),
        listed=listed,
        option=option,
        said=pl.concat_str(said.list.join("\n"), pl.col("texts").list.join("\n"), separator="\n", ignore_nulls=True),
    )
    asked = [
        " ".join((*(line for line in lines if line not in listed), *options))
        for lines, listed, options in frame.select("lines", "listed", "option").iter_rows()
    ]
    return pl.Series(asked, dtype=pl.String), frame["said"]
