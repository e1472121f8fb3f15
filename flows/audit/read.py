"""Read: somebody else's corpus, whatever it is, as a stream of items."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from medloom.flows.audit.items import Item, items_of, kind_of
from medloom.schemas.errors import CatalogError

READ = (".json", ".jsonl", ".ndjson", ".parquet", ".tsv", ".csv", ".txt")
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
_SPLIT = re.compile(r"(?i)(?:^|[^a-z])(train|val|valid|validation|dev|test)(?:[^a-z]|$)")
_SPLITS = {"val": "validation", "valid": "validation", "dev": "validation"}
_LISTS = ("data", "annotations", "items", "questions", "samples")


class Found(msgspec.Struct):
    """What the reader met: kinds of rows by number, files, and rows that it could make nothing of, with a reason."""

    kinds: Counter[str] = msgspec.field(default_factory=Counter)
    files: list[str] = msgspec.field(default_factory=list)
    unread: Counter[str] = msgspec.field(default_factory=Counter)
    rows: int = 0


def read_items(path: Path, found: Found) -> Iterator[Item]:
    """Items of a file, or of every file of a folder, in order; `found` is filled on the way.

    JSON Lines, CSV, TSV and Parquet are streamed, a JSON array is decoded whole. Raises CatalogError where nothing
    there is a corpus.
    """
    if not path.exists():
        raise CatalogError(f"{path}: no such file or folder")
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix.lower() in READ)
    for file in files:
        split = _split(file, path)
        before = found.rows
        try:
            for row in _rows(file):
                kind = kind_of(row) if isinstance(row, dict) else None
                if kind is None:
                    keys = ", ".join(sorted(map(str, row))[:6]) if isinstance(row, dict) else type(row).__name__
                    found.unread[
                        f"{file.name}: no question, caption or preference in a row with {keys or 'nothing'}"
                    ] += 1
                    continue
                found.kinds[kind] += 1
                found.rows += 1
                yield from items_of(row, kind, found.rows, split)
        except (ValueError, OSError, UnicodeDecodeError, csv.Error, msgspec.DecodeError) as error:
            found.unread[f"{file.name}: {error}"] += 1
        if found.rows > before:
            found.files.append(str(file.relative_to(path) if path.is_dir() else file.name))
    if not found.rows:
        told = "; ".join(reason for reason, _ in found.unread.most_common(3))
        raise CatalogError(
            f"{path}: nothing here is a corpus that can be audited ({told or 'no ' + ', '.join(READ)} file); "
            "docs/audit.md lists what is read"
        )


def _split(file: Path, root: Path) -> str:
    parts = [file.stem, *(part for part in file.relative_to(root).parts[:-1][::-1])] if root.is_dir() else [file.stem]
    for part in parts:
        if hit := _SPLIT.search(part):
            return _SPLITS.get(hit.group(1).lower(), hit.group(1).lower())
    return ""


def _rows(file: Path) -> Iterator[Any]:
    suffix = file.suffix.lower()
    if suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=256):
                yield from batch.to_pylist()
        except pa.ArrowInvalid as error:
            raise ValueError(str(error)) from None
    elif suffix in (".jsonl", ".ndjson"):
        with file.open("rb") as lines:
            yield from (msgspec.json.decode(line) for line in lines if line.strip())
    elif suffix == ".json":
        yield from _json_rows(file)
    elif suffix in (".csv", ".tsv"):
        csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        with file.open(newline="", encoding="utf-8-sig") as lines:
            yield from csv.DictReader(lines, delimiter="\t" if suffix == ".tsv" else ",")
    else:
        yield from _piped(file)


def _json_rows(file: Path) -> Iterator[Any]:
    data = file.read_bytes()
    try:
        whole = msgspec.json.decode(data)
    except msgspec.DecodeError:
        try:
            whole = json.loads(data)  # NaN and Infinity
        except ValueError:
            yield from (msgspec.json.decode(line) for line in data.splitlines() if line.strip())
            return
    if isinstance(whole, dict):
        lists = [whole[key] for key in _LISTS if isinstance(whole.get(key), list)]
        whole = lists[0] if lists else [whole]
    yield from whole


def _piped(file: Path) -> Iterator[dict[str, str]]:
    """picture|question|answer or picture|category|question|answer, as VQA-Med ships."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            parts = line.rstrip("\n").split("|")
            if len(parts) in (3, 4):
                category = parts[1] if len(parts) == 4 else ""
                yield {"image": parts[0], "category": category, "question": parts[-2], "answer": parts[-1]}
