"""Corpora of drawn pictures, built for real: all of them passed on, or only as text, or only as an index."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "hub"))  # for corpora, which tests of the Hub share


@pytest.fixture(scope="session")
def mixed(tmp_path_factory) -> Path:
    """A folder with the sources open, asked (index) and told (text), and the corpus that is made of them in one/."""
    import corpora

    folder = tmp_path_factory.mktemp("mixed")
    corpora.draw_folders(folder / "open", range(16))
    corpora.draw_questions(folder / "asked", range(16), 7, "ruddy")
    corpora.draw_questions(folder / "told", range(8), 8, "pallid")
    corpora.build(corpora.write_catalog(folder, "1.0.0", open="bytes", asked="index", told="text"), folder / "one")
    return folder
