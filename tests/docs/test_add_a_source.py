"""The tutorial, block by block: what it writes is written, what it types is run, what it shows is compared."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "add-a-source.md"
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)```", re.DOTALL)
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
"""So that pip builds with the setuptools that are here. "0" is pip's own spelling of no isolation."""


def matches(shown: str, printed: str) -> bool:
    """Whether what the page shows is what was printed: ``...`` is anything, over lines where it stands alone."""
    lines = [
        ".*" if line.strip() == "..." else ".*?".join(map(re.escape, line.rstrip().split("...")))
        for line in shown.strip().splitlines()
    ]
    wanted = "\n".join(lines).replace(".*\n", "(?:.*\n)*?").replace("\n.*", "(?:\n.*)*?")
    found = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    return re.fullmatch(wanted, found) is not None


def test_the_comparison_compares() -> None:
    assert matches("a\n...\nd", "a\nb\nc\nd") and matches("a ... c", "a b c") and matches("...\nb", "a\nb")
    assert matches("a\n...", "a\nb") and matches("...\nb\n...", "a\nb\nc")
    assert not matches("a\nb", "a\nb\nc") and not matches("...\nx\n...", "a\nb") and not matches("a ... c", "a b d")


def test_every_block_of_the_tutorial(make_workshop, tmp_path: Path) -> None:
    workshop = make_workshop()
    printed: str | None = None
    ran = compared = 0
    for block in BLOCK.finditer(PAGE.read_text("utf-8")):
        kind, body = block["kind"], block["body"]
        line = PAGE.read_text("utf-8").count("\n", 0, block.start()) + 1
        if block["file"]:
            (tmp_path / block["file"]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block["file"]).write_text(body, "utf-8")
        elif kind == "sh":
            done = workshop.run("bash", "-e", "-c", body, cwd=tmp_path, **OFFLINE)
            assert done.returncode == 0, f"line {line}:\n{body}\n{done.stdout}\n{done.stderr}"
            printed, ran = done.stdout, ran + 1
        else:
            assert kind == "text" and printed is not None, f"line {line}: a block that nobody runs"
            assert matches(body, printed), f"line {line}: shown\n{body}\nprinted\n{printed}"
            printed, compared = None, compared + 1
    assert ran >= 10 and compared >= 9


def test_its_converter_is_as_short_as_it_says() -> None:
    (code,) = re.findall(r"```python\n(?=[^`]*class FilmReadings)([^`]*)```", PAGE.read_text("utf-8"))
    body = [line for line in code.split("class FilmReadings")[1].splitlines() if line.strip()]
    assert len(body) <= 36
