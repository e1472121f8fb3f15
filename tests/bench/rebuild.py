"""What a rebuild costs after one of twenty sources has changed, beside that source's own share of a full build.

``python tests/bench/rebuild.py [--pictures 150] [--json build/rebuild.json]``: seconds of wall clock and of processor
(the process and all that it started), and their ratios. The fixed costs of any build, start-up and documents, are
measured too: a resume with nothing to do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import yaml
from inputs import make

HERE = Path(__file__).parent
SOURCES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=150, help="of each source")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    work = Path("build") / "rebuild"
    shutil.rmtree(work, ignore_errors=True)
    catalog = prepare(work, make(Path("build") / "bench-data", "masks", asked.pictures))
    full = build(catalog, work / "corpus")
    nothing = build(catalog, work / "corpus", "--resume")
    touch_every_picture(work / "data" / "source_07")
    one = build(catalog, work / "corpus", "--resume")
    told = {
        "pictures": asked.pictures * SOURCES,
        "full": full,
        "nothing_changed": nothing,
        "one_of_20_changed": one,
        "ratio_to_its_share": {name: one[name] / (full[name] / SOURCES) for name in full},
        "ratio_above_fixed_costs": {
            name: (one[name] - nothing[name]) / ((full[name] - nothing[name]) / SOURCES) for name in full
        },
    }
    print(json.dumps(told, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=1) + "\n")


def prepare(work: Path, pictures: Path) -> Path:
    """The catalog, with a card and a copy of the data for each source."""
    card = yaml.safe_load((HERE / "catalogs" / "sources" / "bench_masks.yaml").read_text())
    catalog = yaml.safe_load((HERE / "catalogs" / "masks.yaml").read_text())
    (work / "sources").mkdir(parents=True)
    uses = []
    for number in range(SOURCES):
        name = f"source_{number:02d}"
        shutil.copytree(pictures, work / "data" / name)
        (work / "sources" / f"{name}.yaml").write_text(yaml.safe_dump(card | {"source": name}))
        uses.append({"use": name, "path": f"data/{name}"})
    (work / "catalog.yaml").write_text(yaml.safe_dump(catalog | {"corpus": "rebuilt", "sources": uses}))
    return work / "catalog.yaml"


def touch_every_picture(folder: Path) -> None:
    """Changes one pixel of every picture that is no mask."""
    for path in sorted(folder.rglob("*.png")):
        if "mask" in path.as_posix().removeprefix(folder.as_posix()):
            continue
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        picture[0, 0] ^= 1
        cv2.imwrite(str(path), picture)


def build(catalog: Path, out: Path, *more: str) -> dict[str, float]:
    """Wall and processor seconds of one build in a process of its own."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "medloom.flows.cli", "build", str(catalog), "--out", str(out), "--workers", "0"]
    subprocess.run([*command, *more], check=True, capture_output=True, env=os.environ | {"MEDLOOM_LOG": "json"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": time.perf_counter() - began, "processor": seconds}


if __name__ == "__main__":
    main()
