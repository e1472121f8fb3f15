"""Text-only answering: how well questions are answered by who never sees the picture, measured out of fold.

Two models, both of counts alone. The *option prior* (as measured on OmniMedVQA's published splits) knows of each option
text how often it was right where it was shown, (right + ¼) / (shown + 1), and takes the likeliest. The *bag of words*
adds log-odds of the words of question and option, and of the option under this very question. Yes-or-no questions are
taken as a choice of two. What a question's own patient (else sample) says is never in the counts that answer it.
"""

from __future__ import annotations

import polars as pl

from medloom.schemas.identity import seed

FOLDS = 5
COLUMNS = ("id", "source", "sample", "patient", "task", "form", "polarity", "turns", "options")
MODELS = ("option prior", "bag of words")
_TAG = r"<(?:image|volume|video)>"


def asked_of(records: pl.DataFrame) -> pl.DataFrame:
    """One row for each option of each single choice, and for yes and no of each closed question.

    id, source, task, fold, question (words of the first turn, without options and tags), option, correct, options (how
    many). `records` has COLUMNS.
    """
    known = folded(records.filter(pl.col("form").is_in(["single", "closed"])))
    said = pl.col("turns").list.first().struct.field("text").fill_null("").str.replace_all(_TAG, " ")
    keep = ("id", "source", "task", "fold")
    single = (
        known.filter(pl.col("form") == "single", pl.col("options").list.len() > 1)
        .select(*keep, said=said, option="options")
        .explode("option", empty_as_null=False)
        .unnest("option")
        .select(*keep, "said", option=pl.col("text").str.strip_chars().str.to_lowercase(), correct="correct")
    )
    single = single.with_columns(question=_stem("said")).drop("said")
    closed = known.filter(pl.col("form") == "closed", pl.col("polarity").is_in(["present", "absent"])).select(
        *keep, correct=pl.col("polarity") == "present", question=said.str.strip_chars().str.to_lowercase()
    )
    answers = [
        closed.select(*keep, option=pl.lit(name), correct=pl.col("correct") == truth, question="question")
        for name, truth in (("yes", True), ("no", False))
    ]
    each = pl.concat([single.select(answers[0].columns), *answers])
    return each.with_columns(options=pl.len().over("id")).sort("id", "option")


def folded(records: pl.DataFrame) -> pl.DataFrame:
    """`records` (with source, sample, patient) with `fold`: what is of one patient, else of one sample, is in one."""
    group = pl.concat_str("source", pl.coalesce("patient", "sample"), separator="\0")
    known = records.with_columns(group=group)
    groups = known.select("group").unique().sort("group")
    folds = groups.with_columns(
        fold=pl.Series([seed("fold", name) % FOLDS for name in groups["group"]], dtype=pl.UInt64)
    )
    return known.join(folds, on="group", how="left", maintain_order="left", nulls_equal=True)


def _stem(text: str) -> pl.Expr:
    """The lines of a question that list no option ("A. liver")."""
    lines = pl.col(text).str.to_lowercase().str.split("\n").list.eval(pl.element().str.strip_chars())
    listed = pl.element().str.contains(r"^\(?[a-z0-9][.):]")
    return lines.list.eval(pl.element().filter((pl.element() != "") & ~listed)).list.join(" ")


def answers_of(asked: pl.DataFrame) -> pl.DataFrame:
    """id, source, task, model, options, right (expected share of right answers, ties shared), score.

    `asked` is that of `asked_of`; a row for each question and model. `score` is the share of belief that falls on the
    right option, 0 to 1.
    """
    found = []
    for model, belief in zip(MODELS, (_prior(asked), _words(asked)), strict=True):
        rows = asked.select("id", "source", "task", "options", "correct").with_columns(belief=belief)
        best = (pl.col("belief") >= pl.col("belief").max().over("id") - 1e-12).cast(pl.Float64)
        share = best / best.sum().over("id")
        weight = pl.col("belief") / pl.col("belief").sum().over("id")
        each = rows.with_columns(right=share * pl.col("correct"), score=weight * pl.col("correct"))
        found.append(
            each.group_by("id", "source", "task", "options", maintain_order=True)
            .agg(pl.col("right").sum(), pl.col("score").sum())
            .with_columns(model=pl.lit(model))
        )
    return pl.concat(found)


def _prior(asked: pl.DataFrame) -> pl.Series:
    """Belief in each option by its text alone; of yes and no, by the question."""
    named = pl.when(pl.col("option").is_in(["yes", "no"]) & (pl.col("options") == 2))
    key = named.then(pl.concat_str("question", "option", separator="\0")).otherwise(pl.col("option"))
    shown, right = held_out(asked.with_columns(key=key), ["source", "key"])
    return (right + 0.25) / (shown + 1)


def _words(asked: pl.DataFrame) -> pl.Series:
    """Belief in each option by added log-odds of words: of the option, of it under this question, and of yes and no
    with each word of the question."""
    rows = asked.with_row_index("row")
    word = r"[\p{L}\p{N}]+"
    of_option = rows.select(
        "row", "source", "fold", "correct", key=pl.col("option").str.extract_all(word).list.unique()
    )
    under = rows.select("row", "source", "fold", "correct", key=pl.concat_str("question", "option", separator="\0"))
    closed = rows.filter(pl.col("option").is_in(["yes", "no"])).select(
        "row", "source", "fold", "correct",
        key=pl.col("question").str.extract_all(word).list.unique().list.eval(pl.element() + "\0"), option="option",
    )  # fmt: skip
    features = pl.concat(
        [
            of_option.explode("key", empty_as_null=False),
            under,
            closed.explode("key", empty_as_null=False).select(
                "row", "source", "fold", "correct", key=pl.concat_str("key", "option")
            ),
        ]
    ).drop_nulls("key")
    shown, right = held_out(features, ["source", "key"])
    odds = features.select(
        "row",
        weight=((right + 0.5) / (shown - right + 0.5)).log(),
    ).group_by("row").agg(pl.col("weight").sum())  # fmt: skip
    summed = rows.select("row").join(odds, on="row", how="left", maintain_order="left")["weight"].fill_null(0.0)
    return summed.clip(-30, 30).exp()


def held_out(rows: pl.DataFrame, key: list[str]) -> tuple[pl.Series, pl.Series]:
    """How often each row's key was shown, and right, in the other folds. `rows` has `key`, fold and correct."""
    whole = rows.select(
        shown=pl.len().over(key) - pl.len().over([*key, "fold"]),
        right=pl.col("correct").sum().over(key).cast(pl.Int64)
        - pl.col("correct").sum().over([*key, "fold"]).cast(pl.Int64),
    )
    return whole["shown"].cast(pl.Float64), whole["right"].cast(pl.Float64)
