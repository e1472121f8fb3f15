"""Sights: what the pictures themselves tell: missing ones, copies, copies across splits, boxes outside, benchmarks."""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from medloom.flows.audit.conduct import BOX
from medloom.flows.audit.findings import Finding, graded, share
from medloom.flows.audit.pictures import Seen
from medloom.flows.audit.shortcuts import examples
from medloom.quality.benchmark_index import BenchmarkIndex
from medloom.quality.components import components
from medloom.quality.marks import MarkIndex
from medloom.quality.text_marks import MIN_QUESTION_WORDS, joined_options, ngram_digests, text_digests, within

MANY = 400  # values that are taken for pixels, not for thousandths


def pictures(items: pl.DataFrame, seen: Seen) -> list[Finding]:
    """Everything that needs the pictures."""
    named = items["pictures"].explode().drop_nulls().n_unique()
    if not named:
        return []
    gone = len(seen.missing) / named
    first = _first_rows(items)
    told = f"{len(seen.missing):,} of {named:,} are not there" + (
        f", {seen.unread:,} left unread" if seen.unread else ""
    )
    told += f", {len(seen.broken):,} can't be decoded" if seen.broken else ""
    found = [
        Finding(
            key="missing",
            title="Pictures that are not there",
            about="Names in the corpus for which no file was found. Everything else is judged without them.",
            verdict="bad" if len(seen.broken) > 0.01 * named else graded(gone + len(seen.broken), 0, named),
            figure=told,
            value=gone,
            bound=0.0,
            affected=len(seen.missing),
            known="LLaVA-Med's users opened eight threads about missing pictures.",
            advice="Name their folder with --images, or leave it: nothing here needs all of them.",
            examples=examples(
                items, [first[name] for name in [*seen.missing, *seen.broken] if name in first], seen_why(seen, first)
            ),
        )
    ]
    if len(seen.names) > 1:
        found += _copies(items, seen, first)
    found += _boxes(items, seen)
    return found


def seen_why(seen: Seen, first: dict[str, int]) -> dict[int, str]:
    """By row: what is wrong with its picture."""
    return {first[name]: f"not there: {name}" for name in seen.missing if name in first} | {
        first[name]: why for name, why in seen.broken.items() if name in first
    }


def _first_rows(items: pl.DataFrame) -> dict[str, int]:
    each = items.select("row", picture="pictures").explode("picture").drop_nulls()
    return dict(each.unique("picture", keep="first", maintain_order=True).select("picture", "row").iter_rows())


def _copies(items: pl.DataFrame, seen: Seen, first: dict[str, int]) -> list[Finding]:
    marks, of = seen.all_marks()
    row, other = MarkIndex(marks, of).find(marks)
    left, right = of[row], other
    apart = left < right
    left, right = left[apart], right[apart]
    by_bytes = pl.Series([seen.sha256[name] for name in seen.names]).rank("dense").to_numpy()
    same = by_bytes[left] == by_bytes[right]
    cluster = components(len(seen.names), left, right)
    exact = len(seen.names) - len(np.unique(by_bytes))
    near = len(seen.names) - len(np.unique(cluster)) - exact
    notes: dict[int, str] = {}
    for one, two, bytes_too in zip(left.tolist(), right.tolist(), same.tolist(), strict=True):
        if len(notes) >= 40:
            break
        a, b = seen.names[one], seen.names[two]
        if b in first:
            notes.setdefault(first[b], f"{'the bytes of' if bytes_too else 'looks like'} {a}")
    rate = (exact + near) / len(seen.names)
    found = [
        Finding(
            key="copies",
            title="Pictures that come again",
            about="The same bytes under two names; one picture resized, recompressed, padded or windowed otherwise. "
            "Neighbouring slices and frames count, and films that are much alike may.",
            verdict=graded(rate, 0.01, 0.10),
            figure=f"{exact:,} by their bytes, {near:,} by their looks, of {len(seen.names):,}",
            value=rate,
            bound=0.10,
            affected=exact + near,
            advice="Keep one of each, or keep them in one split: `near_duplicates` and the split do.",
            examples=examples(items, list(notes), notes),
        )
    ]
    splits = items.select("split", picture="pictures").explode("picture").drop_nulls().filter(pl.col("split") != "")
    if splits["split"].n_unique() > 1:
        known = pl.DataFrame({"picture": seen.names, "cluster": cluster})
        placed = splits.unique().join(known, on="picture")
        over = placed.filter(pl.col("split").n_unique().over("cluster") > 1)
        tested = placed.filter(pl.col("split") != "train")["picture"].n_unique()
        leaked = over.filter(pl.col("split") != "train")["picture"].unique().sort().to_list()
        by_cluster = {
            str(name): part["picture"].to_list() for (name,), part in over.group_by("cluster", maintain_order=True)
        }
        cluster_of = dict(zip(seen.names, map(str, cluster.tolist()), strict=True))
        told = {
            first[name]: "also as " + ", ".join(each for each in by_cluster[cluster_of[name]] if each != name)[:200]
            for name in leaked
            if name in first
        }
        rate = len(leaked) / max(1, tested)
        found.append(
            Finding(
                key="split_copies",
                title="Leaks between splits: the same picture",
                about="Pictures outside train that stand in another split as well, by bytes or by looks.",
                verdict=graded(rate, 0, 0.01),
                figure=f"{len(leaked):,} of {tested:,} pictures, {share(rate)}",
                value=rate,
                bound=0.01,
                affected=len(leaked),
                known="OmniMedVQA's modality splits: 2–33 % of test pictures are in train.",
                advice="Split by patient, and close over copies: `medloom build` fails on any crossing.",
                examples=examples(items, list(told), told),
            )
        )
    return found


def _boxes(items: pl.DataFrame, seen: Seen) -> list[Finding]:
    rows = items.filter(pl.col("answer").str.contains(BOX.pattern), pl.col("pictures").list.len() > 0)
    notes, judged = {}, 0
    for row, names, answer in rows.select("row", "pictures", "answer").iter_rows():
        size = seen.size.get(names[0])
        boxes = [tuple(map(float, match.groups())) for match in re.finditer(BOX, answer)]
        if size is None or max((max(box) for box in boxes), default=0) <= 1:
            continue
        judged += 1
        far = [box for box in boxes if max(box[0], box[2]) > size[0] + 1 or max(box[1], box[3]) > size[1] + 1]
        if far:
            notes[row] = f"{far[0]} in a picture of {size[0]} × {size[1]}"
    if not judged:
        return []
    rate = len(notes) / judged
    return [
        Finding(
            key="boxes_outside",
            title="Boxes outside their picture",
            about="Boxes in answers held against the stored picture's own pixels. Thousandths look like this too.",
            verdict=graded(rate, 0, 0.02),
            figure=f"{len(notes):,} of {judged:,} answers",
            value=rate,
            bound=0.02,
            affected=len(notes),
            known="BCCD as published: 2 of 4,888 boxes are degenerate or outside.",
            advice="State the convention; clip or drop what is outside.",
            examples=examples(items, list(notes), notes),
        )
    ]


def benchmark(items: pl.DataFrame, seen: Seen, index: BenchmarkIndex) -> Finding:
    """What the corpus shares with a benchmark: pictures by bytes and by looks, and text."""
    first = _first_rows(items)
    notes: dict[int, str] = {}
    exact = [name for name, value in seen.sha256.items() if value in index.sha256]
    marks, of = seen.all_marks()
    row, item = index.marks.find(marks)
    near = {seen.names[of[one]]: int(number) for one, number in zip(row, item, strict=True)}
    notes |= {first[name]: f"picture {number} of it, by looks" for name, number in near.items() if name in first}
    notes |= {first[name]: "the same bytes" for name in exact if name in first}
    asked = pl.Series(
        [joined_options(*pair) for pair in items.select("question", "options").iter_rows()], dtype=pl.String
    )
    values, words = text_digests(asked)
    spoken = items.select(pl.concat_str("question", "answer", separator="\n")).to_series()
    runs, of_run = ngram_digests(spoken, index.about.ngram)
    known = within(values, index.questions) & (words >= MIN_QUESTION_WORDS)
    texts = np.union1d(np.flatnonzero(known), of_run[within(runs, index.ngrams)])
    notes |= {int(one): notes.get(int(one), "its words") for one in texts}
    shown = items.select("row", picture="pictures").explode("picture").filter(pl.col("picture").is_in([*exact, *near]))
    touched = len({*shown["row"].to_list(), *texts.tolist()})
    return Finding(
        key=f"benchmark.{index.slug}",
        title=f"In the benchmark {index.about.name}",
        about="Pictures by their bytes and looks, questions of six words or more, runs of 13 words; what many items of "
        "the benchmark share doesn't count.",
        verdict=graded(touched, 0, 0),
        figure=f"{len(exact):,} pictures by bytes, {len(near):,} by looks, {len(texts):,} texts: {touched:,} items",
        value=touched / max(1, len(items)),
        bound=0.0,
        affected=touched,
        advice="Drop them before you train what is to be tested by it: the filter `decontaminate` does.",
        examples=examples(items, sorted(notes), notes),
    )
