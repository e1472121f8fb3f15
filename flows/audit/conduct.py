"""Conduct: what is wrong in texts, marks of pictures, boxes, splits and terms, without opening a picture."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import polars as pl

from medloom.converters.text.revealing import REVEALS_SOURCE
from medloom.flows.audit.findings import Finding, graded, share
from medloom.flows.audit.shortcuts import examples
from medloom.quality.text_marks import normalised
from medloom.quality.wording import FORBIDDEN

BOX = re.compile(r"\[\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*\]")
READ_FOR_NAMES = 4000
IDENTIFIERS = ("NAME", "DATE", "ID", "PHONE", "EMAIL", "HOSPITAL")
_COMMON = {"image", "images", "picture", "train", "test", "normal", "other", "none", "true", "false", "left", "right"}


def texts(items: pl.DataFrame) -> list[Finding]:
    """Residue, mojibake and HTML; words that reveal a source; identifiers."""
    said = pl.concat_str("question", "answer", pl.col("rejected").fill_null(""), separator="\n")
    frame = items.select("row", "answer", said=said)
    found = []
    counts, rows = [], []
    for reason in ("mojibake", "non_printing", "html", "template_residue"):
        hit = frame.filter(pl.col("said").str.contains(FORBIDDEN[reason]))
        if len(hit):
            counts.append((reason.replace("_", " "), f"{len(hit):,}"))
            rows += hit["row"].head(3).to_list()
    broken = frame.filter(
        pl.any_horizontal(
            pl.col("said").str.contains(FORBIDDEN[r]) for r in ("mojibake", "non_printing", "html", "template_residue")
        )
    )
    rate = len(broken) / max(1, len(items))
    found.append(
        Finding(
            key="residue",
            title="Residue in texts",
            about="Broken encodings, HTML, unfilled slots, characters nobody can see.",
            verdict=graded(rate, 0, 0.005),
            figure=f"{len(broken):,} of {len(items):,} items",
            value=rate,
            bound=0.005,
            affected=len(broken),
            advice="Repair the texts at their source; `text` drops them in a build.",
            cells=tuple(counts),
            examples=examples(items, rows),
        )
    )
    told = frame.filter(pl.col("answer").str.contains(REVEALS_SOURCE))
    rate = len(told) / max(1, len(items))
    found.append(
        Finding(
            key="reveals_source",
            title="Answers that speak of their source",
            about="“The report says”, “based on the annotation”: nobody who sees the picture alone could say so.",
            verdict=graded(rate, 0.0, 0.01),
            figure=f"{len(told):,} of {len(items):,} answers",
            value=rate,
            bound=0.01,
            affected=len(told),
            advice="Drop or rewrite them.",
            examples=examples(items, told["row"].to_list()),
        )
    )
    found.append(_names(items, frame))
    return found


def _names(items: pl.DataFrame, frame: pl.DataFrame) -> Finding:
    from medloom.converters.identity.scrub import scrub

    distinct = frame.unique("said", keep="first", maintain_order=True).head(READ_FOR_NAMES)
    notes: dict[int, str] = {}
    kinds: dict[str, int] = {}
    for row, said in distinct.select("row", "said").iter_rows():
        hits = [kind for kind in scrub(said[:4000]).kinds if kind in IDENTIFIERS]
        if hits:
            notes[row] = ", ".join(sorted(set(hits))).lower()
            for kind in set(hits):
                kinds[kind] = kinds.get(kind, 0) + 1
    rate = len(notes) / max(1, len(distinct))
    return Finding(
        key="identifiers",
        title="Names, dates and numbers of people",
        about="Rules and lists look for names, dates, ids, addresses and hospitals "
        f"in {len(distinct):,} distinct texts. They err on the careful side.",
        verdict=graded(rate, 0.0, 0.01),
        figure=f"{len(notes):,} of {len(distinct):,} texts",
        value=rate,
        bound=0.01,
        affected=len(notes),
        advice="Read the examples; if they are real, take the set down and scrub it.",
        cells=tuple((kind.lower(), f"{count:,}") for kind, count in sorted(kinds.items())),
        examples=examples(items, list(notes), notes),
    )


def marks(items: pl.DataFrame) -> list[Finding]:
    """Marks of pictures against pictures, and boxes that are none."""
    found = []
    tagged = items.filter(pl.col("tags").is_not_null())
    if len(tagged):
        wrong = tagged.unique("entry", keep="last", maintain_order=True).filter(
            pl.col("tags") != pl.col("pictures").list.len()
        )
        rate = len(wrong) / len(tagged)
        found.append(
            Finding(
                key="tags",
                title="`<image>` once for each picture",
                about="Marks in the user's turns against pictures of the row.",
                verdict=graded(rate, 0, 0.001),
                figure=f"{len(wrong):,} rows differ",
                value=rate,
                bound=0.001,
                affected=len(wrong),
                advice="A trainer would fail or drop the picture: put one mark for each.",
                examples=examples(items, wrong["row"].to_list()),
            )
        )
    boxed = items.filter(pl.col("answer").str.contains(BOX.pattern))
    if len(boxed):
        notes = {row: why for row, answer in boxed.select("row", "answer").iter_rows() if (why := _wrong_box(answer))}
        found.append(
            Finding(
                key="boxes",
                title="Boxes that are none",
                about="Boxes in answers with no area, turned round or below zero.",
                verdict=graded(len(notes), 0, len(boxed) * 0.001),
                figure=f"{len(notes):,} of {len(boxed):,} answers with boxes",
                value=len(notes) / len(boxed),
                bound=0.001,
                affected=len(notes),
                known="VLSM writes [w, h, 0, 0] for pictures without a finding; K2Sight four zeros.",
                advice="Write an empty list where there is nothing; recompute boxes from masks.",
                examples=examples(items, list(notes), notes),
            )
        )
    return found


def _wrong_box(answer: str) -> str:
    for match in BOX.finditer(answer):
        x0, y0, x1, y1 = map(float, match.groups())
        if x1 <= x0 or y1 <= y0:
            return f"no area: {match.group()}"
        if min(x0, y0) < 0:
            return f"below zero: {match.group()}"
    return ""


def label_in_path(items: pl.DataFrame) -> list[Finding]:
    """Answers that stand in the path of their picture."""
    rows = items.filter(
        pl.col("pictures").list.len() > 0,
        pl.col("answer").str.len_chars().is_between(4, 60),
        pl.col("chosen").is_null(),
    )
    if rows.is_empty():
        return []
    notes = {}
    for row, pictures, answer in rows.select("row", "pictures", "answer").iter_rows():
        said = normalised(answer)
        path = normalised(str(PurePosixPath(pictures[0]).with_suffix("")).replace("_", " "))
        if said and said not in _COMMON and f" {said} " in f" {path} ":
            notes[row] = pictures[0]
    rate = len(notes) / len(rows)
    return [
        Finding(
            key="label_in_path",
            title="The answer stands in the file's path",
            about="Whoever keeps paths or metadata beside pictures hands out the answer.",
            verdict=graded(rate, 0.01, 0.05),
            figure=f"{len(notes):,} of {len(rows):,} items",
            value=rate,
            bound=0.05,
            affected=len(notes),
            known="OmniMedVQA as Med-R1 splits it: folders like adenocarcinoma_left.lower.lobe_T2_N0_M0_Ib.",
            advice="Name files by a digest of their content.",
            examples=examples(items, list(notes), notes),
        )
    ]


def repeats(items: pl.DataFrame) -> list[Finding]:
    """Items that come twice, and the same question about one picture with another answer."""
    rows = items.filter(pl.col("pictures").list.len() > 0, pl.col("question") != "")
    if rows.is_empty():
        return []
    asked = rows.with_columns(
        first=pl.col("pictures").list.join("\0"),
        q=pl.col("question").str.to_lowercase(),
        a=pl.col("answer").str.to_lowercase(),
    )
    again = asked.filter(pl.struct("first", "q", "a").is_duplicated())
    extra = len(again) - again.select("first", "q", "a").n_unique()
    torn = asked.filter(pl.col("a").n_unique().over("first", "q") > 1, pl.col("chosen").is_null()).sort("first", "q")
    rate, torn_rate = extra / len(rows), len(torn) / len(rows)
    return [
        Finding(
            key="repeated",
            title="Items that come again",
            about="Same picture, same question, same answer.",
            verdict=graded(rate, 0.001, 0.02),
            figure=f"{extra:,} of {len(rows):,}",
            value=rate,
            bound=0.02,
            affected=extra,
            advice="Keep one.",
            examples=examples(items, again["row"].to_list()),
        ),
        Finding(
            key="contradictions",
            title="One question, several answers",
            about="Same picture and question, different answers: lists that were cut up, or mistakes.",
            verdict=graded(torn_rate, 0.002, 0.02),
            figure=f"{len(torn):,} of {len(rows):,}",
            value=torn_rate,
            bound=0.02,
            affected=len(torn),
            advice="Join what belongs together; drop what contradicts.",
            examples=examples(items, torn["row"].to_list()),
        ),
    ]


def splits(items: pl.DataFrame) -> list[Finding]:
    """What stands in two splits, by name and by question."""
    named = [name for name in items["split"].unique().to_list() if name]
    if len(named) < 2:
        one = named[0] if named else "none named"
        return [
            Finding(
                key="split_leak",
                title="Leaks between splits",
                about="Pictures that stand in more than one split.",
                verdict="skipped",
                figure=f"one split only ({one}): give the folder that holds all of them",
            )
        ]
    each = (
        items.select("row", "split", picture="pictures").explode("picture").drop_nulls().filter(pl.col("picture") != "")
    )
    held = (
        each.group_by("picture")
        .agg(pl.col("split").unique().sort(), pl.col("row").first())
        .filter(pl.col("split").list.len() > 1)
        .sort("picture")
    )
    tests = each.filter(pl.col("split") != "train")["picture"].n_unique()
    rate = len(held) / max(1, tests)
    notes = {row: " and ".join(split) for row, split in held.select("row", "split").iter_rows()}
    return [
        Finding(
            key="split_leak",
            title="Leaks between splits: the same file",
            about="Pictures, by path, that stand in more than one split.",
            verdict=graded(rate, 0, 0),
            figure=f"{len(held):,} pictures, {share(rate)} of those outside train",
            value=rate,
            bound=0,
            affected=len(held),
            known="OmniMedVQA's modality splits: 2–33 % of test pictures are in train.",
            advice="Split by patient, then close over pictures (`medloom build` does).",
            examples=examples(items, list(notes), notes),
        )
    ]


def terms(items: pl.DataFrame, beside: list[str]) -> list[Finding]:
    """Whether anybody says under which licence this is."""
    stated = items.filter(pl.col("licence") != "")
    if len(stated):
        rate = 1 - len(stated) / len(items)
        named = ", ".join(stated["licence"].unique().sort().head(6).to_list())
        return [
            Finding(
                key="licence",
                title="Licence",
                about="Each item's own statement.",
                verdict=graded(rate, 0, 0.5),
                figure=f"stated for {share(1 - rate)}: {named}",
                value=rate,
                bound=0.5,
                affected=len(items) - len(stated),
            )
        ]
    return [
        Finding(
            key="licence",
            title="Licence",
            about="A field of the rows, or a LICENSE, README or NOTICE beside the file.",
            verdict="look",
            figure="no row says; beside it: " + (", ".join(beside) or "nothing"),
            advice="Publish each item's source and licence: the strictest one holds for the whole.",
        )
    ]
