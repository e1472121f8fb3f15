"""The page on loading and exporting: its Python runs, and its table names every format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from medloom.flows.export.run import FORMS

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")


def test_the_examples_run(small_corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"<!-- run: load -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code.replace("build/quickstart", str(small_corpus)), {})
    told = capsys.readouterr().out
    assert "<medloom corpus exported 2.1.0" in told and "'role': 'assistant'" in told


def test_the_table_names_every_format() -> None:
    assert {row.split()[0] for row in re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)} == {"--to", *FORMS}
