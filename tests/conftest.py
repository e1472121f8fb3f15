"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure: what is slow is told by --durations, not by a law that fails now and then.
settings.register_profile("medloom", deadline=None, derandomize=os.environ.get("MEDLOOM_CI") == "1")
settings.load_profile("medloom")
REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real public datasets in native layout (`MEDLOOM_TEST_DATA`, else beside the checkout)."""
    found = Path(os.environ.get("MEDLOOM_TEST_DATA", REPO.parent / "shared" / "data"))
    if not found.is_dir():
        told = f"no real data: {found} is not there (set MEDLOOM_TEST_DATA)"
        pytest.fail(told) if os.environ.get("MEDLOOM_CI") == "1" else pytest.skip(told)
    return found
