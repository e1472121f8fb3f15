"""Source state: what is known of one source while a build goes on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medloom.flows.check import ResolvedSource
from medloom.flows.listing import Listing
from medloom.flows.recipe import Recipe
from medloom.flows.unit import UnitReport, unchanged
from medloom.schemas.errors import BuildError

if TYPE_CHECKING:
    from medloom.flows.judge import Drop
    from medloom.flows.tell import Told
    from medloom.schemas.sample import Refusal
    from medloom.synthesis.origin import FileMark


@dataclass
class SourceState:
    """What is known of one source while the build goes on; `reports` and `folders` are in the partitions' order.

    `told` are the units that an engine had a part in, and `first_folders` what they were before.
    """

    resolved: ResolvedSource
    root: Path
    listing: Listing | None = None
    recipe: Recipe | None = None
    reports: list[UnitReport] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    first_folders: list[Path] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.resolved.card.source

    def check_refused(self, told: Callable[[], list[Refusal]]) -> None:
        """Raises BuildError where nothing was found, or more was refused than the card allows.

        `told` gives the source's refusals so far as they may be shown.
        """
        assert self.listing is not None
        refused = sum(not row.part for row in self.listing.refused)
        lost = sum(count for report in self.reports for reason, count in report.lost.items() if reason != "licence")
        listed = self.listing.samples + refused
        share = (refused + lost) / listed if listed else 0.0
        if listed == 0:
            raise BuildError(f"{self.name}: nothing found in {self.root}; is it the folder that the card describes?")
        for row in self.listing.refused:
            if row.reason == "unmatched_split" and not row.part:
                raise BuildError(
                    f"{self.name}: the published split would be lost: {row.file}: {row.detail}; see `split` of the card"
                )
        if share > self.resolved.card.max_refused:
            rows = [row for row in told() if not row.part]
            first = f": {reasons_of(rows)}; the first: {_shown(rows[0])}" if rows else ""
            raise BuildError(
                f"{self.name}: {share:.0%} of {listed} inputs refused, more than the card's "
                f"max_refused of {self.resolved.card.max_refused:.0%}{first}"
            )

    def assert_unchanged(self) -> None:
        """Raises BuildError where a file that was read is no longer what it was."""
        assert self.recipe is not None
        root = str(self.root)

        def touched(mark: FileMark) -> bool:
            found = os.stat(f"{root}/{mark.file}")  # noqa: PTH116 (a Path costs more than the call)
            return (found.st_size, found.st_mtime_ns) != (mark.size, mark.mtime_ns)

        for report in self.reports:
            if any(map(touched, report.marks)) and not unchanged(report.marks, self.recipe):
                raise BuildError(f"{self.name}: a file changed while it was being built; run again with --resume")


def reasons_of(rows: Iterable[Refusal]) -> str:
    """How many were refused for which reason, most first."""
    counts = Counter(row.reason for row in rows)
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _shown(row: Refusal) -> str:
    where = row.unit if row.file in (None, row.unit) else f"{row.unit} ({row.file})"
    return f"{where}: {row.reason}: {row.detail}"
