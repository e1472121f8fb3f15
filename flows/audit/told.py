"""Told: an audit in the terminal, as it goes, and what it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from medloom.flows.audit.findings import Finding, Verdict
from medloom.flows.audit.page import render_audit
from medloom.flows.audit.run import audit, findings_json
from medloom.flows.plain_text import plain_text
from medloom.flows.store import write_whole

STYLE: dict[Verdict, str] = {"bad": "bold white on red", "look": "yellow", "fine": "green", "skipped": "dim"}
SAID: dict[Verdict, str] = {"bad": " bad ", "look": "look", "fine": "fine", "skipped": "–"}


def tell_audit(
    path: Path,
    out: Path,
    images: Path | None,
    against: Sequence[Path],
    most: int,
    fail_on: Literal["bad", "look", "never"],
) -> bool:
    """Audits, prints each finding as it is there, writes ``audit.html`` and ``audit.json``; whether it should fail.

    Raises CatalogError as `audit` does.
    """
    console = Console(highlight=False)
    console.print(Text.assemble("reading ", (plain_text(str(path)), "bold")))
    found, items, seen, finder = audit(path, images, against, most, lambda finding: console.print(_line(finding)))
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.kinds.items())
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("taken for", kinds)
    table.add_row("items", f"{found.items:,} about {found.pictures:,} pictures, {found.looked_at:,} of them looked at")
    table.add_row("splits", ", ".join(f"{name} {count:,}" for name, count in found.splits.items()))
    for reason, count in list(found.unread.items())[:4]:
        table.add_row("not read", plain_text(f"{count:,} × {reason}", 160))
    console.print()
    console.print(table)
    write_whole(out / "audit.html", render_audit(found, items, seen, finder).encode())
    write_whole(out / "audit.json", findings_json(found))
    bad, look = found.count("bad"), found.count("look")
    console.print(
        Text.assemble(
            (f"{bad} bad", STYLE["bad"] if bad else "green"),
            f", {look} worth a look, {found.count('fine')} fine, in {found.seconds:.1f} s. ",
            "The page: ",
            (str(out / "audit.html"), "bold"),
        )
    )
    return (fail_on == "bad" and bad > 0) or (fail_on == "look" and bad + look > 0)


def _line(finding: Finding) -> Table:
    row = Table.grid(padding=(0, 2, 0, 0), expand=True)
    row.add_column(width=5, justify="center")
    row.add_column(ratio=5)
    row.add_column(ratio=6)
    row.add_row(
        Text(SAID[finding.verdict], STYLE[finding.verdict]), finding.title, Text(plain_text(finding.figure, 200))
    )
    return row
