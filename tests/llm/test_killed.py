"""A whole build through real vLLM servers, killed with -9 at work and taken up again with two servers."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from .conftest import MODELS, SMALL

pytestmark = [pytest.mark.llm, pytest.mark.slow]
CATALOG = """\
corpus: told
version: 1.0.0
release: {{licence: CC0-1.0, to: public}}
sources: [{{use: phantom_xray, path: "phantom:7/xray_coco", limit: 8}}]
tasks: [caption, {{write.gemex: {{per_picture: 3}}}}]
synthesis:
  {engine}
  model: {model}
  concurrency: 4
  sampling: {{temperature: 0}}
filters: [structure, geometry]
gate: {{run: false}}
"""
SERVERS = """engine: vllm
  servers:
    count: {count}
    python: {python}
    gpus: 0
    cpus: 0
    max_model_len: 2048
    environment: {{VLLM_CPU_KVCACHE_SPACE: "1", HF_HUB_OFFLINE: "1", OMP_NUM_THREADS: "1"}}
    arguments: {arguments}"""
NOBODY = "engine: openai\n  base_url: http://127.0.0.1:9/v1"


class Folder:
    """A folder with catalogs of one corpus, and a name of the model that no other process has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = folder / "smollm2"
        self.model.symlink_to(MODELS / "smollm2-135m")
        self.out = folder / "out"
        self.answers = folder / ".medloom-answers" / "answers.sqlite"

    def build(self, engine: str, out: Path, *more: str) -> subprocess.Popen[str]:
        catalog = self.folder / "catalog.yaml"
        catalog.write_text(CATALOG.format(engine=engine, model=self.model))
        return subprocess.Popen(
            [sys.executable, "-m", "medloom.flows.cli", "build", str(catalog), "--out", str(out), "--workers", "0",
             *more],
            stdout=subprocess.PIPE, stderr=(self.folder / "errors").open("w"), text=True, start_new_session=True,
        )  # fmt: skip

    def servers(self) -> dict[int, int]:
        """Process group and port of each server."""
        found = subprocess.run(["ps", "-ww", "-eo", "pgid=,args="], capture_output=True, text=True, check=True).stdout
        rows = [line for line in found.splitlines() if "api_server" in line and str(self.model) in line]
        return {int(row.split()[0]): int(re.findall(r"--port (\d+)", row)[0]) for row in rows}

    def keys(self) -> set[bytes]:
        try:
            with sqlite3.connect(f"file:{self.answers}?mode=ro", uri=True) as base:
                return {row[0] for row in base.execute("SELECT key FROM answers")}
        except sqlite3.Error:
            return set()


def answered(port: int) -> int:
    """How many requests a server has answered, by its own count."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
            text = reply.read().decode()
    except OSError:
        return 0
    return int(sum(float(n) for n in re.findall(r"^vllm:request_success_total{.*} (\S+)$", text, re.MULTILINE)))


def alive(group: int) -> bool:
    found = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return any(int(line.split()[0]) == group and "Z" not in line for line in found.splitlines())


def shards(out: Path) -> dict[str, str]:
    files = sorted((out / "data").rglob("*.parquet"))
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_killed_at_work_it_leaves_no_server_and_asks_nothing_twice(tmp_path: Path) -> None:
    here = Folder(tmp_path)
    arguments = [*SMALL["arguments"], "--dtype", "float32"]
    one, two = (SERVERS.format(count=count, python=SMALL["python"], arguments=arguments) for count in (1, 2))

    run = here.build(one, here.out)
    while run.poll() is None and len(here.keys()) < 6:
        time.sleep(0.05)
    assert run.poll() is None, (tmp_path / "errors").read_text()
    (group,) = here.servers()
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    until = time.monotonic() + 60
    while alive(group) and time.monotonic() < until:
        time.sleep(0.2)
    assert not alive(group), "a server outlived the build that started it"
    saved = here.keys()

    run = here.build(two, here.out, "--resume")
    seen: dict[int, int] = {}
    while run.poll() is None:
        for port in here.servers().values():
            seen[port] = max(seen.get(port, 0), answered(port))
        time.sleep(0.1)
    said = run.stdout.read() if run.stdout else ""
    assert run.returncode == 0, (tmp_path / "errors").read_text()
    every = here.keys()
    (asked,) = re.findall(r"([\d,]+) asked in this run", said)
    assert len(saved) >= 6 and saved < every
    assert int(asked) == len(every) - len(saved), "each answer that was missing was asked for once, and no other"
    assert len(seen) == 2 and all(seen.values()), "both servers had a part in it"
    assert sum(seen.values()) <= len(every) - len(saved), "by the servers' own count"
    assert not here.servers()

    other = tmp_path / "undisturbed"
    run = here.build(NOBODY, other / "out", "--answers", str(here.answers))
    said = run.communicate()[0]
    assert run.returncode == 0 and re.search(r"\b0 asked in this run", said), (tmp_path / "errors").read_text()
    assert shards(other / "out") == shards(here.out) != {}
