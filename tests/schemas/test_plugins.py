"""Plugins: what is installed is found by group, also where the path has changed since."""

from __future__ import annotations

from pathlib import Path

import pytest

from medloom.schemas.plugins import plugins


def test_a_package_that_comes_later_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "class_folders" in plugins("medloom.converters") and "late" not in plugins("medloom.converters")
    package = tmp_path / "late-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: late\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[medloom.converters]\nlate = late:Late\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = plugins("medloom.converters")
    assert found["late"].value == "late:Late" and "class_folders" in found
    assert "late" not in plugins("medloom.tasks")
