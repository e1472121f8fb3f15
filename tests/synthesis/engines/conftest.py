"""Servers on loopback that answer, or fail as they are told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@contextmanager
def fault_server(port: int = 0, log: Path | None = None) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a server that fails as it is told, and its process."""
    command = [sys.executable, str(HERE / "fault_server.py"), str(port), *([str(log)] if log else [])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdin is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1", process
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with fault_server() as (url, _):
        yield url
