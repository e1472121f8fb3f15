"""Balance: drops until yes and no, letters, distractors and classes give no answer away."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from medloom.quality.balance import (
    BALANCE_COLUMNS,
    CELL,
    chi2_of,
    closed_of,
    never_right,
    options_of,
    pooled,
    positions,
)
from medloom.quality.filter import Filter, FilterParams
from medloom.quality.verdicts import drop_where, first_of
from medloom.schemas.identity import seed

STEPS = 64  # caps that are tried between the rarest and the commonest letter
ENOUGH = 5  # right answers expected at each letter, without which the test says nothing (Cochran)


class BalanceParams(FilterParams):
    """`ratio`: of yes and no to one concept, the commoner may outnumber the rarer so many times.

    `alpha`: a cell (source, task) whose letters are even with less than this probability is thinned out; 0 lets letters
    be. `distractors`: drop choices with an option that is never right. `max_share`: largest share that one concept may
    have of the records of a source and task, as far as the number of concepts allows. `keep_one_sided`: keep closed
    questions about a concept that are all answered alike.
    """

    ratio: float = Field(default=1.0, ge=1)
    keep_one_sided: bool = False
    alpha: float = Field(default=0.01, ge=0, lt=1)
    distractors: bool = True
    max_share: float | None = Field(default=None, gt=0, le=1)


class Balance(Filter):
    """Drops records so that the rest can't be answered well without the picture. Who goes is drawn from record ids.

    In this order: ``class_share``; ``one_sided`` and ``yes_no`` (closed questions by source, task and concept); then,
    until neither finds anything more, ``distractor_never_right`` (by source) and ``letter_position`` (by source and
    task). What remains to be seen stands in `medloom.quality.balance.balance_figures`.
    """

    name: ClassVar[str] = "balance"
    scope: ClassVar[Literal["unit", "corpus"]] = "corpus"
    record_columns: ClassVar[tuple[str, ...]] = BALANCE_COLUMNS
    Params: ClassVar[type[FilterParams]] = BalanceParams
    params: BalanceParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        found: list[pl.DataFrame] = []
        records = records.sort("id")
        if self.params.max_share is not None:
            found.append(_over_share(records, self.params.max_share))
            records = records.join(found[-1], left_on="id", right_on="record", how="anti")
        found.extend(self._closed(records))
        choices = options_of(records)
        while not choices.is_empty():
            before = choices["id"].n_unique()
            for dropped in (self._distractors(choices), self._letters(choices)):
                found.append(dropped)
                choices = choices.join(dropped, left_on="id", right_on="record", how="anti")
            if choices["id"].n_unique() == before:
                break
        return first_of(found)

    def _closed(self, records: pl.DataFrame) -> list[pl.DataFrame]:
        cell = [*CELL, "concept"]
        closed = closed_of(records).with_columns(
            rarer=pl.min_horizontal(pl.col("yes").sum().over(cell), (~pl.col("yes")).sum().over(cell))
        )
        alone = pl.col("rarer") == 0
        told = pl.format("{}: all {}", "concept", pl.when("yes").then(pl.lit("yes")).otherwise(pl.lit("no")))
        quota = (pl.col("rarer") * self.params.ratio + 1e-9).floor().cast(pl.Int64)
        extra = _beyond(closed.filter(~alone).with_columns(quota=quota), [*cell, "yes"])
        one_sided = closed.clear() if self.params.keep_one_sided else closed
        return [
            drop_where(one_sided, alone, "one_sided", told),
            drop_where(extra, pl.lit(True), "yes_no", pl.format("{}: {} of the rarer answer", "concept", "rarer")),
        ]

    def _distractors(self, choices: pl.DataFrame) -> pl.DataFrame:
        gone: list[pl.DataFrame] = []
        while self.params.distractors:
            idle = choices.join(never_right(choices), on=["source", "concept"], how="semi")
            if idle.is_empty():
                break
            gone.append(drop_where(idle, pl.lit(True), "distractor_never_right", pl.col("concept")))
            choices = choices.join(idle, on="id", how="anti")
        return first_of(gone)

    def _letters(self, choices: pl.DataFrame) -> pl.DataFrame:
        quotas = [
            quota
            for _, cell in positions(choices).group_by(CELL, maintain_order=True)
            if (quota := _letter_quotas(cell, self.params.alpha)) is not None
        ]
        if not quotas:
            return first_of([])
        key = [*CELL, "options", "position"]
        right = choices.filter(pl.col("form") == "single", pl.col("correct"))
        extra = _beyond(right.join(pl.concat(quotas), on=key), key)
        return drop_where(extra, pl.lit(True), "letter_position", pl.format("position {}", pl.col("position") + 1))


def _letter_quotas(cell: pl.DataFrame, alpha: float) -> pl.DataFrame | None:
    """The rows of `positions` of one source and task with the largest caps under which letters are even (`quota`).

    None where they are already, or are too few to tell. For each number of options the cap lies between the counts
    of its rarest and its commonest letter, all in the same proportion.
    """
    correct, expected = pooled(cell)
    if min(expected) < ENOUGH or chi2_of(correct, expected)[1] >= alpha:
        return None
    count, group = pl.col("correct"), "options"
    low, high = count.min().over(group), count.max().over(group)
    for step in range(STEPS - 1, -1, -1):
        capped = cell.with_columns(quota=low + ((high - low) * step) // STEPS)
        left = capped.with_columns(correct=pl.min_horizontal("correct", "quota"))
        if chi2_of(*pooled(left))[1] >= alpha:
            break
    return capped.drop("correct")


def _over_share(records: pl.DataFrame, share: float) -> pl.DataFrame:
    """Drops beyond the largest cap c per concept with c ≤ share · Σ min(count, c), in each source and task."""
    concept = pl.col("concepts").list.first()
    rows = records.select("id", *CELL, concept=concept).filter(pl.col("concept").is_not_null())
    sizes = rows.group_by(*CELL, "concept").len("count").sort(*CELL, "concept")
    quotas = [
        cell.with_columns(quota=pl.lit(_share_cap(cell["count"].to_list(), share), pl.Int64))
        for _, cell in sizes.group_by(CELL, maintain_order=True)
    ]
    if not quotas:
        return first_of([])
    key = [*CELL, "concept"]
    extra = _beyond(rows.join(pl.concat(quotas), on=key), key)
    return drop_where(extra, pl.lit(True), "class_share", pl.col("concept"))


def _share_cap(counts: list[int], share: float) -> int:
    """The largest cap that keeps to the share; that of the rarest where no cap does."""
    low, high = min(counts), max(counts)
    while low < high:  # Σ min(count, cap) is concave in the cap, so that caps above the first that fails all fail
        middle = (low + high + 1) // 2
        if middle <= share * sum(min(count, middle) for count in counts) + 1e-9:
            low = middle
        else:
            high = middle - 1
    return low


def _beyond(rows: pl.DataFrame, group: list[str]) -> pl.DataFrame:
    """The rows of each group beyond its `quota`, in the order of a draw from the records' ids."""
    over = rows.filter(pl.len().over(group) > pl.col("quota"))
    drawn = over.with_columns(draw=pl.Series([seed("balance", name) for name in over["id"]], dtype=pl.UInt64))
    return drawn.filter(pl.struct("draw", "id").rank("ordinal").over(group) > pl.col("quota"))
