"""Benchmark: the index of a benchmark, from a folder, a Parquet dataset or the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medloom.flows.audit.items import Item
from medloom.flows.audit.pictures import SUFFIXES, Finder
from medloom.flows.audit.read import Found, read_items
from medloom.quality.benchmark_index import About, IndexMaker
from medloom.quality.text_marks import joined_options
from medloom.schemas.appearance import THUMB_SIDE
from medloom.schemas.errors import BadInput, CatalogError

BATCH = 256


def make_index(source: str, out: Path, name: str, licence: str, images: Path | None = None) -> tuple[About, int]:
    """Writes the index of `source`, a file, a folder or the id of a dataset on the Hub; pictures that couldn't be read
    are counted beside what the index says of itself.

    Every picture file of a folder counts, and every picture and text of the corpus files in it. Raises CatalogError
    where there is neither.
    """
    path = Path(source).expanduser()
    if not path.exists():
        path = _from_hub(source)
    maker = IndexMaker(About(name=name, licence=licence, source=source))
    pictures = _Pictures(maker)
    roots = [one for one in (images, path if path.is_dir() else path.parent) if one is not None]
    finder = Finder(roots)
    if path.is_dir() or images is not None:
        for root in dict.fromkeys([images or path, path if path.is_dir() else images or path]):
            for file in sorted(root.rglob("*")):
                if file.suffix.lower() in (*SUFFIXES, ".bmp", ".webp", ".tif", ".tiff") and file.is_file():
                    pictures.take(str(file.resolve()), file.read_bytes())
    found = Found()
    try:
        for batch in _batches(read_items(path, found)):
            for item in batch:
                for number, named in enumerate(item.pictures):
                    if item.inline and item.inline[number]:
                        pictures.take(f"{item.entry}/{number}", item.inline[number])
                    elif file_of := finder.find(named):
                        pictures.take(str(file_of.resolve()), file_of.read_bytes())
            asked = [joined_options(item.question, item.options) for item in batch]
            maker.add_texts(asked, [f"{item.question}\n{item.answer}" for item in batch])
    except CatalogError:
        if not pictures.seen:
            raise
    pictures.flush()
    return maker.write(out), pictures.broken


class _Pictures:
    """Gathers pictures in batches, each once."""

    def __init__(self, maker: IndexMaker) -> None:
        self.maker = maker
        self.seen: set[str] = set()
        self.broken = 0
        self._waiting: list[tuple[str, str, bytes]] = []

    def take(self, name: str, data: bytes) -> None:
        """One picture by its bytes; what is no picture is counted."""
        from medloom.converters.pixels.picture import PicturePolicy, prepare

        if name in self.seen:
            return
        self.seen.add(name)
        try:
            made = prepare(data, PicturePolicy())
        except BadInput:
            self.broken += 1
            return
        self._waiting.append((made.source_sha256, made.sha256, made.thumb))
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Hands over what waits."""
        if self._waiting:
            files, stored, thumbs = zip(*self._waiting, strict=True)
            stacked = np.frombuffer(b"".join(thumbs), np.uint8).reshape(-1, THUMB_SIDE, THUMB_SIDE)
            self.maker.add_pictures(list(files), stacked, list(stored))
            self._waiting = []


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _from_hub(name: str) -> Path:
    """The dataset's files, downloaded into the Hub's own cache."""
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise CatalogError(f"{name}: no such file or folder, and no id of a dataset on the Hub (owner/name)")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = ["*.parquet", "*.json", "*.jsonl", "*.tsv", "*.csv", "*.jpg", "*.jpeg", "*.png"]
    try:
        return Path(snapshot_download(name, repo_type="dataset", allow_patterns=wanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise CatalogError(f"{name} can't be had from the Hub: {error}") from error
