"""What consumers' own loaders say of an export; run by the Python of `.venv-consumers`.

``python consumers.py swift FILE``, ``python consumers.py trl FILE.parquet``, ``python consumers.py torch CORPUS``:
a line of JSON on the standard output.
"""

from __future__ import annotations

import json
import sys
from collections import Counter


def swift(file: str) -> dict[str, object]:
    """ms-swift's own preprocessors over a file of lines."""
    from swift.dataset import load_dataset

    rows, _ = load_dataset([file], split_dataset_ratio=0.0, remove_unused_columns=False, load_from_cache_file=False)
    objects = [row["objects"] for row in rows if row.get("objects")]
    return {
        "rows": len(rows),
        "images": sum(len(row["images"] or []) for row in rows),
        "tags": sum(turn["content"].count("<image>") for row in rows for turn in row["messages"]),
        "boxes": sum(len(one["bbox"]) for one in objects),
        "roles": sorted({turn["role"] for row in rows for turn in row["messages"]}),
    }


def trl(file: str) -> dict[str, object]:
    """TRL's own view of a row: is it conversational, and do its pictures find their places?"""
    from datasets import load_dataset
    from trl.data_utils import is_conversational, prepare_multimodal_messages

    rows = load_dataset("parquet", data_files=file, split="train")
    counted: Counter[str] = Counter()
    for row in rows:
        assert is_conversational(row), row
        messages = row["prompt"] + (row.get("completion") or row["chosen"])
        ready = prepare_multimodal_messages(messages, images=row["images"])
        parts = [part for turn in ready for part in turn["content"]]
        counted["pictures"] += sum(part["type"] == "image" and part["image"].size[0] > 0 for part in parts)
        counted["texts"] += sum(part["type"] == "text" and bool(part["text"]) for part in parts)
    return {"rows": len(rows), **counted}


def torch(corpus: str) -> dict[str, object]:
    """torch's own DataLoader over `medloom.load(...).torch(...)`, with two workers."""
    from torch.utils.data import DataLoader, IterableDataset

    import medloom

    reader = medloom.load(corpus).torch("vqa", "train", seed=5)
    assert isinstance(reader, IterableDataset)
    seen = [element["id"] for element in DataLoader(reader, batch_size=None, num_workers=2)]
    return {"seen": len(seen), "different": len(set(seen))}


if __name__ == "__main__":
    print(json.dumps({"swift": swift, "trl": trl, "torch": torch}[sys.argv[1]](sys.argv[2])))
