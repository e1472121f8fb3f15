"""Nothing phones home unless the user says so, and it is said before the libraries are imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from medloom.flows.telemetry import OFF, switch_off


def test_every_library_is_switched_off_and_a_users_word_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OFF:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    switch_off()
    import os

    assert {name: os.environ[name] for name in OFF} == OFF | {"RAY_USAGE_STATS_ENABLED": "1"}


def test_the_libraries_themselves_take_it_as_off() -> None:
    code = """
from medloom.flows.telemetry import switch_off
switch_off()
from prefect.settings import get_current_settings
from ray._common.usage.usage_lib import usage_stats_enabled
from huggingface_hub import constants
assert get_current_settings().server.analytics_enabled is False
assert usage_stats_enabled() is False
assert constants.HF_HUB_DISABLE_TELEMETRY is True
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PATH": "/usr/bin", "HOME": "/tmp"})
