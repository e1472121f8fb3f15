"""One command in a process of its own: wall clock, processor seconds, and the most memory of it and all it started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

SAMPLE_SECONDS = 0.5
TIMEOUT_S = 1500
_TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The command ended with another code than 0."""


def run(command: list[str], one_core: bool = False, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """What the command printed as its last line of JSON, with `wall` (whole process), `tree_cpu` and `peak_mb`.

    `tree_cpu` are the processor seconds, user and system, of the process and its descendants, also of those that no
    one waits for, as last seen. `peak_mb` is the largest sum, over the same processes, of private memory plus each
    one's share of what they share (PSS), sampled twice a second. `one_core` keeps all threads of it on one core.
    """
    prefix = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] if one_core else []
    began = time.perf_counter()
    process = subprocess.Popen(
        [*prefix, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    sampler = _Sampler(process.pid)
    sampler.start()
    try:
        out, errors = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        sampler.stop()
        raise Failed(f"{' '.join(command)} took more than {TIMEOUT_S} s") from None
    wall = time.perf_counter() - began
    sampler.stop()
    if process.returncode:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}:\n{errors[-3000:]}")
    found = json.loads(out.strip().splitlines()[-1])
    return {**found, "wall": wall, "tree_cpu": sum(sampler.cpu.values()), "peak_mb": sampler.peak / 2**20}


class _Sampler(threading.Thread):
    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root = root
        self.peak = 0
        self.cpu: dict[int, float] = {}
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            family = _family(self.root)
            self.cpu.update((pid, used) for pid in family if (used := _cpu(pid)))
            self.peak = max(self.peak, sum(_pss(pid) for pid in family))

    def stop(self) -> None:
        self._over.set()
        self.join()


def _family(root: int) -> list[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found, at = [root], 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found


def _cpu(pid: int) -> float:
    """Seconds of a process itself."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def warm(folder: Path) -> None:
    """Reads every file, so that each run finds them in memory; writes out what earlier runs left to write."""
    os.sync()
    for where, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(where, name), "rb", buffering=0) as file:
                while file.read(1 << 22):
                    pass


def environment() -> dict[str, str]:
    """Bytecode is kept, as for every user; threads are as the libraries choose."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONHASHSEED": "0"}


def machine() -> dict[str, Any]:
    """What it ran on."""
    names = {"model name": "cpu", "MemTotal": "memory"}
    found: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "python": sys.version.split()[0]}
    for file in ("/proc/cpuinfo", "/proc/meminfo"):
        for line in Path(file).read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() in names:
                found.setdefault(names[key.strip()], value.strip())
    return found | {"load_at_start": os.getloadavg()[0], "kernel": os.uname().release}
