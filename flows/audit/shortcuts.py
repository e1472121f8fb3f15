"""Shortcuts: how far one comes without looking at a picture, and what gives answers away."""

from __future__ import annotations

import polars as pl

from medloom.flows.audit.findings import Finding, Shown, graded, share, surely
from medloom.quality.balance import chi2_of
from medloom.quality.text_only import answers_of

LEAST = 40  # questions below which nothing is said of a cell
META = (
    r"(?i)\b(?:contradict\w*|original (?:report|findings|answer)|incorrect\w*|hallucinat\w*|not (?:present|mentioned) "
    r"in the (?:image|report)|rejected|plausible)\b"
)


def options_of(items: pl.DataFrame) -> pl.DataFrame:
    """id (the row), cell, fold, option, position, correct, count, length, a row for each option of single choices."""
    rows = items.filter(pl.col("options").list.len() > 1, pl.col("right").is_not_null())
    each = rows.select(
        "row", "cell", "fold", "right", option="options", position=pl.int_ranges(pl.col("options").list.len())
    ).explode("option", "position")
    return each.select(
        "cell",
        "fold",
        "position",
        id="row",
        option=pl.col("option").str.strip_chars().str.to_lowercase(),
        length=pl.col("option").str.len_chars(),
        correct=pl.col("position") == pl.col("right"),
    ).with_columns(count=pl.len().over("id"))


def examples(items: pl.DataFrame, rows: list[int], note: str | dict[int, str] = "") -> tuple[Shown, ...]:
    """The first few of these rows, as they are shown."""
    found = []
    for row in rows[:4]:
        one = items.row(row, named=True)
        listed = "\n".join(f"{'ABCDEFGH'[n % 8]}. {text}" for n, text in enumerate(one["options"][:8]))
        text = "\n".join(
            part for part in (one["question"], listed, f"→ {one['answer']}" if one["answer"] else "") if part
        )
        told = note if isinstance(note, str) else note.get(row, "")
        picture = one["pictures"][0] if one["pictures"] else ""
        found.append(Shown(id=one["id"], row=row, text=text[:600], note=told[:300], picture=picture))
    return tuple(found)


def choices(items: pl.DataFrame) -> list[Finding]:
    """Prior, never-right distractors, letters and length of single choices."""
    options = options_of(items)
    asked = options["id"].n_unique()
    title = "Choices answered without the picture"
    if asked < LEAST:
        told = f"{asked} single choices with a known answer; {LEAST} are needed"
        return [Finding(key="option_prior", title=title, about=PRIOR, verdict="skipped", figure=told)]
    return [_prior(items, options, title), _never_right(options), _letters(options), _longest(options)]


def _prior(items: pl.DataFrame, options: pl.DataFrame, title: str) -> Finding:
    asked = options["id"].n_unique()
    answers = answers_of(_asked(items, options.select("id", "option", "correct")))
    by_model = {str(model): part for (model,), part in answers.group_by("model", maintain_order=True)}
    rates = {model: _mean(part["right"]) for model, part in by_model.items()}
    chance = _mean(1 / answers["options"])
    best = max(rates, key=lambda model: rates[model])
    cells = (
        by_model[best]
        .group_by("task")
        .agg(pl.col("right").mean(), chance=(1 / pl.col("options")).mean(), n=pl.len())
        .filter(pl.col("n") >= LEAST)
        .sort(pl.col("right") - pl.col("chance"), "task", descending=[True, False])
    )
    worst = max(
        [
            surely(rates[best], asked) - chance,
            *(surely(right, count) - even for right, even, count in cells.select("right", "chance", "n").iter_rows()),
        ]
    )
    given = by_model[best].filter(pl.col("right") == 1)["id"].to_list()
    return Finding(
        key="option_prior",
        title=title,
        about=PRIOR,
        verdict=graded(worst, 0.05, 0.10),
        figure=", ".join(f"{model} {share(rate)}" for model, rate in rates.items()) + f"; chance {share(chance)}",
        value=rates[best],
        bound=chance + 0.10,
        affected=int(asked * max(0.0, rates[best] - chance)),
        known="OmniMedVQA's published splits: 81–100 % by the option prior alone, where chance is about 25 %; MMXU "
        "49.5 % by words.",
        advice="Draw wrong options from answers that are right elsewhere, equally often, and drop what stays above "
        "chance + 10 points: the filter `shortcuts` does both.",
        examples=examples(items, given, f"answered rightly by the {best}"),
        cells=tuple(
            (row["task"] or "all", f"{share(row['right'])} of {row['n']:,}, chance {share(row['chance'])}")
            for row in cells.head(12).iter_rows(named=True)
        ),
    )


def _never_right(options: pl.DataFrame) -> Finding:
    judged = options.group_by("option").agg(pl.col("correct").any(), shown=pl.len(), id=pl.col("id").first())
    never = judged.filter(~pl.col("correct")).sort("shown", "option", descending=[True, False])
    rate = len(never) / max(1, len(judged))
    return Finding(
        key="never_right",
        title="Wrong options that are never right",
        about="Of all distinct option texts, how many are no "
        "question's answer. Who learns which those are need not look.",
        verdict=graded(rate, 0.25, 0.5),
        figure=f"{share(rate)} of {len(judged):,} option texts",
        value=rate,
        bound=0.5,
        affected=int(never["shown"].sum()),
        known="OmniMedVQA: 80–93 %.",
        advice="Take wrong options from the right answers of other questions.",
        examples=tuple(
            Shown(id="", text=row["option"][:200], note=f"shown {row['shown']} times, never right")
            for row in never.head(6).iter_rows(named=True)
        ),
    )


def _letters(options: pl.DataFrame) -> Finding:
    asked = options["id"].n_unique()
    counted = options.group_by("count", "position").agg(pl.col("correct").sum(), n=pl.len()).sort("count", "position")
    by_letter = (
        counted.with_columns(expected=pl.col("correct").sum().over("count") / pl.col("count"))
        .group_by("position")
        .agg(pl.col("correct").sum(), pl.col("expected").sum())
        .sort("position")
    )
    _, p = chi2_of(by_letter["correct"].to_list(), by_letter["expected"].to_list())
    top = (
        by_letter.with_columns(over=pl.col("correct") / pl.col("expected"))
        .sort("over", descending=True)
        .row(0, named=True)
    )
    spread = ", ".join(
        f"{'ABCDEFGH'[row['position'] % 8]} {share(row['correct'] / asked)}" for row in by_letter.iter_rows(named=True)
    )
    off = top["over"] - 1 if p < 0.001 else 0.0
    return Finding(
        key="letters",
        title="Where the right answer stands",
        about="Right answers by letter, against even odds (χ²).",
        verdict=graded(off, 0.05, 0.25),
        figure=f"{spread}; p = {p:.2g}",
        value=top["over"],
        bound=1.25,
        known="OmniMedVQA CT: A or B in 63 %; MMXU 719 to 783 of 3,000 per letter.",
        advice="Shuffle the options by a seed from each question's id.",
    )


def _longest(options: pl.DataFrame) -> Finding:
    asked = options["id"].n_unique()
    longest = (
        options.filter(pl.col("length") == pl.col("length").max().over("id"))
        .group_by("id")
        .agg(pl.col("correct").mean(), chance=1 / pl.col("count").first())
    )
    right, chance = _mean(longest["correct"]), _mean(longest["chance"])
    return Finding(
        key="longest",
        title="The longest option",
        about="How often the longest option is the right one, ties shared.",
        verdict=graded(surely(right - chance, asked), 0.05, 0.10),
        figure=f"{share(right)}, chance {share(chance)}",
        value=right,
        bound=chance + 0.1,
        known="MMXU: 29 % against 25 %.",
        advice="Match the lengths of options, or cut right answers to the words that decide.",
    )


PRIOR = (
    "The option prior counts how often each option text was right in questions about other pictures; the bag of words "
    "adds the words of question and option. Neither sees a picture. Five folds by picture."
)


def _mean(values: pl.Series) -> float:
    return float(values.cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]


def _asked(items: pl.DataFrame, options: pl.DataFrame) -> pl.DataFrame:
    """The options in the columns that `answers_of` wants."""
    question = pl.col("question").str.to_lowercase().str.strip_chars()
    known = items.select("fold", id="row", task="cell", question=question)
    joined = options.join(known, on="id", how="left", maintain_order="left")
    return joined.with_columns(source=pl.lit(""), options=pl.len().over("id"))


def closed(items: pl.DataFrame) -> list[Finding]:
    """What yes-or-no questions give away, and how they are balanced."""
    said = pl.col("answer").str.strip_chars(" .\n").str.to_lowercase()
    rows = items.filter(said.is_in(["yes", "no"]), pl.col("options").list.len() == 0, pl.col("chosen").is_null())
    if len(rows) < LEAST:
        return []
    yes = _mean(rows.select(said == "yes").to_series())
    both = pl.concat([rows.select(id="row", option=pl.lit(name), correct=said == name) for name in ("yes", "no")]).sort(
        "id", "option"
    )
    answers = answers_of(_asked(items, both))
    rates = {str(model): _mean(part["right"]) for (model,), part in answers.group_by("model", maintain_order=True)}
    best = max(rates, key=lambda model: rates[model])
    given = answers.filter(pl.col("model") == best, pl.col("right") == 1)["id"].to_list()
    usual = max(yes, 1 - yes)
    return [
        Finding(
            key="question_prior",
            title="Yes or no answered without the picture",
            about="The commonest answer to the same question about other pictures, and the words of the question. "
            "Neither sees a picture. Five folds by picture.",
            verdict=graded(surely(rates[best], len(rows)), 0.55, 0.60),
            figure=", ".join(f"{model} {share(rate)}" for model, rate in rates.items())
            + f"; always the same answer {share(usual)}",
            value=rates[best],
            bound=0.60,
            affected=int(len(rows) * max(0.0, rates[best] - 0.5)),
            known="A balanced set gives 50 %.",
            advice="Ask every question equally often with yes and with no, finding by finding.",
            examples=examples(items, given, f"answered rightly by the {best}"),
        ),
        Finding(
            key="yes_no",
            title="Yes against no",
            about="Share of yes among yes-or-no answers.",
            verdict=graded(abs(yes - 0.5), 0.1, 0.25),
            figure=f"{share(yes)} of {len(rows):,} are yes",
            value=yes,
            bound=0.75,
            advice="Balance each finding by itself: the filter `balance` does.",
        ),
    ]


def preferences(items: pl.DataFrame) -> list[Finding]:
    """What tells a chosen from a rejected answer without reading either."""
    rows = items.filter(pl.col("chosen").is_not_null())
    if rows.is_empty():
        return []
    words = rows.select(
        "row",
        chosen=pl.col("chosen").str.count_matches(r"\S+"),
        rejected=pl.col("rejected").fill_null("").str.count_matches(r"\S+"),
    )
    longer = _mean(words["rejected"] > words["chosen"]) + _mean(words["rejected"] == words["chosen"]) / 2
    guess = max(longer, 1 - longer)
    ratio = words.select(r=(pl.col("chosen") + 0.0) / pl.max_horizontal("rejected", 1))["r"]
    outside = _mean((ratio < 0.5) | (ratio > 2))
    meta = rows.filter(pl.col("rejected").fill_null("").str.contains(META))
    same = rows.filter(pl.col("chosen") == pl.col("rejected"))
    middle = words.select(pl.col("chosen").median(), pl.col("rejected").median()).row(0)
    return [
        Finding(
            key="preference_length",
            title="Preferences: told apart by length",
            about="How often the side that usually is the longer one is it.",
            verdict=graded(surely(guess, len(rows)), 0.55, 0.75),
            figure=f"{share(guess)} told by length alone; median {middle[0]:g} words chosen, {middle[1]:g} rejected",
            value=guess,
            bound=0.75,
            affected=int(len(rows) * outside),
            known="MMedPO's question sets: the rejected answer is longer in 93–94 %, median 1 against 11 words.",
            advice="Match both in length and style: a ratio between 0.5 and 2.",
            examples=tuple(
                Shown(
                    id=one["id"],
                    row=one["row"],
                    text=f"chosen: {one['chosen'][:250]}\nrejected: {(one['rejected'] or '')[:250]}",
                )
                for one in rows.head(4).iter_rows(named=True)
            ),
        ),
        Finding(
            key="preference_ratio",
            title="Preferences: length ratio",
            about="Pairs whose chosen answer is less than half or more than twice as long.",
            verdict=graded(outside, 0.1, 0.3),
            figure=f"{share(outside)} of {len(rows):,} pairs outside 0.5–2",
            value=outside,
            bound=0.3,
            affected=int(len(rows) * outside),
            advice="Rewrite the shorter side, or drop the pair.",
        ),
        Finding(
            key="preference_meta",
            title="Preferences: words that give the rejected side away",
            about="Rejected answers that speak of contradicting, of a report or of being incorrect.",
            verdict=graded(len(meta) / len(rows), 0.0, 0.02),
            figure=f"{len(meta):,} of {len(rows):,}",
            value=len(meta) / len(rows),
            bound=0.02,
            affected=len(meta),
            known="MMedPO: 20, 6, 15 and 16 rejected texts in its four sets.",
            advice="Say the wrong thing plainly, as a model would.",
            examples=tuple(
                Shown(id=one["id"], row=one["row"], text=(one["rejected"] or "")[:300])
                for one in meta.head(4).iter_rows(named=True)
            ),
        ),
        Finding(
            key="preference_same",
            title="Preferences: both sides the same",
            about="Pairs that prefer a text to itself.",
            verdict=graded(len(same), 0, 0),
            figure=f"{len(same):,}",
            value=len(same),
            bound=0,
            affected=len(same),
            advice="Drop them.",
        ),
    ]
