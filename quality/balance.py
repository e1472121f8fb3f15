"""Balance: what could be answered without the picture, in figures."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import polars as pl

BALANCE_COLUMNS = ("id", "source", "task", "form", "concepts", "polarity", "options")
CELL = ("source", "task")


class YesNo(msgspec.Struct, frozen=True, kw_only=True):
    """Closed questions of one task about one concept: how many are answered with yes, how many with no."""

    source: str
    task: str
    concept: str
    yes: int
    no: int


class LetterCell(msgspec.Struct, frozen=True, kw_only=True):
    """Where the right option of a single choice stands: `correct` counts by position, first to last.

    `expected` is the sum of 1/n over the questions that have that position. `p` is that of Pearson's χ² with one degree
    of freedom less than positions; None where some position has fewer than 5 expected (Cochran's rule).
    """

    source: str
    task: str
    correct: tuple[int, ...]
    expected: tuple[float, ...]
    chi2: float
    p: float | None


class LongestOption(msgspec.Struct, frozen=True, kw_only=True):
    """How often the longest option is the right one, ties shared, and how often chance alone would have it so."""

    source: str
    task: str
    questions: int
    rate: float
    chance: float


class BalanceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """`never_right` are (source, concept) of options that are offered and never right anywhere in that source."""

    yes_no: tuple[YesNo, ...]
    letters: tuple[LetterCell, ...]
    longest: tuple[LongestOption, ...]
    never_right: tuple[tuple[str, str], ...]


def balance_figures(records: pl.DataFrame) -> BalanceFigures:
    """The figures of records with `BALANCE_COLUMNS`, each list sorted by source, task, concept."""
    return BalanceFigures(
        yes_no=tuple(YesNo(**row) for row in yes_no(records).iter_rows(named=True)),
        letters=tuple(_letters(records)),
        longest=tuple(LongestOption(**row) for row in _longest(records).iter_rows(named=True)),
        never_right=tuple((source, concept) for source, concept in never_right(options_of(records)).rows()),
    )


def closed_of(records: pl.DataFrame) -> pl.DataFrame:
    """id, source, task, concept, yes: the closed questions that are answered with yes or no."""
    closed = records.filter(pl.col("form") == "closed", pl.col("polarity").is_in(["present", "absent"]))
    concept = pl.col("concepts").list.first().fill_null("")
    return closed.select("id", *CELL, concept=concept, yes=pl.col("polarity") == "present")


def yes_no(records: pl.DataFrame) -> pl.DataFrame:
    """source, task, concept, yes, no: counts of closed questions, sorted."""
    counted = closed_of(records).group_by(*CELL, "concept").agg(pl.col("yes").sum(), no=(~pl.col("yes")).sum())
    return counted.select(*CELL, "concept", pl.col("yes", "no").cast(pl.Int64)).sort(*CELL, "concept")


def options_of(records: pl.DataFrame) -> pl.DataFrame:
    """id, source, task, form, position, options (how many), concept (else the text), length, correct: one row each."""
    choices = records.filter(pl.col("form").is_in(["single", "multiple"]))
    each = choices.select(
        "id", *CELL, "form", option="options", position=pl.int_ranges(pl.col("options").list.len()),
        options=pl.col("options").list.len(),
    ).explode("option", "position", empty_as_null=False).unnest("option")  # fmt: skip
    named = pl.when(pl.col("concept") != "").then("concept").otherwise(pl.col("text").str.to_lowercase())
    return each.select(
        "id", *CELL, "form", "position", "options", "correct", concept=named, length=pl.col("text").str.len_chars()
    )


def never_right(options: pl.DataFrame) -> pl.DataFrame:
    """source, concept of options (as `options_of` gives) that no choice of that source has as right, sorted."""
    judged = options.group_by("source", "concept").agg(pl.col("correct").any())
    return judged.filter(~pl.col("correct")).select("source", "concept").sort("source", "concept")


def positions(options: pl.DataFrame) -> pl.DataFrame:
    """source, task, options, position, correct: how often the right option of single choice stands where, sorted.

    Every position of every number of options has a row, be it with 0.
    """
    single = options.filter(pl.col("form") == "single")
    place = (*CELL, "options", "position")
    return single.group_by(place).agg(pl.col("correct").sum().cast(pl.Int64)).sort(place)


def chi2_of(correct: Sequence[float], expected: Sequence[float]) -> tuple[float, float]:
    """Pearson's χ² and its p with ``len(correct) - 1`` degrees of freedom; (0, 1) of fewer than two positions."""
    from scipy.special import chdtrc

    if len(correct) < 2:
        return 0.0, 1.0
    statistic = sum((c - e) ** 2 / e for c, e in zip(correct, expected, strict=True) if e > 0)
    return statistic, float(chdtrc(len(correct) - 1, statistic))


def pooled(cell: pl.DataFrame) -> tuple[list[int], list[float]]:
    """Right options by position, and expected, of the rows of `positions` of one source and task."""
    share = cell.with_columns(expected=pl.col("correct").sum().over("options") / pl.col("options"))
    summed = share.group_by("position").agg(pl.col("correct").sum(), pl.col("expected").sum()).sort("position")
    return summed["correct"].to_list(), summed["expected"].to_list()


def _letters(records: pl.DataFrame) -> list[LetterCell]:
    found = []
    for (source, task), cell in positions(options_of(records)).group_by(*CELL, maintain_order=True):
        correct, expected = pooled(cell)
        chi2, p = chi2_of(correct, expected)
        found.append(
            LetterCell(
                source=str(source),
                task=str(task),
                correct=tuple(correct),
                expected=tuple(expected),
                chi2=chi2,
                p=p if min(expected) >= 5 else None,
            )
        )
    return found


def _longest(records: pl.DataFrame) -> pl.DataFrame:
    single = options_of(records).filter(pl.col("form") == "single")
    longest = single.filter(pl.col("length") == pl.col("length").max().over("id"))
    each = longest.group_by("id", *CELL).agg(rate=pl.col("correct").mean(), chance=1 / pl.col("options").first())
    return (
        each.sort("id")
        .group_by(*CELL)
        .agg(pl.len().cast(pl.Int64).alias("questions"), pl.col("rate").mean(), pl.col("chance").mean())
        .sort(*CELL)
    )
