"""Collect: the figures of a build, from the narrow columns and the units' own reports."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from medloom.flows.corpus import gather
from medloom.flows.figures import (
    Balance,
    Cell,
    Check,
    ConfigFiles,
    CorpusFigures,
    DropExample,
    FunnelStep,
    Histogram,
    Letter,
    LicenceRow,
    QuarantineCount,
    QuarantineRow,
    RunFacts,
    Shard,
    SourceFigures,
    SplitClash,
    SplitRow,
    Version,
)
from medloom.flows.histogram import histogram
from medloom.flows.judge import read_refused
from medloom.schemas.record import CONFIGS

if TYPE_CHECKING:
    from medloom.flows.build import Build, SourceState
    from medloom.schemas.sample import Refusal

EXAMPLES_OF_A_DROP = 5
QUARANTINE_ROWS = 2000
"""Rows that the report shows; the file holds all."""


def quarantined(build: Build) -> Iterator[tuple[str, Refusal]]:
    """Every refused input with its source, in the order of the sources and of their partitions."""
    for name, state in build.sources.items():
        assert state.listing is not None
        yield from ((name, row) for row in state.listing.refused)
        for folder in state.folders:
            yield from ((name, row) for row in read_refused(folder))


def collect(build: Build) -> CorpusFigures:
    """The figures without contact sheets and without facts of this run; equal builds give equal figures."""
    assert build.decisions is not None
    decisions = build.decisions
    kept = decisions.kept
    refused = list(quarantined(build))
    catalog = build.catalog
    told = _told(build, kept)
    sources = tuple(_source(build, state) for state in build.sources.values())
    shown = _shown_views(build, kept)
    return CorpusFigures(
        corpus=catalog.corpus,
        version=catalog.version,
        title=catalog.title or catalog.corpus,
        description=catalog.description,
        release_licence=catalog.release.licence,
        release_to=catalog.release.to,
        pictures=shown["sha256"].n_unique(),
        records=len(kept),
        patients=_patients(kept),
        funnel=tuple(_funnel(build, sources)),
        sources=sources,
        cells=_cells(build, kept, shown),
        histograms=tuple(_histograms(told, shown)),
        balance=_balance(told),
        letters=_letters(told),
        licences=_licences(build, kept),
        quarantine=tuple(_quarantine_row(name, row) for name, row in refused[:QUARANTINE_ROWS]),
        quarantine_counts=_quarantine_counts(refused),
        splits=_splits(kept, shown),
        clashes=tuple(_clash(clash) for clash in decisions.split.clashes),
        checks=_checks(kept, shown),
        configs=_configs(build),
        concepts=_concept_names(told),
        deidentification=_deidentification(build),
        versions=_versions(build),
    )


def run_facts(build: Build) -> RunFacts:
    """What differs from run to run."""
    import resource
    import time

    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    reports = [report for state in build.sources.values() for report in state.reports]
    return RunFacts(
        seconds=time.monotonic() - build.started,
        workers=build.workers.count,
        peak_memory_bytes=max(usage) * 1024,
        partitions=len(reports),
        resumed=sum(report.reused for report in reports),
        stage_seconds=dict(build.seconds),
    )


def _told(build: Build, kept: pl.DataFrame) -> pl.DataFrame:
    """Columns of the kept records that only figures need, reduced to numbers and words at once."""
    columns = ("id", "form", "polarity", "concepts", "options", "turns", "places")
    frame = gather(build.folders, "records.arrow", columns).join(kept.select("id"), on="id", how="semi")
    return frame.select(
        "id",
        "form",
        "polarity",
        "concepts",
        pl.col("options").list.len().alias("offered"),
        pl.col("options").list.eval(pl.element().struct.field("key").filter(pl.element().struct.field("correct")))
        .alias("right"),
        pl.col("turns").list.first().struct.field("text").str.replace_all("<image>", "", literal=True)
        .str.strip_chars().str.len_chars().alias("prompt_chars"),
        pl.col("turns").list.last().struct.field("text").str.count_matches(r"\S+").alias("answer_words"),
        pl.col("places").list.eval(pl.element().struct.field("box").is_not_null().sum()).list.first().fill_null(0)
        .alias("boxes"),
    ).sort("id")  # fmt: skip


def _shown_views(build: Build, kept: pl.DataFrame) -> pl.DataFrame:
    """Views that a kept record shows, with their split, one row per view."""
    fate = kept.select(pl.col("views").alias("id"), "split", "licence").explode("id").unique("id").sort("id")
    columns = ("id", "source", "sample", "sha256", "width", "height", "bytes", "acquisition")
    frame = gather(build.folders, "views.arrow", columns).join(fate, on="id", how="inner")
    return frame.with_columns(modality=pl.col("acquisition").struct.field("modality")).drop("acquisition").sort("id")


def _patients(frame: pl.DataFrame) -> int:
    """Groups that are kept whole: patients, and samples of no known patient."""
    who = pl.coalesce(
        pl.concat_str("source", "patient", separator="\0"), pl.concat_str("source", "sample", separator="\1")
    )
    return frame.select(who.n_unique()).item()


def _source(build: Build, state: SourceState) -> SourceFigures:
    assert state.listing is not None and build.decisions is not None
    card = state.resolved.card
    records = build.decisions.records.filter(pl.col("source") == card.source)
    dropped = records.filter(pl.col("filter").is_not_null())
    kept = records.filter(pl.col("filter").is_null())
    lost = Counter(row.reason for row in state.listing.refused if not row.part)
    for report in state.reports:
        lost.update(report.lost)
    views = build.decisions.views.filter(pl.col("source") == card.source)
    shown = views.join(kept.select(pl.col("views").alias("id")).explode("id").unique(), on="id", how="semi")
    samples = state.listing.samples - sum(sum(report.lost.values()) for report in state.reports)
    by_reason = Counter(f"{name}: {reason}" for name, reason in dropped.select("filter", "reason").iter_rows())
    return SourceFigures(
        source=card.source,
        title=card.title,
        description=card.description,
        modalities=(card.modality,),
        anatomy=card.anatomy,
        verified=card.verified,
        phantom=card.phantom,
        listed=state.listing.samples + sum(not row.part for row in state.listing.refused),
        samples=samples,
        refused=dict(sorted(lost.items())),
        records_made=len(records),
        records=len(kept),
        dropped=dict(sorted(by_reason.items())),
        pictures=shown["sha256"].n_unique(),
        bytes=int(shown.unique("sha256")["bytes"].sum()),
        patients=kept["patient"].drop_nulls().n_unique() or None,
    )


def _funnel(build: Build, sources: tuple[SourceFigures, ...]) -> Iterator[FunnelStep]:
    listed = sum(row.listed for row in sources)
    at_listing: Counter[str] = Counter()
    at_conversion: Counter[str] = Counter()
    for state in build.sources.values():
        assert state.listing is not None
        at_listing.update(row.reason for row in state.listing.refused if not row.part)
        for report in state.reports:
            at_conversion.update(report.lost)
    left = listed - sum(at_listing.values())
    yield FunnelStep(
        stage="convert", name="listed", unit="samples", kept=left, dropped=dict(sorted(at_listing.items()))
    )
    kept = left - sum(at_conversion.values())
    yield FunnelStep(
        stage="convert", name="converted", unit="samples", kept=kept, dropped=dict(sorted(at_conversion.items()))
    )
    reports = [report for state in build.sources.values() for report in state.reports]
    silent = sum(report.silent for report in reports)
    told = {"no_task_applies": silent} if silent else {}
    views = sum(report.views for report in reports)
    yield FunnelStep(stage="synthesize", name="views", unit="views", kept=views, dropped=told)
    assert build.decisions is not None
    records = len(build.decisions.records)
    yield FunnelStep(stage="synthesize", name="written", unit="records", kept=records)
    for name, drops in build.decisions.steps:
        records -= len(drops)
        yield FunnelStep(
            stage="filter",
            name=name,
            unit="records",
            kept=records,
            dropped=dict(sorted(Counter(drop.reason for drop in drops).items())),
            examples=tuple(
                DropExample(id=drop.record, reason=drop.reason, detail=drop.detail) for drop in _some_of_each(drops)
            ),
        )


def _some_of_each(drops: Iterable[Any]) -> Iterator[Any]:
    seen: Counter[str] = Counter()
    for drop in drops:
        seen[drop.reason] += 1
        if seen[drop.reason] <= EXAMPLES_OF_A_DROP:
            yield drop


def _cells(build: Build, kept: pl.DataFrame, shown: pl.DataFrame) -> tuple[Cell, ...]:
    modality = shown.select("id", "modality")
    frame = kept.with_columns(first=pl.col("views").list.first()).join(
        modality, left_on="first", right_on="id", how="left"
    )
    keys = ("source", "task", "type", "config", "split", "modality")
    counted = frame.group_by(keys).len("records").sort(keys)
    return tuple(Cell(**row) for row in counted.iter_rows(named=True))


def _histograms(told: pl.DataFrame, shown: pl.DataFrame) -> Iterator[Histogram]:
    made = (
        histogram(shown["width"], name="width", title="Picture width", unit="px"),
        histogram(shown["height"], name="height", title="Picture height", unit="px"),
        histogram(shown["bytes"], name="bytes", title="Picture size", unit="bytes", log=True),
        histogram(told["prompt_chars"], name="prompt", title="Prompt length", unit="characters"),
        histogram(told["answer_words"], name="answer", title="Answer length", unit="words"),
        histogram(told.filter(pl.col("boxes") > 0)["boxes"], name="boxes", title="Boxes in a record", unit="boxes"),
    )
    return (one for one in made if one is not None)


def _balance(told: pl.DataFrame) -> tuple[Balance, ...]:
    closed = told.filter((pl.col("form") == "closed") & (pl.col("concepts").list.len() > 0))
    rows = closed.group_by(pl.col("concepts").list.first().alias("concept")).agg(
        yes=(pl.col("polarity") == "present").sum(), no=(pl.col("polarity") == "absent").sum()
    )
    return tuple(Balance(**row) for row in rows.sort("concept").iter_rows(named=True))


def _letters(told: pl.DataFrame) -> tuple[Letter, ...]:
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


def _licences(build: Build, kept: pl.DataFrame) -> tuple[LicenceRow, ...]:
    counts = kept.group_by("source", "licence").agg(samples=pl.col("sample").n_unique(), records=pl.len())
    rows = []
    for source, licence, samples, records in counts.sort("source", "licence").iter_rows():
        card = build.sources[source].resolved.card
        rows.append(
            LicenceRow(
                source=source,
                title=card.title,
                licence=licence,
                access=card.access,
                redistribute=card.redistribute,
                citation=card.citation,
                homepage=card.homepage,
                phantom=card.phantom,
                samples=samples,
                records=records,
            )
        )
    return tuple(rows)


def _quarantine_row(source: str, row: Refusal) -> QuarantineRow:
    return QuarantineRow(
        source=source, unit=row.unit, file=row.file, stage=row.stage, reason=row.reason, detail=row.detail
    )


def _quarantine_counts(refused: list[tuple[str, Refusal]]) -> tuple[QuarantineCount, ...]:
    counted = Counter((name, row.stage, row.reason) for name, row in refused)
    return tuple(
        QuarantineCount(source=source, stage=stage, reason=reason, count=count)
        for (source, stage, reason), count in sorted(counted.items())
    )


def _splits(kept: pl.DataFrame, shown: pl.DataFrame) -> tuple[SplitRow, ...]:
    rows = []
    for split in ("train", "validation", "test"):
        records = kept.filter(pl.col("split") == split)
        rows.append(
            SplitRow(
                split=split,  # type: ignore[arg-type]
                patients=_patients(records),
                samples=records.select("source", "sample").n_unique(),
                pictures=shown.filter(pl.col("split") == split)["sha256"].n_unique(),
                records=len(records),
            )
        )
    return tuple(rows)


def _checks(kept: pl.DataFrame, shown: pl.DataFrame) -> tuple[Check, ...]:
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


def _clash(clash: Any) -> SplitClash:
    return SplitClash(
        group=clash.group,
        reason=clash.reason,
        splits=tuple(clash.splits),
        resolved=clash.resolved,
        detail=clash.detail,
    )


def _configs(build: Build) -> tuple[ConfigFiles, ...]:
    from datasets import Features

    from medloom.flows.shards import features

    described = Features.from_dict(features())._to_yaml_list()
    found = []
    for config in CONFIGS:
        shards = tuple(
            Shard(
                path=placed.path,
                split=placed.split,  # type: ignore[arg-type]
                sha256=placed.shard.sha256,
                rows=placed.shard.rows,
                bytes=placed.shard.bytes,
                arrow_bytes=placed.shard.decoded_bytes,
            )
            for placed in build.shards
            if placed.config == config
        )
        if shards:
            found.append(ConfigFiles(config=config, features=described, shards=shards))
    return tuple(found)


def _concept_names(told: pl.DataFrame) -> dict[str, str]:
    from medloom.synthesis.vocabulary import load_vocabulary

    vocabulary = load_vocabulary()
    used = told["concepts"].explode().drop_nulls().unique().sort().to_list()
    return {concept: vocabulary[concept].name for concept in used if concept in vocabulary}


def _deidentification(build: Build) -> tuple[str, ...]:
    import os

    from medloom.flows.unit import PATIENT_KEY

    said = [
        "Patient and study ids are replaced by digests.",
        "EXIF, XMP, IPTC and comment blocks are cut out of JPEG and PNG files; no pixel changes by it.",
        "Of a DICOM header only modality, body part, view, laterality, sex, age, spacing and orientation are read.",
    ]
    identifying = [name for name, state in build.sources.items() if state.resolved.card.patient_ids == "identifying"]
    if identifying and not os.environ.get(PATIENT_KEY):
        said.append(
            f"The ids of {', '.join(identifying)} identify people in their source, and {PATIENT_KEY} was not set: "
            "their digests are not keyed."
        )
    return tuple(said)


def _versions(build: Build) -> tuple[Version, ...]:
    found = [Version(kind="medloom", name="medloom", version=build.versions["medloom"])]
    converters = {state.resolved.card.converter: state.resolved.converter.version for state in build.sources.values()}
    found += [Version(kind="converter", name=name, version=version) for name, version in sorted(converters.items())]
    found += [Version(kind="task", name=name, version=version) for name, version, _ in build.tasks]
    found += [Version(kind="filter", name=name, version=version) for name, version, _ in build.filters]
    libraries = sorted(build.versions.items())
    found += [Version(kind="library", name=name, version=version) for name, version in libraries if name != "medloom"]
    return tuple(found)
