"""Preference: pairs of a chosen and a rejected answer that are told apart without looking at the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator

from medloom.quality.filter import CellFigure, Filter, FilterParams, Judgement, Look
from medloom.quality.text_only import answers_of, folded, held_out
from medloom.quality.verdicts import drop_where, first_of, none_dropped
from medloom.quality.wording import GIVES_AWAY
from medloom.schemas.identity import seed

CELL = ("source", "task", "template")
SIDES = ("chosen", "rejected")
EDGES = ("opening", "ending")
EDGE_WORDS = 2


class PreferenceParams(FilterParams):
    """`shortest`, `longest`: bounds of the length of the chosen text in lengths of the rejected one, in characters and
    in words. `forbidden`: phrases that no side may say, besides the built-in ones. `allowed`: what of those may be said
    all the same. `seen`: how often one side must have opened or ended so, and the other never, before it is a tell; 0
    asks nothing. `margin`: in how much more than half of a cell's pairs one side may be the longer one. `least`: pairs
    of a cell below which its lengths are let be.
    """

    shortest: float = Field(default=0.5, gt=0, le=1)
    longest: float = Field(default=2.0, ge=1)
    forbidden: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    seen: int = Field(default=20, ge=0)
    margin: float = Field(default=0.10, ge=0, lt=0.5)
    least: int = Field(default=50, ge=2)

    @model_validator(mode="after")
    def _phrases_say_something(self) -> PreferenceParams:
        if not all(phrase.strip() for phrase in (*self.forbidden, *self.allowed)):
            raise ValueError("forbidden and allowed are phrases: an empty one would stand in every text")
        return self


class Preference(Filter):
    """Drops preferences that give themselves away: whoever learns from them learns the tell.

    In this order: ``same_text`` (alike but for case, marks and spaces) and ``same_picture``; ``meta_words``: either
    side speaks of being an answer; ``length_ratio``; ``one_sided_wording``: it opens or ends as, among other patients
    (else samples), one side of the cell (source, task, template) often does and the other never; ``length_bias``: one
    side is the longer one in too many pairs of a cell, which are thinned out where it is so by most. The same text over
    another picture is asked for its picture alone. The score is the belief that a bag of words, out of fold by patient,
    has in the chosen text.
    """

    name: ClassVar[str] = "preference"
    scope: ClassVar[Literal["unit", "corpus"]] = "corpus"
    score_of: ClassVar[str] = "belief in the chosen text from its words alone"
    record_columns: ClassVar[tuple[str, ...]] = (
        "id", "config", "source", "sample", "patient", "task", "template", "views", "turns", "rejected",
    )  # fmt: skip
    Params: ClassVar[type[FilterParams]] = PreferenceParams
    params: PreferenceParams

    def drops(self, records: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
        return self.judge(records, views).drops

    def judge(self, records: pl.DataFrame, views: pl.DataFrame) -> Judgement:
        pairs = pairs_of(records)
        if pairs.is_empty():
            return Judgement(none_dropped())
        gone = [self._alone(pairs)]
        left = _without(pairs, gone[0])
        checks: tuple[Callable[[pl.DataFrame], pl.DataFrame], ...] = (self._one_sided, self._biased)
        for check in checks:
            # what goes may leave one side without the few that opened as the other does
            while not (found := check(left)).is_empty():
                gone.append(found)
                left = _without(left, found)
        before = _believed(pairs)
        scores = before.select(record="id", score="score").sort("record")
        return Judgement(first_of(gone), scores, tuple(_figures(before, _believed(left))))

    def looks(self, record: str, records: pl.DataFrame, views: pl.DataFrame) -> list[Look]:
        pairs = pairs_of(records)
        own = pairs.filter(pl.col("id") == record)
        if own.is_empty() or own["rejected"][0] is None:
            return []
        row = own.row(0, named=True)
        bound = f"{self.params.shortest:g} to {self.params.longest:g}"
        found = [
            Look(what=f"chosen to rejected, {unit}", value=f"{row[f'ratio_{unit}']:.2f}", bound=bound,
                 passed=self.params.shortest <= row[f"ratio_{unit}"] <= self.params.longest,
                 change="shortest or longest")
            for unit in ("characters", "words")
        ]  # fmt: skip
        said = own.select(self._meta(side).alias(side) for side in SIDES).row(0)
        told = ", ".join(f"{side}: {word}" for side, word in zip(SIDES, said, strict=True) if word)
        found.append(Look(what="words about the answer", value=told or "none", bound="none", passed=not told,
                          change="allowed"))  # fmt: skip
        tell = self._one_sided(pairs).filter(pl.col("record") == record)["detail"].to_list() if self.params.seen else []
        found.append(Look(what="wording of one side alone", value=tell[0] if tell else "none", bound="none",
                          passed=not tell, change="seen"))  # fmt: skip
        share = _lengths(pairs).filter(pl.col("id") == record)
        for cell in share.iter_rows(named=True):
            fair = cell["pairs"] < self.params.least or cell["share"] <= 0.5 + self.params.margin
            found.append(
                Look(what=f"pairs of its cell ({cell['pairs']}) whose {cell['longer']} text is the longer one",
                     value=f"{cell['share']:.3f}", bound=f"≤ {0.5 + self.params.margin:.3f}", passed=fair,
                     change="margin, or texts of one length")
            )  # fmt: skip
        return found

    def _alone(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """What a pair says of itself."""
        meta = pl.coalesce(
            *(pl.format("{}: {}", pl.lit(side), self._meta(side)) for side in SIDES),
        )
        outside = [~pl.col(f"ratio_{unit}").is_between(self.params.shortest, self.params.longest)
                   for unit in ("characters", "words")]  # fmt: skip
        ratio = pl.format(
            "chosen to rejected: {} in characters, {} in words",
            pl.col("ratio_characters").round(2),
            pl.col("ratio_words").round(2),
        )
        return first_of(
            [
                drop_where(pairs, _plain("chosen") == _plain("rejected"), "same_text"),
                drop_where(pairs, pl.col("same_picture"), "same_picture"),
                drop_where(pairs, meta.is_not_null(), "meta_words", meta),
                drop_where(pairs, pl.any_horizontal(outside), "length_ratio", ratio),
            ]
        )

    def _meta(self, side: str) -> pl.Expr:
        """The first phrase of a side that speaks of the answer; null where none does."""
        bare = pl.col(side)
        for phrase in self.params.allowed:
            bare = bare.str.replace_all(f"(?i){_escaped(phrase)}", " ")
        own = [rf"(?i){_escaped(phrase)}" for phrase in self.params.forbidden]
        return pl.coalesce(*(bare.str.extract(f"({pattern})") for pattern in (GIVES_AWAY, *own)))

    def _one_sided(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Pairs whose own opening or ending is, in the other folds, that of their side alone."""
        pairs = pairs.filter(pl.col("rejected").is_not_null())
        if not self.params.seen or pairs.is_empty():
            return none_dropped()
        rows = pl.concat(
            pairs.select("id", *CELL, "fold", edge=pl.lit(edge), words=_edge(side, edge), other=_edge(other, edge),
                         correct=pl.lit(side == "chosen"))
            for edge in EDGES
            for side, other in (SIDES, SIDES[::-1])
        ).filter(pl.col("words") != "")  # fmt: skip
        shown, right = held_out(rows, [*CELL, "edge", "words"])
        told = rows.with_columns(shown=shown, right=right).filter(
            pl.col("words") != pl.col("other"),
            pl.col("shown") >= self.params.seen,
            pl.when("correct").then(pl.col("right") == pl.col("shown")).otherwise(pl.col("right") == 0),
        )
        side = pl.when("correct").then(pl.lit("chosen")).otherwise(pl.lit("rejected"))
        detail = pl.format("{} '{}': {} times {}, else never", "edge", "words", pl.col("shown").cast(pl.Int64), side)
        return first_of([drop_where(told, pl.lit(True), "one_sided_wording", detail)])

    def _biased(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """The most lopsided pairs of cells that are told apart by length, as many as are too many."""
        bound = 0.5 + self.params.margin
        cells = _lengths(pairs).filter(pl.col("pairs") >= self.params.least, pl.col("share") > bound + 1e-9)
        # of n pairs k go, all of the longer side: (share · n - k) / (n - k) = bound
        quota = ((pl.col("share") - bound) * pl.col("pairs") / (1 - bound) - 1e-9).ceil()
        drawn = cells.filter("is_longer").with_columns(
            draw=pl.struct("id").map_batches(_draws, return_dtype=pl.UInt64),
        )
        order = pl.struct(-pl.col("lopsided"), "draw", "id").rank("ordinal").over(CELL)
        detail = pl.format(
            "the {} text is the longer one in {} of {} pairs", "longer", pl.col("share").round(3), "pairs"
        )
        return first_of([drop_where(drawn.filter(order <= quota), pl.lit(True), "length_bias", detail)])


def pairs_of(records: pl.DataFrame) -> pl.DataFrame:
    """The preferences of `records` (the filter's columns), sorted by id.

    id, source, task, template, fold, chosen, rejected (stripped; null where only the picture differs), same_picture,
    ratio_characters, ratio_words (chosen to rejected).
    """
    if not isinstance(records.schema["rejected"], pl.Struct):
        return pl.DataFrame()
    side, turns = pl.col("rejected").struct, pl.col("turns")
    known = folded(records.filter(pl.col("config") == "preference", pl.col("rejected").is_not_null()).sort("id"))
    pairs = known.select(
        "id", *CELL, "fold",
        chosen=turns.list.last().struct.field("text").str.strip_chars(),
        rejected=side.field("text").str.strip_chars(),
        same_picture=side.field("text").is_null() & pl.col("views").list.contains(side.field("view")),
    )  # fmt: skip
    chosen, rejected = pl.col("chosen").str, pl.col("rejected").str
    return pairs.with_columns(
        ratio_characters=chosen.len_chars() / rejected.len_chars().clip(lower_bound=1),
        ratio_words=chosen.count_matches(r"\S+") / rejected.count_matches(r"\S+").clip(lower_bound=1),
    )


def _plain(side: str) -> pl.Expr:
    """Lower case, letters, digits and what changes a number, single spaces."""
    text = pl.col(side).str.normalize("NFKC").str.to_lowercase().str.replace_all("−", "-", literal=True)
    text = text.str.replace_all(r"-(\D|$)", " $1").str.replace_all(r"[^\p{L}\p{M}\p{N}<>≤≥=+%-]+", " ")
    return text.str.strip_chars()


def _edge(side: str, edge: str) -> pl.Expr:
    words = _plain(side).str.split(" ").list
    return (words.head(EDGE_WORDS) if edge == "opening" else words.tail(EDGE_WORDS)).list.join(" ")


def _escaped(phrase: str) -> str:
    return str(pl.Series([phrase.strip()]).str.escape_regex()[0])


def _without(pairs: pl.DataFrame, drops: pl.DataFrame) -> pl.DataFrame:
    return pairs.join(drops, left_on="id", right_on="record", how="anti", maintain_order="left")


def _lengths(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs of two texts with `longer` (the side that is so in most pairs of the cell, by characters), `share` (of the
    cell's pairs; a tie is half a pair), `pairs`, `is_longer` here, and `lopsided`, by how much (a ratio)."""
    ratio = pl.col("ratio_characters")
    ahead = ((ratio > 1).cast(pl.Float64) + (ratio == 1).cast(pl.Float64) / 2).mean().over(CELL)
    chosen = ahead >= 0.5
    lopsided = pl.when(chosen).then(ratio).otherwise(1 / ratio.clip(lower_bound=1e-9))
    known = pairs.filter(ratio.is_not_null())
    return known.with_columns(
        longer=pl.when(chosen).then(pl.lit("chosen")).otherwise(pl.lit("rejected")),
        share=pl.max_horizontal(ahead, 1 - ahead),
        pairs=pl.len().over(CELL).cast(pl.Int64),
        is_longer=lopsided > 1,
        lopsided=lopsided,
    )


def _draws(rows: pl.Series) -> pl.Series:
    return pl.Series([seed("preference", row["id"]) for row in rows], dtype=pl.UInt64)


def _believed(pairs: pl.DataFrame) -> pl.DataFrame:
    """`answers_of` the bag of words, asked which of the two texts is the chosen one."""
    known = pairs.filter(pl.col("rejected").is_not_null())
    each = pl.concat(
        known.select("id", "source", "task", "fold", question=pl.lit(""), option=pl.col(side).str.to_lowercase(),
                     correct=pl.lit(side == "chosen"), options=pl.lit(2, pl.UInt32))
        for side in SIDES
    ).sort("id", "option")  # fmt: skip
    return answers_of(each).filter(pl.col("model") == "bag of words")


def _figures(before: pl.DataFrame, after: pl.DataFrame) -> list[CellFigure]:
    cell = ["source", "task"]
    later = after.group_by(cell).agg(after=pl.col("right").mean(), left=pl.len())
    first = before.group_by(cell).agg(before=pl.col("right").mean(), asked=pl.len())
    joined = first.join(later, on=cell, how="left").sort(cell)
    return [
        CellFigure(**{**row, "left": row["left"] or 0}, chance=0.5, what="bag of words, chosen or rejected")
        for row in joined.iter_rows(named=True)
    ]
