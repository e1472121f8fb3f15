"""Conform: holds a converter to every check on its fixture, offline, and says what it found."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medloom.flows.kit.checks import CHECKS, Check
from medloom.flows.kit.fixture import Fixture, fixtures_of
from medloom.flows.kit.trial import Note, NotHere, Trial, try_out

MOST_FAULTS = 4
"""So many faults of one check are told one by one."""


@dataclass(frozen=True)
class Finding:
    """What one check found: `faults`, `notes`, or why it could not look (`skipped`)."""

    check: Check
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str | None = None


def conform(name: str, fixture: Path | None = None, card: Path | None = None) -> list[tuple[Fixture, list[Finding]]]:
    """The findings of every check, for each fixture of the converter.

    Raises CatalogError where there is no fixture or card, BuildError where the converter ends or hangs its process.
    """
    with tempfile.TemporaryDirectory(prefix="medloom-conform-") as folder:
        scratch = Path(folder)
        found = []
        for number, one in enumerate(fixtures_of(name, fixture, card, scratch)):
            place = scratch / str(number)
            place.mkdir()
            trial = try_out(one, place)
            found.append((one, [examine(check, trial) for check in CHECKS]))
        return found


def examine(check: Check, trial: Trial) -> Finding:
    """What one check finds."""
    try:
        told = list(check.faults(trial))
    except NotHere as why:
        return Finding(check, skipped=str(why))
    notes = tuple(one for one in told if isinstance(one, Note))
    return Finding(check, tuple(one for one in told if not isinstance(one, Note)), notes)


def render(fixture: Fixture, findings: list[Finding]) -> str:
    """A line for each check, ✓, ✗ or –, with its faults and what to do about them."""
    lines = [f"{fixture.converter} on {fixture.root} ({fixture.card.source})"]
    for finding in findings:
        lines += _lines(finding)
    failed = sum(bool(finding.faults) for finding in findings)
    looked = sum(finding.skipped is None for finding in findings)
    end = f"{failed} of {looked} checks failed" if failed else f"conforms: {looked} checks hold"
    skipped = len(findings) - looked
    return "\n".join([*lines, end + (f", {skipped} found nothing to look at" if skipped else "")])


def _lines(finding: Finding) -> Iterator[str]:
    check = finding.check
    if finding.skipped is not None:
        yield f"  – {check.name}: {finding.skipped}"
        return
    yield f"  {'✗' if finding.faults else '✓'} {check.name}: {check.claim}"
    for fault in finding.faults[:MOST_FAULTS]:
        yield "\n".join(f"      {line}" for line in fault.splitlines())
    if len(finding.faults) > MOST_FAULTS:
        yield f"      and {len(finding.faults) - MOST_FAULTS} more"
    if finding.faults:
        yield f"    → {check.advice}"
    yield from (f"    ! {note}" for note in finding.notes[:MOST_FAULTS])
    if len(finding.notes) > MOST_FAULTS:
        yield f"    ! and {len(finding.notes) - MOST_FAULTS} more"
