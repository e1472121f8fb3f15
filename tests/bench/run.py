"""Measures medloom against a plain loop and against peers doing the same job on the same files.

Every figure is a fresh process on one core; contestants take turns, so that a machine that slows down slows all of
them; medians and ratios within one run are what counts. Ratios are given by the clock and by processor seconds, which
other work on the machine disturbs less. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import compileall
import json
import platform
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import inputs
import loops
import measured

HERE = Path(__file__).resolve().parent
Runs = dict[str, list[dict[str, Any]]]


def ours(kind: str, folder: Path, out: Path, workers: int = 0) -> list[str]:
    catalog = str(HERE / "catalogs" / f"{kind}.yaml")
    source = ["--source", f"bench_{kind}={folder.absolute()}", "--workers", str(workers)]
    return [sys.executable, str(HERE / "ours.py"), catalog, str(out / "corpus"), *source]


def loop(kind: str, folder: Path, out: Path, *options: str) -> list[str]:
    return [sys.executable, str(HERE / "loops.py"), kind, str(folder), str(out / "rows"), *options]


def peer(python: str, name: str, kind: str, folder: Path, out: Path) -> list[str]:
    return [str(Path(python).absolute()), str(HERE / "peers.py"), name, kind, str(folder), str(out / "rows")]


def fresh(command: list[str], out: Path, one_core: bool) -> dict[str, Any]:
    """One run in an empty folder; what failed is told, not hidden."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    try:
        return measured.run(command, one_core, measured.environment())
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


def rates(runs: Runs, by: str) -> dict[str, float]:
    """Median pictures per second of those that ran, `by` "seconds" (clock) or "cpu", after a contestant's imports."""
    per_second = {
        name: [one["pictures"] / one[by] for one in found if one.get(by) and one["pictures"]]
        for name, found in runs.items()
    }
    return {name: statistics.median(found) for name, found in per_second.items() if found}


def compared(runs: Runs, count: int, few: int) -> dict[str, Any]:
    """Rates and ratios of one workload. `each_more` leaves the start out: what one more picture costs in processor
    seconds, from the whole set and a tenth of it."""
    figures: dict[str, Any] = {"inputs": count, "inputs_of_a_tenth": few}
    for by, name in (("seconds", "by_clock"), ("cpu", "by_cpu")):
        told = rates(runs, by)
        ours = told.get("medloom")
        ratio = {rival: ours / rate for rival, rate in told.items() if ours and rival not in ("medloom", TENTH)}
        figures[name] = {"pictures_per_second": told, "medloom_to": ratio}
    each = _each_more(runs)
    least = [one["cpu"] / one["pictures"] for one in runs["loop"] if one.get("cpu") and one["pictures"]]
    if each and least:
        figures["each_more"] = {"medloom_cpu_ms": 1000 * each, "loop_cpu_ms": 1000 * statistics.median(least),
                                "medloom_to_loop": statistics.median(least) / each}  # fmt: skip
    return {**figures, "peak_mb": {name: _most(found, "peak_mb") for name, found in runs.items()}, "runs": runs}


TENTH = "medloom, a tenth"


def _each_more(runs: Runs) -> float | None:
    whole, part = (
        [(one["cpu"], one["pictures"]) for one in runs.get(name, []) if "cpu" in one] for name in ("medloom", TENTH)
    )
    more = [(cpu - less) / (many - few) for (cpu, many), (less, few) in zip(whole, part, strict=False) if many > few]
    return statistics.median(more) if more else None


def _most(found: list[dict[str, Any]], what: str) -> float | None:
    return max((one[what] for one in found if what in one), default=None)


def orchestration(in_process: Runs, on_ray: dict[str, Any]) -> dict[str, Any]:
    """The share of a build on Ray with one worker that the same build in one process doesn't take: of its stages, from
    the first to the last, and with the start of Prefect and Ray."""
    here = [one for one in in_process["medloom"] if "wall" in one]
    if not here or "wall" not in on_ray:
        return {"one_worker": on_ray}
    stages = 1 - statistics.median(_staged(one) for one in here) / _staged(on_ray)
    whole = 1 - statistics.median(one["wall"] for one in here) / on_ray["wall"]
    return {"share_of_stages": stages, "share_with_start": whole, "one_worker": on_ray}


def _staged(one: dict[str, Any]) -> float:
    """Seconds of the stages, which follow each other where there is one source."""
    return float(sum(one["stages"].values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="Python of the environment that the peers live in")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="these workloads alone, and nothing of start-up and orchestration")
    parser.add_argument("--quick", action="store_true", help="a twentieth of it, one round")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "build" / "bench-data")
    asked = parser.parse_args()
    pictures, rounds = (asked.pictures // 20, 1) if asked.quick else (asked.pictures, asked.rounds)
    counts = {
        "jpeg": pictures, "masks": max(100, pictures // 50), "volumes": max(10, pictures // 250),
        "dicom": max(4, pictures // 1000), "dicom_j2k": max(2, pictures // 10_000), "video": max(2, pictures // 2500),
    }  # fmt: skip
    wanted = asked.only or list(counts)
    for part in ("schemas", "converters", "synthesis", "quality", "flows", "catalogs", "tests/bench"):
        compileall.compile_dir(HERE.parents[1] / part, quiet=1)  # else the first run would do so
    asked.data.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"machine": measured.machine(), "platform": platform.platform(), "rounds": rounds}
    with tempfile.TemporaryDirectory(dir=asked.data.parent) as scratch:
        out = Path(scratch) / "run"
        for kind in wanted:
            few = max(1, counts[kind] // 10)
            folder, tenth = (inputs.make(asked.data, kind, number) for number in (counts[kind], few))
            commands = {"medloom": ours(kind, folder, out), "loop": loop(kind, folder, out)}
            commands[TENTH] = ours(kind, tenth, out)
            if kind in loops.BARE:
                commands["decoder alone"] = loop(kind, folder, out, "--bare")
            elif asked.peers:
                some = tenth if kind == "jpeg" else folder
                commands |= {name: peer(asked.peers, name, kind, some, out) for name in ("datasets", "data_juicer")}
            measured.warm(folder)
            figures[kind] = compared(contest(commands, rounds, out), counts[kind], few)
        if not asked.only:
            many, tiny = (inputs.make(asked.data, "jpeg", number) for number in (pictures, 400))
            measured.warm(many)  # the other workloads may have driven it out of memory
            on_ray = fresh(ours("jpeg", many, out, 1), out, False)
            figures["orchestration"] = orchestration(figures["jpeg"]["runs"], on_ray)
            least = [sys.executable, str(HERE / "startup.py")]
            commands = {"tiny build, two workers": ours("jpeg", tiny, out, 2), "empty flow and bare ray": least}
            starts = contest(commands, rounds, out, one_core=False)
            walls = {name: [one["wall"] for one in found if "wall" in one] for name, found in starts.items()}
            middle = {name: statistics.median(found) for name, found in walls.items() if found}
            ratio = middle[next(iter(commands))] / middle["empty flow and bare ray"] if len(middle) == 2 else None
            figures["start_up"] = {**middle, "ratio": ratio, "runs": starts}
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
