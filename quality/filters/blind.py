"""Blind: choices that a model answers without the picture, or with a wrong one."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from medloom.quality.blind import Answerer, questions_of, shares
from medloom.quality.filter import CellFigure, Filter, FilterParams, Judgement
from medloom.quality.verdicts import drop_where, first_of, none_dropped
from medloom.schemas.identity import seed

WHO = {"nothing": "a model without the picture", "blank": "a model with a blank picture",
       "another": "a model with another picture"}  # fmt: skip


class BlindParams(FilterParams):
    """`shown`: nothing (a language model will do), a blank picture, or another record's. `shuffles`: orders of options
    that each question is asked in. `margin`: how far above chance a cell may be answered. `least`: questions of a cell
    below which nothing is dropped.
    """

    shown: Literal["nothing", "blank", "another"] = "nothing"
    shuffles: int = Field(default=3, ge=1, le=8)
    margin: float = Field(default=0.10, ge=0, le=1)
    least: int = Field(default=40, ge=1)


class Blind(Filter):
    """Drops single choices of cells (source and task) that a model answers blind beyond chance plus the margin, those
    that it was surest of first, until the rest is within it: ``answered_blind``.

    Who answers is `answerer`, the catalog's engine in a build; without one nothing is asked, and the report says so.
    The score is the share of a question's orders that were answered right.
    """

    name: ClassVar[str] = "blind"
    scope: ClassVar[Literal["unit", "corpus"]] = "corpus"
    score_of: ClassVar[str] = "share of option orders answered right without the picture"
    record_columns: ClassVar[tuple[str, ...]] = ("id", "source", "task", "form", "views", "options", "turns")
    Params: ClassVar[type[FilterParams]] = BlindParams
    params: BlindParams
    answerer: Answerer | None = None

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return self.judge(records, views).drops

    def judge(self, records: pl.DataFrame, views: pl.DataFrame) -> Judgement:
        if self.answerer is None:
            return Judgement(none_dropped(), note="no engine is configured to answer: nothing was asked blind")
        questions = questions_of(records, self.params.shown, self.params.shuffles)
        said = self.answerer.answers(questions)
        found = shares(questions, said)
        cells = found.join(records.select("source", "task", record="id"), on="record")
        of = ["source", "task"]
        bound = pl.col("chance").mean().over(of) + self.params.margin
        excess = (pl.col("score").sum().over(of) - bound * pl.len().over(of)) / (1 - bound).clip(lower_bound=0.05)
        drawn = cells.with_columns(
            quota=pl.when(pl.len().over(of) >= self.params.least).then(excess.ceil()).otherwise(0.0),
            draw=pl.Series([seed("blind", name) for name in cells["record"]], dtype=pl.UInt64),
        )
        order = pl.struct(-pl.col("score"), pl.col("draw")).rank("ordinal").over(of)
        gone = drawn.filter(pl.col("score") > 0, order <= pl.col("quota")).with_columns(id="record")
        detail = pl.format("{} of {} orders", (pl.col("score") * self.params.shuffles).round(), self.params.shuffles)
        drops = first_of([drop_where(gone, pl.lit(True), "answered_blind", detail)])
        left = cells.join(drops.select("record"), on="record", how="anti")
        after = left.group_by(of).agg(after=pl.col("score").mean(), left=pl.len())
        figures = cells.group_by(of).agg(
            chance=pl.col("chance").mean(), before=pl.col("score").mean(), asked=pl.len()
        ).join(after, on=of, how="left").sort(of)  # fmt: skip
        told = tuple(
            CellFigure(**{**row, "left": row["left"] or 0}, what=WHO[self.params.shown])
            for row in figures.iter_rows(named=True)
        )
        failed = sum(one is None for one in said)
        note = f"{failed:,} of {len(said):,} questions were not answered" if failed else ""
        return Judgement(drops, found.select("record", "score"), told, note)
