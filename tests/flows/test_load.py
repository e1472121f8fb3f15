"""medloom.load on a built corpus: typed, lazy, whole, and refusing what is no corpus."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import medloom
from medloom.flows.load import NotACorpus, load
from medloom.schemas.record import MEDIA_TAGS, Record


@pytest.fixture(scope="module")
def corpus(small_corpus: Path):
    return medloom.load(small_corpus)


def test_every_record_comes_once_and_typed_with_what_it_shows(corpus, small_corpus: Path) -> None:
    seen = {}
    for item in corpus:
        assert isinstance(item.record, Record)
        tags = sum(turn.text.count(tag) for turn in item.record.turns for tag in MEDIA_TAGS.values())
        assert tags == len(item.views) == len(item.media) == len(item.record.views)
        for view, data in zip(item.views, item.media, strict=True):
            assert data is not None and hashlib.sha256(data).hexdigest() == view.sha256
        seen[item.record.id] = item
    lock = json.loads((small_corpus / "corpus.lock.json").read_text())
    assert len(seen) == len(corpus) == sum(shard["records"] for shard in lock["shards"].values()) > 200


def test_configs_and_splits_part_the_corpus(corpus) -> None:
    parts = [item.record.id for config in corpus.configs for item in corpus.records(config)]
    splits = [item.record.id for split in ("train", "validation", "test") for item in corpus.records(split=split)]
    assert sorted(parts) == sorted(splits) == sorted(item.record.id for item in corpus)


def test_polars_and_datasets_see_the_same_records(corpus) -> None:
    narrow = corpus.polars("vqa").collect()
    rows = [row for part in corpus.datasets("vqa").values() for row in part]
    told = sorted(record["id"] for row in rows for record in row["records"])
    assert told == sorted(narrow["id"]) == sorted(item.record.id for item in corpus.records("vqa"))
    assert rows[0]["images"][0].size == (rows[0]["views"][0]["width"], rows[0]["views"][0]["height"])
    assert {"row", "modality", "task", "turns"} <= set(narrow.columns)


def test_the_iterable_deals_every_record_to_one_reader(corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sorted(item.record.id for item in corpus.records("vqa", "train"))
    for ranks in (1, 2, 50):
        dealt = []
        for rank in range(ranks):
            monkeypatch.setenv("RANK", str(rank))
            monkeypatch.setenv("WORLD_SIZE", str(ranks))
            dealt += [element["id"] for element in corpus.torch("vqa", "train", seed=3)]
        assert sorted(dealt) == whole
    monkeypatch.delenv("RANK")
    monkeypatch.delenv("WORLD_SIZE")
    reader = corpus.torch("vqa", "train", seed=3)
    first = [element["id"] for element in reader]
    assert first == [element["id"] for element in reader]
    orders = set()
    for epoch in range(4):
        reader.set_epoch(epoch)
        orders.add(tuple(element["id"] for element in reader))
    assert len(orders) > 1 and all(sorted(order) == whole for order in orders)
    picture = cv2.imdecode(np.frombuffer(next(iter(reader))["images"][0], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None


def test_a_changed_shard_is_told(small_corpus: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(small_corpus, copy)
    load(copy).verify()
    shard = sorted(copy.rglob("*.parquet"))[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(NotACorpus, match=r"SHA-256"):
        load(copy).verify()


@pytest.mark.parametrize(
    ("name", "revision", "said"),
    [("nowhere", None, "no name of a repository"), (".", "v1", "a revision is that of a repository")],
)
def test_what_is_no_corpus_is_told(name: str, revision: str | None, said: str) -> None:
    with pytest.raises(NotACorpus, match=said):
        load(name, revision)


def test_a_folder_without_a_lock_and_a_config_that_is_not_there(corpus, tmp_path: Path) -> None:
    with pytest.raises(NotACorpus, match=r"corpus\.lock\.json"):
        len(load(tmp_path))
    with pytest.raises(NotACorpus, match="it has image_text"):
        list(corpus.records("volume"))
