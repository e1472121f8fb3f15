"""One small clinic for all phantom tests: its four patients show most of what can happen."""

from __future__ import annotations

from pathlib import Path

import pytest

from medloom.converters.phantom.clinic import Clinic, write_clinic


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    return write_clinic(tmp_path_factory.mktemp("phantom") / "clinic", seed=5, patients=4)


@pytest.fixture(scope="session")
def root(clinic: Clinic) -> Path:
    return clinic.root
