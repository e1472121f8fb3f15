"""Collect: the figures of a build, from the narrow columns and the units' own reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any, get_args

import polars as pl

from medloom.converters.identity.deidentified import Deidentifier
from medloom.flows.accounts import engine_runs, synthesis_figures
from medloom.flows.books import funnel, source_figures
from medloom.flows.counts import (
    balance,
    cells,
    checks,
    concept_names,
    histograms,
    letters,
    patients,
    scores,
    shown_views,
    splits,
    told_columns,
)
from medloom.flows.figures import (
    ConfigFiles,
    CorpusFigures,
    IdentityCount,
    LicenceRow,
    QuarantineCount,
    QuarantineRow,
    RunFacts,
    Shard,
    SplitClash,
    Version,
)
from medloom.flows.gate import as_checks
from medloom.flows.judge import read_refused
from medloom.flows.patient_key import patient_key
from medloom.schemas.card import Redistribute
from medloom.schemas.record import CONFIGS

if TYPE_CHECKING:
    from medloom.flows.build import Build
    from medloom.flows.source_state import SourceState
    from medloom.schemas.sample import Refusal

QUARANTINE_ROWS = 2000
"""Rows that the report shows; the file holds all."""


def quarantined(build: Build) -> Iterator[tuple[str, Refusal]]:
    """Every refused input with its source, in the order of the sources and of their partitions."""
    for name, state in build.sources.items():
        yield from ((name, row) for row in refusals_of(build, state))


def refusals_of(build: Build, state: SourceState) -> Iterator[Refusal]:
    """What one source has refused so far."""
    if state.listing is None:  # its turn has not come in a build that stops
        return
    hidden = Deidentifier(state.resolved.card, build.catalog.identity, patient_key(state.resolved.card))
    yield from map(hidden.refusal, state.listing.refused)
    for folder in state.folders:
        yield from map(hidden.refusal, read_refused(folder))


def collect(build: Build) -> CorpusFigures:
    """The figures without contact sheets and without facts of this run; equal builds give equal figures."""
    assert build.decisions is not None
    decisions = build.decisions
    kept = decisions.kept
    refused = list(quarantined(build))
    catalog = build.catalog
    told = told_columns(build, kept)
    sources = tuple(source_figures(build, state) for state in build.sources.values())
    shown = shown_views(build, kept)
    return CorpusFigures(
        corpus=catalog.corpus,
        version=catalog.version,
        title=catalog.title or catalog.corpus,
        description=catalog.description,
        release_licence=catalog.release.licence,
        release_to=catalog.release.to,
        engine=" and ".join(build.voice.ears[ear][0] for ear in build.voice.ears) if build.voice else "none",
        synthesis=synthesis_figures(build),
        pictures=shown["sha256"].n_unique(),
        records=len(kept),
        patients=patients(kept),
        funnel=tuple(funnel(build, sources)),
        sources=sources,
        cells=cells(build, kept, shown),
        histograms=tuple(histograms(told, shown)),
        balance=balance(told),
        letters=letters(told),
        licences=_licences(build, kept),
        quarantine=tuple(_quarantine_row(name, row) for name, row in refused[:QUARANTINE_ROWS]),
        quarantine_counts=_quarantine_counts(refused),
        splits=splits(kept, shown),
        clashes=tuple(_clash(clash) for clash in decisions.split.clashes),
        checks=(*checks(kept, shown), *as_checks(build.held)),
        scores=tuple(scores(decisions)),
        shortcuts=tuple(cell for step in decisions.steps for cell in step.cells),
        configs=_configs(build),
        concepts=concept_names(told),
        deidentification=_deidentification(build),
        identity=_identity(build),
        notes=decisions.notes,
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
        expectations="expectations/index.html" if build.held else None,
        stage_seconds=dict(build.seconds),
        engines=engine_runs(build),
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


def _clash(clash: Any) -> SplitClash:
    return SplitClash(
        group=clash.group,
        reason=clash.reason,
        splits=tuple(clash.splits),
        resolved=clash.resolved,
        detail=clash.detail,
    )


def _configs(build: Build) -> tuple[ConfigFiles, ...]:
    from medloom.flows.features import listed_features
    from medloom.flows.shard_table import row_schema

    found = []
    for config, passed_on in product(CONFIGS, get_args(Redistribute)):
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
            if (placed.config, placed.redistribute) == (config, passed_on)
        )
        if shards:
            described = listed_features(row_schema(config))
            found.append(ConfigFiles(config=config, redistribute=passed_on, features=described, shards=shards))
    return tuple(found)


def _deidentification(build: Build) -> tuple[str, ...]:
    settings = build.catalog.identity
    cards = [state.resolved.card for state in build.sources.values()]
    keyed = [card.source for card in cards if card.patient_ids == "identifying"]
    said = [
        "Patient and study ids are replaced by digests.",
        "EXIF, XMP, IPTC and comment blocks are cut out of JPEG and PNG files; no pixel changes by it.",
        "DICOM headers are read under the Basic Application Level Confidentiality Profile (PS3.15 Annex E) with the "
        f"options {', '.join(settings.followed) or 'none'}: modality, body part, view, laterality, sex, age, spacing "
        "and orientation. Nothing else of a header is passed on.",
        "Ages of 90 and more are 90. "
        + ("Dates are days from the patient's own first." if settings.dates == "offsets" else "Dates are removed."),
        "Reports, questions and notes are scrubbed of names, dates, numbers and places by rule and list."
        if settings.text == "scrub"
        else "Reports, questions and notes are kept as the source has them.",
        {
            "mask": "Burned-in text is looked for where it is usual, and blackened where it may tell who it is.",
            "quarantine": "Burned-in text is looked for where it is usual; pictures where it may tell who it is are "
            "refused.",
            "keep": "Nobody has looked for text that is burned into pixels.",
        }[settings.burned_in if settings.looks_at_pixels else "keep"],
    ]
    if keyed:
        said.append(
            f"The ids of {', '.join(keyed)} identify people in their source: their digests are keyed, and so are the "
            "aliases (~) that stand for names of files and samples."
        )
    return tuple(said)


def _identity(build: Build) -> tuple[IdentityCount, ...]:
    counted: Counter[tuple[str, str, str]] = Counter()
    for name, state in build.sources.items():
        for report in state.reports:
            counted.update({(name, place, kind): count for place, kind, count in report.identity})
    return tuple(
        IdentityCount(source=source, place=place, kind=kind, count=count)
        for (source, place, kind), count in sorted(counted.items())
    )


def _versions(build: Build) -> tuple[Version, ...]:
    found = [Version(kind="medloom", name="medloom", version=build.versions["medloom"])]
    converters = {state.resolved.card.converter: state.resolved.converter.version for state in build.sources.values()}
    found += [Version(kind="converter", name=name, version=version) for name, version in sorted(converters.items())]
    found += [Version(kind="task", name=name, version=version) for name, version, _ in build.tasks]
    if build.voice is not None:
        found += [Version(kind="model", name=model, version=revision) for model, revision in build.voice.ears.values()]
        found += [Version(kind="prompt", name=name, version=stamp) for name, stamp in build.voice.stamps.items()]
    found += [Version(kind="filter", name=name, version=version) for name, version, _ in build.filters]
    libraries = sorted(build.versions.items())
    found += [Version(kind="library", name=name, version=version) for name, version in libraries if name != "medloom"]
    return tuple(found)
