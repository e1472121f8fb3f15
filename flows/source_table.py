"""Source table: what each source gave, lost and cost, as Markdown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from medloom.flows.documents.markdown import table, words
from medloom.flows.naming import record_type

if TYPE_CHECKING:
    from medloom.flows.build import Build
    from medloom.flows.figures import CorpusFigures

COLUMNS = ("set", "#units", "#samples", "records by type", "#dropped", "quarantined", "#seconds")
NOTE = """\
Records are those that were kept, dropped ones those that a filter took out.
What is quarantined is counted by reason: a part (a box, a mask, a missing picture) or a whole sample. Seconds are those
of the units' own work, on one core each; a unit that was done before counts with what it took then.
"""


def source_table(build: Build, figures: CorpusFigures) -> str:
    """One row for each source of the catalog, in its order, and their sum."""
    by_type: dict[str, Counter[int]] = {name: Counter() for name in build.sources}
    for cell in figures.cells:
        by_type[cell.source][cell.type] += cell.records
    refused: dict[str, Counter[str]] = {name: Counter() for name in build.sources}
    for row in figures.quarantine_counts:
        refused[row.source][row.reason] += row.count
    dropped = {row.source: sum(row.dropped.values()) for row in figures.sources}
    samples = {row.source: row.samples for row in figures.sources}
    seconds = {name: sum(report.seconds for report in state.reports) for name, state in build.sources.items()}
    units = {name: len(state.reports) for name, state in build.sources.items()}
    rows = [
        (name, units[name], samples[name], _counts(by_type[name]), dropped[name], _counts(refused[name]), seconds[name])
        for name in build.sources
    ]
    whole = (
        "all", sum(units.values()), sum(samples.values()), _counts(sum(by_type.values(), Counter())),
        sum(dropped.values()), _counts(sum(refused.values(), Counter())), sum(seconds.values()),
    )  # fmt: skip
    lines = [
        (name, f"{many:,}", f"{listed:,}", made or "–", f"{out:,}", lost or "–", f"{spent:.1f}")
        for name, many, listed, made, out, lost, spent in (*rows, whole)
    ]
    used = sorted(set().union(*by_type.values()))
    types = ", ".join(f"{number} {record_type(number)}" for number in used)
    return f"# {words(figures.title)}: by source\n\n{table(COLUMNS, lines)}\n\nTypes: {types}.\n{NOTE}"


def _counts(counted: Counter[int] | Counter[str]) -> str:
    """``4: 12, 5: 30``: types in their order, reasons by how often they come."""
    if all(isinstance(key, int) for key in counted):
        pairs = sorted(counted.items())
    else:
        pairs = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{key}: {count:,}" for key, count in pairs)
