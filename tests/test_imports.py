"""Imports follow the data: schemas ◄ converters ◄ synthesis ◄ quality ◄ flows, and the command line starts fast."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
LINE = ("schemas", "converters", "synthesis", "quality", "flows")
ONLY_FLOWS = {"prefect", "ray"}
FILES = sorted(path for part in (*LINE, "catalogs") for path in (REPO / part).rglob("*.py"))
HEAVY = ("ray", "prefect", "datasets", "scipy", "polars", "pyarrow")


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, at the top or inside a function, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield node.lineno, node.module or ""
            if node.module == "medloom":
                yield from ((node.lineno, f"medloom.{alias.name}") for alias in node.names)


def wrong_way(part: str, source: str) -> list[str]:
    """What a file of that part may not import."""
    upstream = LINE[: LINE.index(part) + 1] if part in LINE else ()
    found = []
    for line, module in imported(source):
        first, *rest = module.split(".")
        if first == "medloom" and rest and rest[0] in LINE and rest[0] not in upstream:
            found.append(f"line {line}: {part} imports {module}, which is downstream")
        if first in ONLY_FLOWS and part != "flows":
            found.append(f"line {line}: only flows knows {first}")
        if first in LINE:
            found.append(f"line {line}: {module} instead of medloom.{module}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPO)))
def test_imports_follow_the_data(path: Path) -> None:
    assert wrong_way(path.relative_to(REPO).parts[0], path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("schemas", "from medloom.converters.base import Converter"),
        ("schemas", "from medloom import flows"),
        ("converters", "def f():\n    import medloom.synthesis.task"),
        ("quality", "import ray.data"),
        ("synthesis", "if TYPE_CHECKING:\n    from prefect import flow"),
        ("catalogs", "from medloom.schemas.card import SourceCard"),
        ("flows", "from schemas.card import SourceCard"),
    ],
)
def test_the_wrong_way_is_seen(part: str, source: str) -> None:
    assert len(wrong_way(part, source)) == 1


def test_folders_are_two_deep() -> None:
    assert [str(path) for path in FILES if len(path.relative_to(REPO).parts) > 3] == []


@pytest.mark.parametrize("module", ["medloom.flows.cli", "medloom.flows.check"])
def test_the_command_line_starts_without_what_is_heavy(module: str) -> None:
    code = f"import sys, {module}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")
