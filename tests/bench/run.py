"""Measures medloom against a plain loop and against peers doing the same job on the same files.

Every figure is a fresh process on one core; contestants take turns, so that a machine that slows down slows all of
them; medians and ratios within one run are what counts. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import inputs
import measured

HERE = Path(__file__).resolve().parent
Runs = dict[str, list[dict[str, Any]]]


def ours(kind: str, folder: Path, out: Path, workers: int = 0) -> list[str]:
    catalog = str(HERE / "catalogs" / f"{kind}.yaml")
    source = ["--source", f"bench_{kind}={folder.absolute()}", "--workers", str(workers)]
    return [sys.executable, str(HERE / "ours.py"), catalog, str(out / "corpus"), *source]


def loop(kind: str, folder: Path, out: Path) -> list[str]:
    return [sys.executable, str(HERE / "loops.py"), kind, str(folder), str(out / "rows")]


def peer(python: str, name: str, kind: str, folder: Path, out: Path) -> list[str]:
    return [str(Path(python).absolute()), str(HERE / "peers.py"), name, kind, str(folder), str(out / "rows")]


def fresh(command: list[str], out: Path, one_core: bool) -> dict[str, Any]:
    """One run in an empty folder; what failed is told, not hidden."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    try:
        return measured.run(command, one_core)
    except measured.Failed as failed:
        return {"failed": str(failed)[-400:]}


def contest(commands: dict[str, list[str]], rounds: int, out: Path, one_core: bool = True) -> Runs:
    """All contestants in turn, `rounds` times."""
    runs: Runs = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(fresh(command, out, one_core))
            print(f"  {name}: {json.dumps(runs[name][-1])}", file=sys.stderr, flush=True)
    return runs


def rates(runs: Runs) -> dict[str, float]:
    """Median pictures per second of those that ran, by wall clock after imports of the contestant."""
    per_second = {
        name: [one["pictures"] / one["seconds"] for one in found if "seconds" in one] for name, found in runs.items()
    }
    return {name: statistics.median(found) for name, found in per_second.items() if found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="Python of the environment that the peers live in")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a twentieth of it, one round")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "build" / "bench-data")
    asked = parser.parse_args()
    pictures, rounds = (asked.pictures // 20, 1) if asked.quick else (asked.pictures, asked.rounds)
    counts = {"jpeg": pictures, "masks": max(100, pictures // 50), "volumes": max(6, pictures // 2000)}
    small = {"jpeg": max(400, pictures // 10), "masks": counts["masks"], "volumes": counts["volumes"]}
    asked.data.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {
        "machine": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version(), "rounds": rounds,
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=asked.data.parent) as scratch:
        out = Path(scratch) / "run"
        for kind, count in counts.items():
            folder, few = (inputs.make(asked.data, kind, number) for number in (count, small[kind]))
            commands = {"medloom": ours(kind, folder, out), "loop": loop(kind, folder, out)}
            if asked.peers:
                commands |= {name: peer(asked.peers, name, kind, few, out) for name in ("datasets", "data_juicer")}
            runs = contest(commands, rounds, out)
            told = rates(runs)
            ratio = {name: told["medloom"] / rate for name, rate in told.items() if name != "medloom"}
            figures[kind] = {"pictures": count, "pictures_per_second": told, "medloom_to": ratio, "runs": runs}
        many, tenth = (inputs.make(asked.data, "jpeg", number) for number in (pictures, pictures // 10))
        peaks = {
            str(n): fresh(ours("jpeg", folder, out), out, True)["peak_mb"]
            for n, folder in ((pictures // 10, tenth), (pictures, many))
        }
        figures["peak_mb"] = peaks
        on_ray = fresh(ours("jpeg", many, out, 1), out, False)
        figures["orchestration"] = {"one_worker": on_ray, "in_process": figures["jpeg"]["runs"]["medloom"][0]}
        tiny = inputs.make(asked.data, "jpeg", 400)
        least = [sys.executable, str(HERE / "startup.py")]
        commands = {"tiny build, two workers": ours("jpeg", tiny, out, 2), "empty flow and bare ray": least}
        starts = contest(commands, rounds, out, one_core=False)
        walls = {name: statistics.median(one["wall"] for one in found) for name, found in starts.items()}
        figures["start_up"] = {**walls, "runs": starts}
    short = {
        name: {k: v for k, v in part.items() if k != "runs"} if isinstance(part, dict) else part
        for name, part in figures.items()
    }
    print(json.dumps(short, indent=1))
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
