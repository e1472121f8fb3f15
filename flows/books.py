"""Books: what went in, what came out and what was lost on the way, for each source and for each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from medloom.flows.accounts import SynthesisFigures, synthesis_figures
from medloom.flows.figures import DropExample, FunnelStep, SourceFigures

if TYPE_CHECKING:
    from medloom.flows.build import Build
    from medloom.flows.source_state import SourceState

EXAMPLES_OF_A_DROP = 5


def source_figures(build: Build, state: SourceState) -> SourceFigures:
    """The books of one source."""
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


def funnel(build: Build, sources: tuple[SourceFigures, ...]) -> Iterator[FunnelStep]:
    """The steps from what was listed to what was kept, in the order of the data."""
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
    yield from _phrased(synthesis_figures(build))
    assert build.decisions is not None
    records = len(build.decisions.records)
    yield FunnelStep(stage="synthesize", name="written", unit="records", kept=records)
    for step in build.decisions.steps:
        drops = step.drops
        records -= len(drops)
        yield FunnelStep(
            stage="filter",
            name=step.name,
            note=step.note,
            unit="records",
            kept=records,
            dropped=dict(sorted(Counter(drop.reason for drop in drops).items())),
            examples=tuple(
                DropExample(id=drop.record, reason=drop.reason, detail=drop.detail) for drop in _some_of_each(drops)
            ),
        )


def _phrased(said: SynthesisFigures | None) -> Iterator[FunnelStep]:
    """What became of what engines were asked: briefs, then drafts. Nothing where templates alone phrase."""
    if said is None or not said.briefs:
        return
    yield FunnelStep(stage="synthesize", name="asked", unit="briefs", kept=said.phrased, dropped=said.mute)
    lost: Counter[str] = Counter()
    for row in said.lost:
        lost[row.reason] += row.count
    examples = tuple(
        DropExample(id=one.brief, reason=one.reason, detail=one.detail) for row in said.lost for one in row.examples
    )
    dropped = dict(sorted(lost.items()))
    yield FunnelStep(
        stage="synthesize", name="phrased", unit="drafts", kept=said.written, dropped=dropped, examples=examples
    )


def _some_of_each(drops: Iterable[Any]) -> Iterator[Any]:
    seen: Counter[str] = Counter()
    for drop in drops:
        seen[drop.reason] += 1
        if seen[drop.reason] <= EXAMPLES_OF_A_DROP:
            yield drop
