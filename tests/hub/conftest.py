"""A Hub on loopback in a process of its own, and clients of it in fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for corpora and fault_proxy, which tests and the Hub's own process import
TOKEN = "hf_loopbackSecretToken0123456789"
MODES = {"xet": ["--xet"], "lfs": [], "multipart": ["--chunk", "65536"], "sizes": ["--sizes"]}


@dataclass
class LoopbackHub:
    """A running Hub: its address, what it was asked, and the environment of a client that has never been there."""

    root: Path
    address: str
    mode: str
    process: subprocess.Popen
    token: str = TOKEN

    def requests(self) -> list[dict]:
        return [json.loads(line) for line in (self.root / "requests.jsonl").read_text().splitlines()]

    def environment(self, home: Path, token: str | None = TOKEN, address: str | None = None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        kept |= {"HF_ENDPOINT": address or self.address, "HF_HOME": str(home), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        kept |= {"HF_TOKEN": token} if token else {}
        return kept | ({} if self.mode == "xet" else {"HF_HUB_DISABLE_XET": "1"})

    def client(self, code: str, home: Path, *arguments: str, token: str | None = TOKEN) -> str:
        """Runs Python in a fresh process; what it printed."""
        done = subprocess.run([sys.executable, "-c", code, *arguments], env=self.environment(home, token),
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


def start(root: Path, mode: str) -> LoopbackHub:
    command = [sys.executable, str(HERE / "server.py"), "--root", str(root), *MODES[mode]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    port = process.stdout.readline().strip()
    return LoopbackHub(root, f"http://127.0.0.1:{port}", mode, process)


def _starter(folder):
    running: list[LoopbackHub] = []

    def started(mode: str = "xet") -> LoopbackHub:
        running.append(start(folder / f"hub{len(running)}", mode))
        return running[-1]

    yield started
    for hub in running:
        hub.process.terminate()
        hub.process.wait()


@pytest.fixture
def start_hub(tmp_path):
    """Starts Hubs, and ends them."""
    yield from _starter(tmp_path)


@pytest.fixture(scope="module")
def start_module_hub(tmp_path_factory):
    """The same for all tests of a module."""
    yield from _starter(tmp_path_factory.mktemp("hubs"))
