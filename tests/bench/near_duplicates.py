"""The cost curve of the near-duplicate search and of decontamination: seconds and memory by number of pictures.

`make bench-duplicates`, or ``python tests/bench/near_duplicates.py --counts 100000 1000000``. Every figure is a fresh
process. The hashes are drawn: 5 % are near-duplicates of others, 1 % are one picture again and again (blank ones), and
1 % agree with each other in 40 of 64 bits. `search` finds all pairs of unequal hashes, `pictures` the pairs whose
statistics agree, and closes their chains, `benchmark` looks the hashes up in an index of 100,000 pictures, 16 hashes
each.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

DISTANCE, INDEXED = 4, 1_600_000


def hashes(count: int) -> np.ndarray:
    """`count` hashes with planted near-duplicates, repeats and a crowd; the same for the same count."""
    draw = np.random.default_rng(count)
    values = draw.integers(0, 2**64, count, np.uint64, endpoint=False)
    near, same = count // 20, count // 100
    flips = np.uint64(1) << draw.integers(0, 64, (3, near), np.uint64)
    values[:near] = values[-near:] ^ np.bitwise_or.reduce(flips, axis=0)
    values[near : near + same] = values[near]
    values[near + same : near + 2 * same] &= np.uint64(0xFFFFFF)
    return values


def search(count: int) -> dict[str, int]:
    from medloom.quality.near_search import near_blocks

    return {"found": sum(len(left) for left, _ in near_blocks(np.unique(hashes(count)), DISTANCE))}


def pictures(count: int) -> dict[str, int]:
    import polars as pl

    from medloom.quality.components import linked
    from medloom.quality.duplicates import picture_blocks

    draw = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "sha256": pl.int_range(count, eager=True).cast(pl.String).str.zfill(64),
            "phash": [format(value, "016x") for value in hashes(count).tolist()],
            "mean": draw.integers(60, 70, count).astype(np.float32),
            "std": draw.integers(40, 45, count).astype(np.float32),
            "width": np.full(count, 512, np.int32),
            "height": np.full(count, 512, np.int32),
        }
    )
    began = time.perf_counter()
    found = len(np.unique(linked(count, picture_blocks(frame))))
    return {"found": count - found, "seconds_alone": round(time.perf_counter() - began, 2)}


def benchmark(count: int) -> dict[str, int]:
    from medloom.quality.near_search import near_between

    known = np.random.default_rng(2).integers(0, 2**64, INDEXED, np.uint64, endpoint=False)
    asked = hashes(count)
    flips = np.uint64(1) << np.random.default_rng(3).integers(0, 64, (3, count // 100), np.uint64)
    known[: count // 100] = (asked[-(count // 100) :] ^ np.bitwise_or.reduce(flips, axis=0))[: len(known)]
    return {"found": sum(len(left) for left, _ in near_between(asked, np.unique(known), DISTANCE))}


JOBS = {"search": search, "pictures": pictures, "benchmark": benchmark}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--counts", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    options.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    options.add_argument("--one", nargs=2, metavar=("JOB", "COUNT"), help="do one job here and print it as JSON")
    options.add_argument("--json", type=Path)
    asked = options.parse_args()
    if asked.one:
        began, job = time.perf_counter(), JOBS[asked.one[0]]
        found = job(int(asked.one[1]))
        print(json.dumps({"seconds": round(time.perf_counter() - began, 2), "cpu": time.process_time(), **found}))
        return
    from measured import run

    figures = []
    print(f"{'job':<10} {'hashes':>12} {'found':>10} {'seconds':>9} {'cpu s':>8} {'peak MB':>8} {'load':>6}")
    for job in asked.jobs:
        for count in asked.counts:
            row = run([sys.executable, __file__, "--one", job, str(count)])
            load = os.getloadavg()[0]
            figures.append({"job": job, "hashes": count, "load": load, **row})
            print(
                f"{job:<10} {count:>12,} {row['found']:>10,} {row['seconds']:>9.1f} {row['cpu']:>8.1f} "
                f"{row['peak_mb']:>8.0f} {load:>6.1f}",
                flush=True,
            )
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
