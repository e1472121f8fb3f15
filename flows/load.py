"""Load: a finished corpus as typed records, as a `datasets` view, as narrow columns, and as something torch reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from medloom.flows.object_store import is_url
from medloom.flows.terms import config_names, plain_config
from medloom.schemas.errors import MedloomError
from medloom.schemas.record import CONFIGS, Config, Record
from medloom.schemas.sample import Split
from medloom.schemas.view import View

if TYPE_CHECKING:
    import datasets
    import polars as pl
    import pyarrow as pa

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
LOCK = "corpus.lock.json"
BATCH = 16
"""Rows read at a time: what is held in memory is their pictures."""
_WHOLE = {"volume": "volume", "video": "video"}


class NotACorpus(MedloomError):
    """What was to be loaded is no corpus of medloom, or lacks what was asked for."""


@dataclass(frozen=True)
class Row:
    """One published row: a set of media once, with all records about it.

    `media[i]` are the stored bytes of `views[i]`: JPEG or PNG of a picture, NIfTI of a volume, a container of a clip;
    None where the corpus holds no bytes (an index-only release).
    """

    id: str
    config: Config
    split: Split
    views: tuple[View, ...]
    media: tuple[bytes | None, ...]
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Item:
    """One record with the media that it shows, in the order of its tags."""

    record: Record
    views: tuple[View, ...]
    media: tuple[bytes | None, ...]


def load(path_or_repo: str | Path, revision: str | None = None, *, token: str | None = None) -> Corpus:
    """Opens a corpus: a folder that `medloom build` left, a dataset repository of the Hub at `revision`, or a URL of
    fsspec (``s3://bucket/corpora/x``) that a build was mirrored to.

    Nothing but the lock is read; shards of a repository are fetched when they are first asked for. `revision` is a tag
    (``v1.2.0``), a branch or a commit; it means nothing for a folder, and naming one is an error. `token` is the Hub's;
    by default that of the environment or of the client's login.

    Raises NotACorpus where there is no corpus.
    """
    if is_url(path_or_repo):
        return Corpus(_stored(str(path_or_repo), revision))
    folder = Path(path_or_repo).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise NotACorpus(f"{folder} is a folder: a revision is that of a repository")
        return Corpus(_Folder(folder))
    if str(path_or_repo).count("/") != 1 or str(path_or_repo).startswith((".", "/", "~")):
        raise NotACorpus(f"{path_or_repo} is not there, and no name of a repository (ORG/NAME) either")
    return Corpus(_Repository(str(path_or_repo), revision, token))


class _Place(Protocol):
    """Where a corpus lies."""

    def file(self, name: str) -> Path:
        """The file here. Raises NotACorpus where there is none."""


def _stored(url: str, revision: str | None) -> _Place:
    from medloom.flows.object_store import Stored

    if revision is not None:
        raise NotACorpus(f"{url}: a revision is that of a repository of the Hub")
    try:
        return _Told(Stored(url))
    except FileNotFoundError:
        raise NotACorpus(f"{url} holds no corpus: was it mirrored by `medloom build --mirror`?") from None


@dataclass(frozen=True)
class _Told:
    """An object store whose missing files are told in our words."""

    store: Any

    def file(self, name: str) -> Path:
        try:
            return Path(self.store.file(name))
        except FileNotFoundError:
            raise NotACorpus(f"{self.store} holds no {name}") from None

    def __str__(self) -> str:
        return str(self.store)


@dataclass(frozen=True)
class _Folder:
    path: Path

    def file(self, name: str) -> Path:
        found = self.path / name
        if not found.is_file():
            raise NotACorpus(f"{self.path} holds no {name}: is it what `medloom build --out` left?")
        return found

    def __str__(self) -> str:
        return str(self.path)


@dataclass
class _Repository:
    """A dataset repository at one commit: a tag that moves while one reads changes nothing."""

    name: str
    revision: str | None
    token: str | None = field(repr=False)

    @cached_property
    def commit(self) -> str:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError

        try:
            found = HfApi(token=self.token).dataset_info(self.name, revision=self.revision).sha
        except HfHubHTTPError as error:
            at = f" at {self.revision}" if self.revision else ""
            raise NotACorpus(f"no dataset {self.name}{at} could be opened: {type(error).__name__}") from None
        assert found is not None
        return found

    def file(self, name: str) -> Path:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError

        try:
            return Path(hf_hub_download(self.name, name, repo_type="dataset", revision=self.commit, token=self.token))
        except EntryNotFoundError:
            raise NotACorpus(f"{self.name} holds no {name}: was it published by `medloom publish`?") from None

    def __str__(self) -> str:
        return f"{self.name}@{self.commit}"


class Corpus:
    """A finished corpus. Iterating gives an `Item` for each record; nothing is held but a few rows at a time."""

    def __init__(self, at: _Place) -> None:
        self._at = at

    def __repr__(self) -> str:
        return f"<medloom corpus {self.name} {self.version}: {', '.join(self.configs)} at {self._at}>"

    @cached_property
    def lock(self) -> dict[str, Any]:
        """The lock: inputs, versions, and digests of what was written."""
        try:
            found = json.loads(self._at.file(LOCK).read_bytes())
        except json.JSONDecodeError as error:
            raise NotACorpus(f"{self._at}: {LOCK} is no JSON ({error})") from None
        if not isinstance(found, dict) or "shards" not in found:
            raise NotACorpus(f"{self._at}: {LOCK} names no shards")
        return found

    @property
    def name(self) -> str:
        return str(self.lock["catalog"]["corpus"])

    @property
    def version(self) -> str:
        return str(self.lock["catalog"]["version"])

    @property
    def configs(self) -> tuple[str, ...]:
        """The configs that it has, in medloom's order; ``vqa_index`` is the rows of ``vqa`` without what may not be
        passed on."""
        there = {name.split("/")[1] for name in self.shards}
        return tuple(name for config in CONFIGS for name in config_names(config) if name in there)

    @property
    def shards(self) -> Mapping[str, Mapping[str, Any]]:
        """Path: sha256, bytes, rows and records of every shard."""
        return dict(sorted(self.lock["shards"].items()))

    def __len__(self) -> int:
        return sum(int(shard["records"]) for shard in self.shards.values())

    def __iter__(self) -> Iterator[Item]:
        return self.records()

    def records(self, config: str | None = None, split: Split | None = None) -> Iterator[Item]:
        """Every record of a config and split (of all where None is given), in the order of the shards."""
        for row in self.rows(config, split):
            yield from items_of(row)

    def rows(self, config: str | None = None, split: Split | None = None) -> Iterator[Row]:
        """Every row, with its media and its records."""
        for name in self.names(config, split):
            yield from self.read(name)

    def read(self, name: str) -> Iterator[Row]:
        """The rows of one shard."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._at.file(name)) as file:
            for batch in file.iter_batches(batch_size=BATCH):
                yield from _rows(batch, name.split("/")[1])

    def names(self, config: str | None = None, split: Split | None = None) -> list[str]:
        """Paths of the shards of a config and split. Raises NotACorpus where the corpus has no such config."""
        if config is not None and config not in self.configs:
            raise NotACorpus(f"{self.name} has no config {config!r}; it has {', '.join(self.configs)}")
        return [
            name
            for name in self.shards
            if config in (None, name.split("/")[1]) and split in (None, name.split("/")[2].split("-")[0])
        ]

    def file(self, name: str) -> Path:
        """A file of the corpus here, NOTICE say. Raises NotACorpus where it has none of that name."""
        return self._at.file(name)

    def paths(self, config: str | None = None, split: Split | None = None) -> list[Path]:
        """The shards' files here, fetched where they are the Hub's."""
        return [self._at.file(name) for name in self.names(config, split)]

    def verify(self) -> None:
        """Holds every shard to the lock. Raises NotACorpus naming the first that is not what the lock says."""
        for name, shard in self.shards.items():
            with self._at.file(name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            told = shard.get("published", shard)["sha256"]  # of a shard that is published without its media or words
            if found != told:
                raise NotACorpus(f"{self._at}: {name} has SHA-256 {found}, and the lock says {told}")

    def datasets(self, config: str) -> datasets.DatasetDict:
        """The config as `datasets` reads it, with its pictures decoded when they are looked at."""
        import datasets

        files = {split: [str(path) for path in self.paths(config, split)] for split in SPLITS}
        found = datasets.load_dataset("parquet", data_files={split: paths for split, paths in files.items() if paths})
        assert isinstance(found, datasets.DatasetDict)
        return found

    def polars(self, config: str | None = None) -> pl.LazyFrame:
        """One row for each record, without media: the record's columns with `row` (the row's id) and `modality`."""
        import polars as pl

        frames = [
            pl.scan_parquet(path).select(pl.col("id").alias("row"), "modality", "records")
            for path in self.paths(config)
        ]
        return pl.concat(frames).explode("records").unnest("records")

    def torch(self, config: str, split: Split = "train", seed: int | None = None) -> Any:
        """An iterable for `torch.utils.data.DataLoader` (an IterableDataset where torch is installed).

        Shards are dealt out to ranks and workers; with a `seed` they come in an order drawn from it and from
        `set_epoch`. Each element is a dict: id, task, messages (role and content), images (bytes), record.
        """
        from medloom.flows.load_torch import torch_iterable

        return torch_iterable(self, config, split, seed)


def items_of(row: Row) -> Iterator[Item]:
    """The records of a row, each with the media that it shows."""
    at = {view.id: number for number, view in enumerate(row.views)}
    for record in row.records:
        shown = [at[view] for view in record.views]
        yield Item(record, tuple(row.views[n] for n in shown), tuple(row.media[n] for n in shown))


def _rows(batch: pa.RecordBatch, config: str) -> Iterator[Row]:
    column = _WHOLE.get(plain_config(config), "images")
    for row in batch.to_pylist():
        media = row.get(column) or []
        stored = [media] if isinstance(media, dict) else media
        views = msgspec.convert(row["views"], tuple[View, ...])
        held = tuple(one["bytes"] for one in stored)
        yield Row(
            id=row["id"],
            config=plain_config(config),
            split=row["split"],
            views=views,
            media=held + (None,) * (len(views) - len(held)),
            records=msgspec.convert(row["records"], tuple[Record, ...]),
        )
