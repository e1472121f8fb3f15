"""A real browser for the page."""

from __future__ import annotations

import os
import shutil

import pytest

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")  # while it is open, playwright's event loop is this thread's
def browser():
    """Chromium from `MEDLOOM_BROWSER` or the PATH. Without one the test is skipped, but never where MEDLOOM_CI=1."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("MEDLOOM_BROWSER") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        told = "no browser: install Debian's chromium, or name one in MEDLOOM_BROWSER"
        pytest.fail(told) if os.environ.get("MEDLOOM_CI") == "1" else pytest.skip(told)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield running
        running.close()
