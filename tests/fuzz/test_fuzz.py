"""Spoilt files never take a worker with them: mutants of real files, drawn from a seed, through the doors of a unit.

Each is read or refused with a reason. ``tests/fuzz/child.py`` runs one of them again. The table in docs/dicom.md is
what the slow test found: ``MEDLOOM_WRITE_DOCS=1`` renews it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "dicom.md"
MEDIA = ("dicom", "dicom_truth", "nifti", "png", "jpeg", "raster", "video", "text", "arrays")
LEAN, WHOLE = 23, 230
"""Mutants of each medium: about 200, and more than 2,000."""


def run(media: tuple[str, ...], data: Path, folder: Path, count: int, seed: str = "1") -> list[dict]:
    """What became of `count` mutants of each medium."""
    report = folder / "report.jsonl"
    command = [sys.executable, str(HERE / "child.py"), ",".join(media), str(data), str(folder / "doors")]
    done = subprocess.run([*command, seed, str(count), str(report)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    wanted = dict.fromkeys(media, count) | ({"traps": 5} if "traps" in media else {})
    assert Counter(row["medium"] for row in rows) == wanted
    return rows


@pytest.fixture(scope="module")
def lean(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """A few mutants of each medium, and the traps."""
    return run(("traps", *MEDIA), data_dir, tmp_path_factory.mktemp("lean"), LEAN)


def table(rows: list[dict]) -> list[str]:
    """A line of Markdown for each medium."""
    lines = ["| medium | mutants | read | read in part | refused | died or hung |", f"|{'---|' * 6}"]
    for medium in dict.fromkeys(row["medium"] for row in rows):
        became = Counter(_became(row) for row in rows if row["medium"] == medium)
        counts = [became[one] for one in ("read", "in part", "refused", "bad")]
        lines.append(f"| {medium} | {sum(counts)} | {' | '.join(map(str, counts))} |")
    return lines


def _became(row: dict) -> str:
    if "bad" in row:
        return "bad"
    read, reasons = row["told"].get("read", 0), sum(n for why, n in row["told"].items() if why != "read")
    assert read or reasons, f"neither read nor refused: {row}"
    return "refused" if not read else "in part" if reasons else "read"


def _told(rows: list[dict]) -> str:
    return "\n\n".join(f"{row['medium']} {row['number']} {row['door']}: {row['bad']}" for row in rows if "bad" in row)


def test_the_net_catches_what_it_is_for(lean: list[dict]) -> None:
    became = {row["door"].split()[1]: row.get("bad", "read").strip() for row in lean if row["medium"] == "traps"}
    assert became["die"].startswith("died") and became["hang"] == "hangs" and became["read"] == "read"
    assert became["raise"].endswith("LookupError: a bug") and became["eat"].startswith("took more than")


def test_the_same_seed_gives_the_same_mutants() -> None:
    sys.path.insert(0, str(HERE))
    from mutate import mutant

    sys.path.remove(str(HERE))
    data = bytes(range(256)) * 8
    for form in ("dicom", "text"):
        first, again, other = (mutant(data, form, seed) for seed in (("1", 3), ("1", 3), ("1", 4)))
        assert first == again != other and first != data


def test_spoilt_files_are_read_or_refused(lean: list[dict]) -> None:
    rows = [row for row in lean if row["medium"] != "traps"]
    assert {line.split("|")[-2].strip() for line in table(rows)[2:]} == {"0"}, _told(rows)


@pytest.mark.slow
def test_two_thousand_spoilt_files(data_dir: Path, tmp_path: Path) -> None:
    rows = run(MEDIA, data_dir, tmp_path, WHOLE)
    assert not _told(rows), _told(rows)
    if os.environ.get("MEDLOOM_WRITE_DOCS"):
        block = re.compile(r"(<!-- spoilt -->\n).*?(\n<!-- end -->)", re.DOTALL)
        found = "\n".join(table(rows))
        PAGE.write_text(block.sub(lambda old: old[1] + found + old[2], PAGE.read_text("utf-8")), "utf-8")
