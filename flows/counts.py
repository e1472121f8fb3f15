"""Counts: figures of the kept records and their pictures, from narrow columns."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

import polars as pl

from medloom.flows.corpus import gather
from medloom.flows.figures import Balance, Cell, Check, Histogram, Letter, ScoreFigure, SplitRow
from medloom.flows.histogram import histogram
from medloom.schemas.sample import Split

if TYPE_CHECKING:
    from medloom.flows.build import Build
    from medloom.flows.corpus import Decisions


def told_columns(build: Build, kept: pl.DataFrame) -> pl.DataFrame:
    """Columns of the kept records that only figures need, reduced to numbers and words at once."""
    columns = ("id", "form", "polarity", "concepts", "options", "turns", "places")
    frame = gather(build.folders, "records.arrow", columns, _told)
    return frame.join(kept.select("id"), on="id", how="semi").sort("id")


def _told(frame: pl.DataFrame) -> pl.DataFrame:
    key, correct, turns = pl.element().struct.field("key"), pl.element().struct.field("correct"), pl.col("turns").list
    asked = turns.first().struct.field("text").str.replace_all("<(image|volume|video)>", "").str.strip_chars()
    boxed = pl.col("places").list.eval(pl.element().struct.field("box").is_not_null().sum()).list.first()
    return frame.select(
        "id",
        "form",
        "polarity",
        "concepts",
        offered=pl.col("options").list.len(),
        right=pl.col("options").list.eval(key.filter(correct)),
        prompt_chars=asked.str.len_chars(),
        answer_words=turns.last().struct.field("text").str.count_matches(r"\S+"),
        boxes=boxed.fill_null(0),
    )


def shown_views(build: Build, kept: pl.DataFrame) -> pl.DataFrame:
    """Views that a kept record shows, with their split, one row per view."""
    fate = kept.select(pl.col("views").alias("id"), "split", "licence").explode("id").unique("id").sort("id")
    columns = ("id", "source", "sample", "sha256", "width", "height", "bytes", "acquisition")
    frame = gather(build.folders, "views.arrow", columns, _modality_alone)
    return frame.join(fate, on="id", how="inner").sort("id")


def _modality_alone(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(modality=pl.col("acquisition").struct.field("modality")).drop("acquisition")


def patients(frame: pl.DataFrame) -> int:
    """Groups that are kept whole: patients, and samples of no known patient."""
    who = pl.coalesce(
        pl.concat_str("source", "patient", separator="\0"), pl.concat_str("source", "sample", separator="\1")
    )
    return int(frame.select(who.n_unique()).item())


def cells(build: Build, kept: pl.DataFrame, shown: pl.DataFrame) -> tuple[Cell, ...]:
    """Kept records by source, task, type, config, split and modality."""
    modality = shown.select("id", "modality")
    frame = kept.with_columns(first=pl.col("views").list.first()).join(
        modality, left_on="first", right_on="id", how="left"
    )
    keys = ("source", "task", "type", "config", "split", "modality")
    counted = frame.group_by(keys).len("records").sort(keys)
    return tuple(Cell(**row) for row in counted.iter_rows(named=True))


def histograms(told: pl.DataFrame, shown: pl.DataFrame) -> Iterator[Histogram]:
    """Sizes of pictures and lengths of texts."""
    made = (
        histogram(shown["width"], name="width", title="Picture width", unit="px"),
        histogram(shown["height"], name="height", title="Picture height", unit="px"),
        histogram(shown["bytes"], name="bytes", title="Picture size", unit="bytes", log=True),
        histogram(told["prompt_chars"], name="prompt", title="Prompt length", unit="characters"),
        histogram(told["answer_words"], name="answer", title="Answer length", unit="words"),
        histogram(told.filter(pl.col("boxes") > 0)["boxes"], name="boxes", title="Boxes in a record", unit="boxes"),
    )
    return (one for one in made if one is not None)


def scores(decisions: Decisions) -> Iterator[ScoreFigure]:
    """How the scores of each filter that gives some are spread over the kept records."""
    for step in decisions.steps:
        if not step.score_of:
            continue
        given = decisions.kept[f"score.{step.name}"].drop_nulls()
        spread = histogram(given, name=f"score_{step.name}", title=f"Score of {step.name}: {step.score_of}")
        if spread is not None:
            yield ScoreFigure(filter=step.name, means=step.score_of, spread=spread)


def balance(told: pl.DataFrame) -> tuple[Balance, ...]:
    """Yes and no by concept."""
    closed = told.filter((pl.col("form") == "closed") & (pl.col("concepts").list.len() > 0))
    rows = closed.group_by(pl.col("concepts").list.first().alias("concept")).agg(
        yes=(pl.col("polarity") == "present").sum(), no=(pl.col("polarity") == "absent").sum()
    )
    return tuple(Balance(**row) for row in rows.sort("concept").iter_rows(named=True))


def letters(told: pl.DataFrame) -> tuple[Letter, ...]:
    """How often each letter is right in single choice, and how often it should be."""
    single = told.filter(pl.col("form") == "single").select("offered", pl.col("right").list.first())
    correct: Counter[str] = Counter()
    expected: defaultdict[str, float] = defaultdict(float)
    for offered, letter, count in single.group_by("offered", "right").len().sort("offered", "right").iter_rows():
        correct[letter] += count
        for index in range(offered):
            expected[chr(ord("A") + index)] += count / offered
    return tuple(
        Letter(letter=letter, correct=correct[letter], expected=round(expected[letter], 6))
        for letter in sorted(expected)
    )


def splits(kept: pl.DataFrame, shown: pl.DataFrame) -> tuple[SplitRow, ...]:
    """Patients, samples, pictures and records of each split."""
    rows = []
    for split in get_args(Split):
        records = kept.filter(pl.col("split") == split)
        rows.append(
            SplitRow(
                split=split,
                patients=patients(records),
                samples=records.select("source", "sample").n_unique(),
                pictures=shown.filter(pl.col("split") == split)["sha256"].n_unique(),
                records=len(records),
            )
        )
    return tuple(rows)


def checks(kept: pl.DataFrame, shown: pl.DataFrame) -> tuple[Check, ...]:
    """What the corpus asserts, counted again from what is kept."""
    patients = kept.filter(pl.col("patient").is_not_null()).group_by("source", "patient")
    across = {
        "sample": kept.group_by("source", "sample").agg(pl.col("split").n_unique()),
        "patient": patients.agg(pl.col("split").n_unique()),
        "picture": shown.group_by("sha256").agg(pl.col("split").n_unique()),
    }
    return tuple(
        Check(name=f"no {what} is in two splits", passed=(counts["split"] <= 1).all(), detail=f"{len(counts):,} held")
        for what, counts in across.items()
    )


def concept_names(told: pl.DataFrame) -> dict[str, str]:
    """What people read for each concept that is used."""
    from medloom.synthesis.vocabulary import load_vocabulary

    vocabulary = load_vocabulary()
    used = told["concepts"].explode().drop_nulls().unique().sort().to_list()
    return {concept: vocabulary[concept].name for concept in used if concept in vocabulary}
