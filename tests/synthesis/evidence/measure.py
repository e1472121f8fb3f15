"""Measure: how many of the planted lies the evidence check refuses, and how many true texts it lets pass.

make evidence
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lies import KINDS, lies
from truths import Truth, of_facts, of_reports

from medloom.synthesis.evidence.check import faults

PER_KIND = 120
"""Lies of one kind and part at most, so that no kind drowns the others."""


class Row(NamedTuple):
    """One kind of lie. `refused` of the `true` texts that it was planted in are false alarms."""

    kind: str
    planted: int
    caught: int
    true: int
    refused: int

    @property
    def recall(self) -> float:
        return self.caught / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        return self.caught / (self.caught + self.refused) if self.caught else 1.0


class Figures(NamedTuple):
    """Rows by kind, and over all: every lie against every true text, each text once."""

    rows: tuple[Row, ...]
    whole: Row
    missed: tuple[tuple[str, str, str], ...]
    alarms: tuple[tuple[str, str, str], ...]


def figures(truths: Sequence[Truth]) -> Figures:
    """Plants lies into true texts and holds both to the facts."""
    alarms = {truth.key: faults(truth.text, truth.wanted) for truth in truths}
    planted: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    within: dict[str, set[str]] = defaultdict(set)
    missed = []
    for truth in sorted(truths, key=lambda one: one.key):
        for lie in lies(truth.text, truth.key):
            if planted[lie.kind] >= PER_KIND:
                continue
            planted[lie.kind] += 1
            within[lie.kind].add(truth.key)
            if faults(lie.text, truth.wanted):
                caught[lie.kind] += 1
            else:
                missed.append((lie.kind, truth.text, lie.text))
    rows = tuple(
        Row(kind, planted[kind], caught[kind], len(within[kind]), sum(bool(alarms[key]) for key in within[kind]))
        for kind in KINDS
        if planted[kind]
    )
    wrong = [truth for truth in truths if alarms[truth.key]]
    whole = Row("all", sum(planted.values()), sum(caught.values()), len(truths), len(wrong))
    said = tuple((truth.origin, truth.text, "; ".join(map(str, alarms[truth.key]))) for truth in wrong)
    return Figures(rows, whole, tuple(missed), said)


def table(title: str, found: Figures) -> str:
    """The figures as text."""
    lines = [
        title,
        f"{'kind of lie':<18}{'planted':>8}{'caught':>8}{'recall':>8}{'true':>7}{'refused':>8}{'precision':>10}",
    ]
    lines += [
        f"{row.kind:<18}{row.planted:>8}{row.caught:>8}{row.recall:>8.3f}{row.true:>7}{row.refused:>8}"
        f"{row.precision:>10.3f}"
        for row in (*found.rows, found.whole)
    ]
    return "\n".join(lines)


def gathered() -> list[Truth]:
    """All true texts, of reports and of facts."""
    with tempfile.TemporaryDirectory() as folder:
        found = [*of_reports(), *of_facts(Path(folder) / "clinic", Path(folder) / "work")]
    return list({truth.key: truth for truth in found}.values())


def main() -> None:
    """Prints the tables; with ``-v`` also what was missed and what was refused wrongly in the part that is tuned on."""
    truths = gathered()
    print(dict(Counter(truth.origin for truth in truths)))
    for title, part in (("tuned on", False), ("held out", True)):
        mine = [truth for truth in truths if truth.held_out is part]
        started = time.perf_counter()
        found = figures(mine)
        checked = found.whole.planted + found.whole.true
        print(table(f"\n{title}", found))
        print(f"{checked} texts checked, {1000 * (time.perf_counter() - started) / checked:.1f} ms each")
        if "-vv" in sys.argv or ("-v" in sys.argv and not part):
            for kind, truth, lie in found.missed:
                print(f"missed {kind}: {truth!r} -> {lie!r}")
            for origin, text, why in found.alarms:
                print(f"alarm {origin}: {text!r}: {why}")


if __name__ == "__main__":
    main()
