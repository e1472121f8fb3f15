"""The funnel as rows of bars: what each step let through and what it dropped."""

from __future__ import annotations

import msgspec

from medloom.flows.figures import Counted, FunnelStep
from medloom.flows.report.chart import Segment, segments


class FunnelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step; `reasons` are its drops, the most frequent first."""

    step: FunnelStep
    lost: int
    reasons: tuple[tuple[str, int], ...]
    bar: tuple[Segment, ...]


class FunnelGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Steps that count the same thing, drawn to one scale: what entered the first of them."""

    unit: Counted
    entered: int
    kept: int
    rows: tuple[FunnelRow, ...]


def funnel_groups(steps: tuple[FunnelStep, ...]) -> tuple[FunnelGroup, ...]:
    """The steps by what they count, in the order in which each unit first appears."""
    by_unit: dict[Counted, list[FunnelStep]] = {}
    for step in steps:
        by_unit.setdefault(step.unit, []).append(step)
    return tuple(
        FunnelGroup(
            unit=unit,
            entered=of_unit[0].entered,
            kept=of_unit[-1].kept,
            rows=tuple(_row(step, max(each.entered for each in of_unit)) for step in of_unit),
        )
        for unit, of_unit in by_unit.items()
    )


def _row(step: FunnelStep, scale: int) -> FunnelRow:
    lost = sum(step.dropped.values())
    return FunnelRow(
        step=step,
        lost=lost,
        reasons=tuple(sorted(step.dropped.items(), key=lambda item: (-item[1], item[0]))),
        bar=segments({"kept": step.kept, "dropped": lost}, scale),
    )
