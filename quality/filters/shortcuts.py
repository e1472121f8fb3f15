"""Shortcuts: questions that are answered without the picture, by what was right elsewhere."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from medloom.quality.filter import CellFigure, Filter, FilterParams, Judgement, Look
from medloom.quality.text_only import COLUMNS, answers_of, asked_of
from medloom.quality.verdicts import drop_where, first_of, none_dropped
from medloom.schemas.identity import seed

CELL = ("source", "task")
ROUNDS = 40


class ShortcutsParams(FilterParams):
    """`margin`: how far above chance a cell (source and task) may be answered without the picture.

    `least`: questions of a cell below which nothing is asked of it. `surely`: one-sided probability by which chance
    plus margin must be ruled out (binomial, normal approximation). `mend`: ``rebalance`` drops the questions that give
    most away, few at a time, until the cell is within its bound; ``drop`` drops the cell; ``score`` drops nothing.
    """

    margin: float = Field(default=0.10, ge=0, le=1)
    least: int = Field(default=40, ge=10)
    surely: float = Field(default=0.05, gt=0, le=0.5)
    mend: Literal["rebalance", "drop", "score"] = "rebalance"


class Shortcuts(Filter):
    """Drops single choices and yes-or-no questions until text alone answers no cell beyond chance plus the margin.

    Reasons: ``answered_by_text``, where a question goes so that its cell may stay, and ``cell_answered_by_text``, where
    a whole cell goes: on request, or because too little would be left of it. Models and folds:
    `medloom.quality.text_only`. The score is the belief that falls on the right option, the greater of both models.
    """

    name: ClassVar[str] = "shortcuts"
    scope: ClassVar[Literal["unit", "corpus"]] = "corpus"
    score_of: ClassVar[str] = "belief in the right option from text alone"
    record_columns: ClassVar[tuple[str, ...]] = COLUMNS
    Params: ClassVar[type[FilterParams]] = ShortcutsParams
    params: ShortcutsParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return self.judge(records, views).drops

    def judge(self, records: pl.DataFrame, views: pl.DataFrame) -> Judgement:
        asked = asked_of(records.sort("id"))
        if asked.is_empty():
            return Judgement(none_dropped())
        answers = answers_of(asked)
        before = cells_of(answers)
        scores = answers.group_by("id").agg(pl.col("score").max()).select(record="id", score="score").sort("record")
        gone = [] if self.params.mend == "score" else self._mended(asked, before)
        drops = first_of(gone)
        left = asked.join(drops, left_on="id", right_on="record", how="anti", maintain_order="left")
        after = before if not gone else cells_of(answers_of(left)) if not left.is_empty() else before.clear()
        return Judgement(drops, scores, tuple(_figures(before, after)))

    def looks(self, record: str, records: pl.DataFrame, views: pl.DataFrame) -> list[Look]:
        answers = answers_of(asked_of(records.sort("id")))
        own = answers.filter(pl.col("id") == record)
        cells = cells_of(answers).join(own.select(*CELL).unique(), on=list(CELL), how="semi")
        found = [
            Look(what=f"{row['model']}, this question", value=f"belief {row['score']:.3f} in the right option",
                 bound=f"1 of {row['options']}")
            for row in own.iter_rows(named=True)
        ]  # fmt: skip
        for row in self._beyond(cells).iter_rows(named=True):
            bound = row["chance"] + self.params.margin
            found.append(
                Look(what=f"{row['model']}, cell {row['source']} × {row['task']} ({row['asked']} questions)",
                     value=f"{row['right']:.3f} right", bound=f"≤ {bound:.3f} (chance + margin)",
                     passed=not row["beyond"],
                     change="margin, or distractors that are right as often" if row["beyond"] else "")
            )  # fmt: skip
        return found

    def _beyond(self, cells: pl.DataFrame) -> pl.DataFrame:
        """`cells_of` with `bound`, and `beyond`: whether a model surely answers more than that."""
        bound = (pl.col("chance") + self.params.margin).clip(upper_bound=1.0)
        slack = _quantile(self.params.surely) * (bound * (1 - bound) / pl.col("asked")).sqrt()
        over = (pl.col("right") > bound + slack) & (pl.col("asked") >= self.params.least)
        return cells.with_columns(bound=bound, beyond=over)

    def _mended(self, asked: pl.DataFrame, before: pl.DataFrame) -> list[pl.DataFrame]:
        bad = self._beyond(before).filter("beyond")
        if bad.is_empty():
            return []
        if self.params.mend == "drop":
            return [_whole(asked, bad)]
        gone: list[pl.DataFrame] = []
        for _ in range(ROUNDS):
            answers = answers_of(asked)
            judged = self._beyond(cells_of(answers))
            bad = judged.filter("beyond")
            if bad.is_empty():
                return gone
            extra = _giveaways(answers, bad)
            gone.append(extra)
            asked = asked.join(extra, left_on="id", right_on="record", how="anti", maintain_order="left")
            if asked.is_empty():
                return gone
        return [*gone, _whole(asked, bad)]


def cells_of(answers: pl.DataFrame) -> pl.DataFrame:
    """source, task, model, asked, right (share), chance: of answers as `answers_of` gives them, sorted."""
    return (
        answers.group_by(*CELL, "model")
        .agg(asked=pl.len().cast(pl.Int64), right=pl.col("right").mean(), chance=(1 / pl.col("options")).mean())
        .sort(*CELL, "model")
    )


def _giveaways(answers: pl.DataFrame, bad: pl.DataFrame) -> pl.DataFrame:
    """Of each bad cell and model the questions answered right with most belief: half of those that are too many."""
    rows = answers.join(bad.select(*CELL, "model", "bound", share="right", asked="asked"), on=[*CELL, "model"])
    many = ((pl.col("share") - pl.col("bound")) * pl.col("asked") / (1 - pl.col("bound")).clip(0.05)).clip(1)
    right = rows.filter(pl.col("right") > 0).with_columns(quota=(many / 2).ceil())
    drawn = right.with_columns(draw=pl.Series([seed("shortcut", name) for name in right["id"]], dtype=pl.UInt64))
    order = pl.struct(-pl.col("right"), -pl.col("score").round(9), pl.col("draw"))
    chosen = drawn.filter(order.rank("ordinal").over(*CELL, "model") <= pl.col("quota"))
    detail = pl.format("{}: belief {} in the right option", "model", pl.col("score").round(3))
    return first_of([drop_where(chosen, pl.lit(True), "answered_by_text", detail)])


def _whole(asked: pl.DataFrame, bad: pl.DataFrame) -> pl.DataFrame:
    worst = bad.sort("right", descending=True).unique(list(CELL), keep="first", maintain_order=True)
    rows = asked.select("id", *CELL).unique().join(worst, on=list(CELL))
    told = pl.format("{}: {} right, chance {}", "model", pl.col("right").round(3), pl.col("chance").round(3))
    return drop_where(rows, pl.lit(True), "cell_answered_by_text", told)


def _figures(before: pl.DataFrame, after: pl.DataFrame) -> list[CellFigure]:
    later = after.select(*CELL, "model", after="right", left="asked")
    joined = before.join(later, on=[*CELL, "model"], how="left", maintain_order="left")
    return [
        CellFigure(
            source=row["source"], task=row["task"], what=row["model"], chance=row["chance"], before=row["right"],
            asked=row["asked"], after=row["after"], left=row["left"] or 0,
        )
        for row in joined.iter_rows(named=True)
    ]  # fmt: skip


def _quantile(surely: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - surely))
