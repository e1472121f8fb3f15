"""Run: an audit from a path to findings, a page, and a file of findings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import polars as pl

from medloom.flows.audit import conduct, shortcuts, sights
from medloom.flows.audit.findings import ORDER, Finding, Verdict
from medloom.flows.audit.frame import frame_of
from medloom.flows.audit.pictures import Finder, Seen, look_at
from medloom.flows.audit.read import Found, read_items

BESIDE = ("license", "licence", "notice", "copying", "readme", "datacard", "dataset_card")


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in the corpus at `path`. `kinds` are what its rows were taken for; `missing` counts pictures."""

    path: str
    kinds: dict[str, int]
    files: tuple[str, ...]
    items: int
    rows: int
    pictures: int
    looked_at: int
    missing: int
    splits: dict[str, int]
    unread: dict[str, int]
    findings: tuple[Finding, ...]
    seconds: float

    def count(self, verdict: Verdict) -> int:
        """How many findings have that verdict."""
        return sum(finding.verdict == verdict for finding in self.findings)


def audit(
    path: Path,
    images: Path | None = None,
    against: Sequence[Path] = (),
    most: int = 20_000,
    tell: Callable[[Finding], None] = lambda _: None,
    told: Callable[[int], None] = lambda _: None,
) -> tuple[Audit, pl.DataFrame, Seen, Finder]:
    """All checks on the corpus at `path`, the quick ones first; each is told as soon as it is there.

    `most`: pictures that are read. Raises CatalogError where there is no corpus, or no index where one is named.
    """
    from medloom.quality.benchmark_index import read_index

    began = time.perf_counter()
    indexes = [read_index(one) for one in against]
    found, seen = Found(), Seen()
    items = frame_of(read_items(path, found), seen, most)
    folder = path if path.is_dir() else path.parent
    own = [folder] if images is None else [images, folder]
    finder = Finder([*own, folder.parent] if images is None else own, searched=own)
    findings: list[Finding] = []

    def take(each: Iterator[Finding] | list[Finding]) -> None:
        for finding in each:
            findings.append(finding)
            tell(finding)

    take(shortcuts.choices(items))
    take(shortcuts.closed(items))
    take(shortcuts.preferences(items))
    take(conduct.splits(items))
    take(conduct.repeats(items))
    take(conduct.label_in_path(items))
    take(conduct.marks(items))
    take(conduct.texts(items))
    take(conduct.terms(items, _beside(folder)))
    names = [name for name in items["pictures"].explode().drop_nulls().unique(maintain_order=True) if name]
    look_at([name for name in names if name not in seen.sha256], finder, seen, max(0, most - len(seen.sha256)), told)
    take(sights.pictures(items, seen))
    take([sights.benchmark(items, seen, index) for index in indexes])
    ranked = sorted(findings, key=lambda finding: ORDER[finding.verdict])
    counted = items.group_by("split").len().sort("split")
    result = Audit(
        path=str(path), kinds=dict(found.kinds), files=tuple(found.files), items=len(items), rows=found.rows,
        pictures=len(names), looked_at=len(seen.names), missing=len(seen.missing),
        splits={name or "none named": count for name, count in counted.iter_rows()}, unread=dict(found.unread),
        findings=tuple(ranked), seconds=time.perf_counter() - began,
    )  # fmt: skip
    return result, items, seen, finder


def _beside(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.stem.lower() in BESIDE) if folder.is_dir() else []


def findings_json(found: Audit) -> bytes:
    """The audit as JSON, for machines: without the texts of examples, which may be nobody's to pass on."""
    bare = [msgspec.structs.replace(each, examples=()) for each in found.findings]
    return (
        msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(found, findings=tuple(bare))), indent=1) + b"\n"
    )
