"""One build by medloom, as `medloom build` does it, with its seconds by stage. Prints one JSON line.

python ours.py CATALOG OUT --source NAME=PATH --workers N
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import time
from pathlib import Path

from medloom.flows.heap import share_freed
from medloom.flows.telemetry import switch_off


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--source", required=True)
    parser.add_argument("--workers", type=int, default=0)
    asked = parser.parse_args()
    switch_off()
    share_freed()
    from medloom.flows.run import run_build

    name, _, path = asked.source.partition("=")
    began, used = time.perf_counter(), _cpu()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        build = run_build(asked.catalog, asked.out, {name: path}, asked.workers)
    seconds, cpu = time.perf_counter() - began, _cpu() - used
    print(said.getvalue(), file=sys.stderr)
    reports = [report for state in build.sources.values() for report in state.reports]
    print(json.dumps({
        "pictures": sum(report.views for report in reports), "seconds": seconds, "cpu": cpu, "stages": build.seconds,
        "unit_seconds": sum(report.seconds for report in reports), "units": len(reports),
    }))  # fmt: skip


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    main()
