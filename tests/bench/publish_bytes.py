"""What a change of one record in a hundred costs to publish, by hf_xet's own counters.

    python tests/bench/publish_bytes.py [--pictures 4200] [--json FILE]

Builds a corpus of that many drawn pictures of about 50 kB, each with a text of about 300 characters, then versions of
it in which 1 % of the pictures, of the texts, or of the samples have changed, and uploads each into a copy of the Xet
store that holds the first one.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import hf_xet
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "hub"))
from page_index import pages

from medloom.flows.run import run_build

CARD = """\
source: asked
title: Drawn pictures and texts
licence: CC-BY-4.0
citation: Drawn by a benchmark.
modality: dermoscopy
converter: vqa_table
params: {tables: [asked.json], pictures: ["pictures/{image}"],
  questions: {question: question, answer: answer, origin: people, language: en}}
patient: {column: patient}
split: {column: split, values: {train: train}}
verified: layout
"""
CATALOG = """\
corpus: bytes
version: 1.0.0
release: {licence: CC-BY-4.0, to: public}
sources: [{use: asked, path: asked}]
tasks: [question.given]
identity: {text: keep, burned_in: keep}
split: {by: patient, ratios: {train: 1.0}, respect_published: true}
gate: {run: false}
"""
WORDS = [f"{first}{last}" for first in ("ar", "bel", "cor", "dun", "fes", "gam", "hol", "kir") for last in
         ("an", "eth", "il", "or", "um", "ys", "and", "est", "ig", "op")]  # fmt: skip


def draw(path: Path, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(60, 190, (384, 384, 3), np.uint8)
    cv2.imwrite(str(path), cv2.GaussianBlur(noise, (3, 3), 0), [cv2.IMWRITE_JPEG_QUALITY, 88])


def rows(numbers: list[int], changed: set[int]) -> list[dict[str, str]]:
    """The table of questions; the text of a number that is in `changed` is another one."""
    found = []
    for number in numbers:
        words = random.Random(number + (10**6 if number in changed else 0)).choices(WORDS, k=50)
        found.append({"image": f"{number:05d}.jpg", "patient": f"p{number}", "split": "train",
                      "question": "What do you see here?", "answer": " ".join(words)})  # fmt: skip
    return found


def write_table(root: Path, numbers: list[int], changed: set[int] = frozenset()) -> None:
    (root / "asked.json").write_text(json.dumps(rows(numbers, changed)))


def upload(corpus: Path, store: Path) -> tuple[int, int]:
    """Bytes of the shards, and bytes that are new to the store, by hf_xet's counters."""
    session = hf_xet.XetSession()
    with session.new_upload_commit(endpoint=f"local://{store}") as commit:
        shards = sorted((corpus / "data").rglob("*.parquet"))
        handles = [commit.start_upload_file(str(path), sha256=hf_xet.COMPUTE_SHA256) for path in shards]
    metrics = [handle.result().dedup_metrics for handle in handles]
    return sum(one.total_bytes for one in metrics), sum(one.new_bytes for one in metrics)


def digests(corpus: Path) -> dict[str, str]:
    """SHA-256 of each shard, by its lock."""
    lock = json.loads((corpus / "corpus.lock.json").read_bytes())
    return {path: entry["sha256"] for path, entry in lock["shards"].items()}


def one_row(corpus: Path) -> tuple[int, int]:
    """Bytes that a reader fetches for one picture (footer, page index, its page), and those of its row group's."""
    shard = min((corpus / "data").rglob("*.parquet"))
    data, fetched = shard.read_bytes(), []

    def read(offset: int, length: int) -> bytes:
        fetched.append(length)
        return data[offset : offset + length]

    there = [page for page in pages(read, len(data)) if page.column.endswith(".bytes") and page.group == 0]
    page = next(page for page in there if page.first <= 100 < page.behind)
    return sum(fetched) + page.size, sum(page.size for page in there)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=4200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="medloom-bytes-") as scratch:
        report = measure(Path(scratch), given.pictures)
    for name, figures in report.items():
        print(f"{name:28} " + "  ".join(f"{key} {value}" for key, value in figures.items()))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1))


def measure(folder: Path, count: int) -> dict[str, dict[str, object]]:
    root = folder / "asked"
    (root / "pictures").mkdir(parents=True)
    (folder / "sources").mkdir()
    (folder / "sources" / "asked.yaml").write_text(CARD)
    (folder / "catalog.yaml").write_text(CATALOG)
    numbers = list(range(count))
    touched = set(random.Random(7).sample(numbers, count // 100))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: draw(root / "pictures" / f"{n:05d}.jpg", n), range(count + count // 100)))

    def built(name: str, follows: Path | None) -> Path:
        run_build(folder / "catalog.yaml", folder / name, work=folder / "work", resume=True, follows=follows)
        return folder / name

    write_table(root, numbers)
    first = built("first", None)
    total, new = upload(first, folder / "cas")
    fetched, group = one_row(first)
    report: dict[str, dict[str, object]] = {
        "first version": {
            "MB": round(total / 1e6, 1),
            "new MB": round(new / 1e6, 1),
        },
        "one picture of a row group": {"kB fetched": fetched // 1000, "kB of the group": group // 1000},
    }

    def version(name: str, follows: Path | None = first) -> None:
        corpus = built("next", follows)
        shutil.rmtree(folder / "cas-next", ignore_errors=True)
        shutil.copytree(folder / "cas", folder / "cas-next")
        total, new = upload(corpus, folder / "cas-next")
        before, after = (digests(each) for each in (first, corpus))
        same = sum(before[shard] == after.get(shard) for shard in before)
        report[name] = {
            "MB": round(total / 1e6, 1),
            "new MB": round(new / 1e6, 2),
            "percent": round(100 * new / total, 2),
            "shards untouched": f"{same} of {len(before)}",
        }
        print(name, report[name], flush=True)
        shutil.rmtree(folder / "next")

    more = list(range(count + count // 100))
    write_table(root, numbers, changed=touched)
    version("1 % of texts changed")
    write_table(root, more)
    version("1 % of samples added")
    version("the same, cut anew", follows=None)
    write_table(root, [number for number in numbers if number not in touched])
    version("1 % of samples removed")
    write_table(root, numbers)
    for number in touched:
        draw(root / "pictures" / f"{number:05d}.jpg", 10**6 + number)
    version("1 % of pictures changed")
    return report


if __name__ == "__main__":
    main()
