"""Scan: a last look at the outgoing files for what may not leave, by n-grams of words and by hashes of pictures.

It knows nothing of how the files were made: it takes what is withheld from the full shards, and searches every string
and every picture that goes out.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from medloom.flows.publish.outgoing import OutgoingFile

WORDS = 5
"""So many words in a row are a quotation."""
DISTANCE = 2
"""Bits by which the hash of an outgoing picture may differ from that of one that stays."""
_WORD = re.compile(r"[^\W_]+")
_PICTURE = re.compile(rb"data:image/(?:jpeg|png);base64,([A-Za-z0-9+/=]+)")
_TEXTS = ("turns", "answer", "options", "texts", "reason", "rejected")
VIEW = ("id", "source", "sha256", "phash", "mean", "std", "width", "height")


def grams(text: str) -> Iterator[int]:
    """Hashes of every WORDS words in a row, whatever stands between them."""
    words = [word.casefold() for word in _WORD.findall(text)]
    return (hash(tuple(words[at : at + WORDS])) for at in range(len(words) - WORDS + 1))


def strings(value: Any) -> Iterator[str]:
    """Every string in a nested value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings(each)


def scan(corpus: Path, lock: dict[str, Any], files: Iterable[OutgoingFile]) -> list[str]:
    """What of the withheld texts and pictures is in the outgoing files, one sentence each; none is as it has to be.

    In rows of which only an index goes out every quotation counts; elsewhere only where no source whose text is passed
    on says the same, since templates do.
    """
    withheld = {path: entry["withheld"] for path, entry in lock["shards"].items() if "withheld" in entry}
    if not withheld:
        return []
    secret, views, media = _protected(corpus, withheld)
    public = [file for file in files if file.path in lock["shards"] and file.path not in withheld]
    told = [path for path in lock["shards"] if withheld.get(path) != "index"]
    common = {gram for path in told for text in _record_texts(corpus / path) for gram in grams(text)}
    leaks: list[str] = []
    for file in files:
        if file in public:
            leaks += _pictures(file, views, media)
            continue
        known = secret if withheld.get(file.path) == "index" else secret - common
        quoted = next((text for text in _strings_of(file) if not known.isdisjoint(grams(text))), None)
        if quoted is not None:
            leaks.append(f"{file.path} quotes a withheld text, {len(quoted)} characters long")
        leaks += _binaries(file, media) if file.path.endswith(".parquet") else _embedded(file, views)
    return leaks


def _protected(corpus: Path, withheld: Mapping[str, str]) -> tuple[set[int], pl.DataFrame, set[str]]:
    """n-grams of texts that stay, the views of pictures that stay, and the SHA-256 of all such media."""
    secret: set[int] = set()
    rows: list[dict[str, Any]] = []
    for path, passed_on in withheld.items():
        if passed_on == "index":
            secret.update(gram for text in _record_texts(corpus / path) for gram in grams(text))
        rows += _views_of(corpus / path)
    views = pl.DataFrame(rows, schema=_VIEW_SCHEMA).unique("sha256")
    return secret, views, set(views["sha256"])


_VIEW_SCHEMA = dict.fromkeys(VIEW[:4], pl.String) | {"mean": pl.Float64, "std": pl.Float64, "width": pl.Int64,
                                                        "height": pl.Int64}  # fmt: skip


def _record_texts(shard: Path) -> Iterator[str]:
    """What the records of a shard, and the annotations that they rest on, say in words."""
    for batch in pq.ParquetFile(shard).iter_batches(columns=["records"], batch_size=256):
        for row in batch.column("records").to_pylist():
            for record in row:
                yield from strings({name: record.get(name) for name in _TEXTS})
                yield from strings([(fact["value"], fact["source_name"]) for fact in record["evidence"]])


def _views_of(shard: Path) -> list[dict[str, Any]]:
    columns = [f"views.list.element.{name}" for name in VIEW]
    table = pq.ParquetFile(shard).read(columns=columns)
    return [view for row in table.column("views").to_pylist() for view in row]


def _strings_of(file: OutgoingFile) -> Iterator[str]:
    """Every string of a file: of Parquet each cell, of anything else the whole text without its markup."""
    if not file.path.endswith(".parquet"):
        yield re.sub(r"<[^>]{0,2000}>|data:[\w/;,+=-]+", " ", file.local.read_text("utf-8", errors="replace"))
        return
    for batch in pq.ParquetFile(file.local).iter_batches(batch_size=256):
        for row in batch.to_pylist():
            yield from strings(row)


def _binaries(file: OutgoingFile, media: set[str]) -> Iterator[str]:
    """Columns of bytes have no business in a shard without media."""
    schema = pq.read_schema(file.local)
    found = [field.name for field in schema if _holds_bytes(field.type)]
    if found:
        yield f"{file.path} has bytes in {', '.join(found)}"


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    return any(_holds_bytes(kind.field(index).type) for index in range(kind.num_fields))


def _pictures(file: OutgoingFile, views: pl.DataFrame, media: set[str]) -> Iterator[str]:
    """Pictures of a shard that goes out whole that are, or look like, one that stays: by their own bytes and hashes."""
    from medloom.flows.shard_table import MEDIUM

    names = set(pq.read_schema(file.local).names) & {"images", *MEDIUM.values()}
    for batch in pq.ParquetFile(file.local).iter_batches(columns=sorted(names), batch_size=64) if names else ():
        for stored in _stored(batch.to_pylist()):
            if hashlib.sha256(stored["bytes"]).hexdigest() in media:
                yield f"{file.path} holds {stored['path']}, the very bytes of a picture that may not be passed on"
    shown = pl.DataFrame(_views_of(file.local), schema=_VIEW_SCHEMA).unique("sha256")
    for mine, theirs in _alike(shown, views):
        yield (
            f"{file.path} shows {mine['id']} of {mine['source']}, which looks like {theirs['id']} of "
            f"{theirs['source']}, of which no picture may be passed on: near_duplicates (across: all) drops it"
        )


def _stored(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        for value in row.values():
            for stored in value if isinstance(value, list) else [value]:
                if stored is not None and stored["bytes"] is not None:
                    yield stored


def _alike(shown: pl.DataFrame, kept_back: pl.DataFrame, distance: int = DISTANCE) -> Iterator[tuple[Any, Any]]:
    from medloom.quality.duplicates import picture_pairs

    both = pl.concat([shown, kept_back])
    for left, right in zip(*picture_pairs(both, distance), strict=True):
        if left < len(shown) <= right:
            yield both.row(int(left), named=True), both.row(int(right), named=True)


def _embedded(file: OutgoingFile, views: pl.DataFrame) -> Iterator[str]:
    """Pictures within a page, by their hashes."""
    import cv2
    import numpy as np

    from medloom.converters.pixels.phash import phash

    rows = []
    for number, found in enumerate(_PICTURE.findall(file.local.read_bytes())):
        grey = cv2.imdecode(np.frombuffer(base64.b64decode(found), np.uint8), cv2.IMREAD_GRAYSCALE)
        if grey is not None:
            pixels = grey.astype(np.uint8)
            rows.append({
                "id": f"picture {number}", "source": file.path, "sha256": f"{number}", "phash": f"{phash(pixels):016x}",
                "mean": float(grey.mean()), "std": float(grey.std()), "width": grey.shape[1], "height": grey.shape[0],
            })  # fmt: skip
    for mine, theirs in _alike(pl.DataFrame(rows, schema=_VIEW_SCHEMA), views):
        yield f"{file.path}: {mine['id']} looks like {theirs['id']} of {theirs['source']}, which may not be passed on"
