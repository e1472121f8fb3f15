"""What may not be passed on stays here, the scan finds what would leave, and the source puts it back bit for bit."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from medloom.flows.publish.outgoing import OutgoingFile, hold_to_lock, read_lock
from medloom.flows.publish.permit import refusals
from medloom.flows.publish.problem import PublishError
from medloom.flows.publish.publish import prepare
from medloom.flows.publish.rejoin import rejoin
from medloom.flows.publish.remote import Remote
from medloom.flows.publish.scan import scan
from medloom.flows.store import sha256_of


@pytest.fixture(scope="module")
def outgoing(mixed, tmp_path_factory) -> Path:
    """What would go up, as a reader gets it."""
    scratch = tmp_path_factory.mktemp("outgoing")
    lock = read_lock(mixed / "one")
    release = prepare(mixed / "one", scratch, lock, "1.0.0", Remote("org/drawn", "http://localhost:1"), None, print)
    folder = scratch / "down"
    for file in release.files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.local, folder / file.path)
    return folder


def files_of(folder: Path) -> list[OutgoingFile]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [OutgoingFile.of(path.relative_to(folder).as_posix(), path) for path in paths]


def lock_with_terms(outgoing: Path) -> dict:
    return json.loads((outgoing / "corpus.lock.json").read_text())


def test_rows_are_without_pictures_and_those_of_an_index_without_words(mixed, outgoing) -> None:
    full = mixed / "one"
    for path, entry in lock_with_terms(outgoing)["shards"].items():
        before, after = pq.read_table(full / path).to_pylist(), pq.read_table(outgoing / path).to_pylist()
        assert [row["id"] for row in before] == [row["id"] for row in after]
        if "withheld" not in entry:
            assert sha256_of(outgoing / path) == entry["sha256"]
            continue
        assert "images" not in after[0]
        for old, new in zip(before, after, strict=True):
            assert new["views"] == old["views"]
            if entry["withheld"] == "text":
                assert new["records"] == old["records"]
                continue
            for was, now in zip(old["records"], new["records"], strict=True):
                assert {turn["text"] for turn in now["turns"]} == {""}
                same = ("id", "task", "patient", "split", "licence", "measurements", "views")
                assert [now[name] for name in same] == [was[name] for name in same]


def test_every_config_loads_also_those_without_pictures(outgoing, tmp_path) -> None:
    for config in ("vqa", "vqa_index", "vqa_without_media"):
        loaded = load_dataset(str(outgoing), config, cache_dir=str(tmp_path))
        assert {len(rows) > 0 for rows in loaded.values()} == {True}
        assert ("images" in loaded["train"].column_names) == (config == "vqa")


def test_what_goes_out_is_clean(mixed, outgoing) -> None:
    assert scan(mixed / "one", lock_with_terms(outgoing), files_of(outgoing)) == []


def quote(mixed) -> str:
    return json.loads((mixed / "asked" / "asked.json").read_text())[3]["answer"]


def leak_in_shard(mixed, folder: Path) -> None:
    path = folder / "data/vqa_index/train-00000-of-00002.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["records"][0]["evidence"][0]["value"] = quote(mixed)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)


def leak_in_lineage(mixed, folder: Path) -> None:
    path = folder / "lineage.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[-1]["evidence"][0]["source_name"] = f"they wrote: {quote(mixed).upper()}"
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)


def leak_in_card(mixed, folder: Path) -> None:
    card = folder / "README.md"
    card.write_text(card.read_text() + "\nFor example: " + quote(mixed).replace(" ", "  \n"))


def leak_of_bytes(mixed, folder: Path) -> None:
    """A picture of an index among those of an open source, byte by byte."""
    path = folder / "data/vqa/train-00000-of-00002.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["images"][0]["bytes"] = (mixed / "asked" / "pictures" / "003.jpg").read_bytes()
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)


def leak_of_picture_in_page(mixed, folder: Path) -> None:
    """The same, smaller and encoded anew, within the report."""
    import cv2

    small = cv2.resize(cv2.imread(str(mixed / "told" / "pictures" / "003.jpg")), (96, 96), interpolation=cv2.INTER_AREA)
    code = base64.b64encode(cv2.imencode(".jpg", small)[1].tobytes()).decode()
    page = folder / "report" / "index.html"
    page.write_text(page.read_text() + f'<img src="data:image/jpeg;base64,{code}">')


def leak_of_column(mixed, folder: Path) -> None:
    path = "data/vqa_without_media/train-00000-of-00001.parquet"
    shutil.copyfile(mixed / "one" / path, folder / path)


@pytest.mark.parametrize(
    ("leak", "where"),
    [
        (leak_in_shard, "vqa_index.*quotes"),
        (leak_in_lineage, "lineage.parquet quotes"),
        (leak_in_card, "README.md quotes"),
        (leak_of_bytes, "data/vqa/train.*very bytes"),
        (leak_of_picture_in_page, "report/index.html.*looks like"),
        (leak_of_column, "without_media.*has bytes in images"),
    ],
)
def test_the_scan_finds_what_may_not_leave(mixed, outgoing, tmp_path, leak, where) -> None:
    import re

    shutil.copytree(outgoing, tmp_path / "leaky")
    leak(mixed, tmp_path / "leaky")
    found = scan(mixed / "one", lock_with_terms(outgoing), files_of(tmp_path / "leaky"))
    assert any(re.search(where, one) for one in found), found


def test_the_source_puts_back_every_byte(mixed, outgoing, tmp_path) -> None:
    sources = {name: str(mixed / name) for name in ("asked", "told")}
    rejoin(outgoing, sources, tmp_path / "full")
    shards = {path.relative_to(mixed / "one") for path in (mixed / "one" / "data").rglob("*.parquet")}
    assert shards == {path.relative_to(tmp_path / "full") for path in (tmp_path / "full" / "data").rglob("*.parquet")}
    assert all(sha256_of(mixed / "one" / path) == sha256_of(tmp_path / "full" / path) for path in shards)
    hold_to_lock(tmp_path / "full", read_lock(tmp_path / "full"))
    with pytest.raises(PublishError, match="is whole"):
        rejoin(tmp_path / "full", sources, tmp_path / "again")


def test_another_release_of_the_source_is_refused_with_what_differs(mixed, outgoing, tmp_path) -> None:
    import corpora

    shutil.copytree(mixed / "asked", tmp_path / "asked")
    corpora.draw(1, tmp_path / "asked" / "pictures" / "003.jpg")
    sources = {"asked": str(tmp_path / "asked"), "told": str(mixed / "told")}
    with pytest.raises(PublishError, match=r"other bytes.*pictures of 2 of \d+ records differ"):
        rejoin(outgoing, sources, tmp_path / "full")
    assert not (tmp_path / "full").exists()
    with pytest.raises(PublishError, match="--source told=PATH"):
        rejoin(outgoing, {"asked": sources["asked"]}, tmp_path / "full")
    with pytest.raises(PublishError, match="nothing is withheld of open"):
        rejoin(outgoing, sources | {"open": "."}, tmp_path / "full")


def test_a_corpus_that_was_touched_after_the_build_is_refused(mixed, tmp_path) -> None:
    shutil.copytree(mixed / "one", tmp_path / "touched")
    (tmp_path / "touched" / "data" / "vqa" / "notes.txt").write_text("mine")
    card = tmp_path / "touched" / "NOTICE"
    card.write_text(card.read_text() + "!")
    with pytest.raises(PublishError, match=r"NOTICE is not what the lock says.*notes\.txt is not in the lock"):
        hold_to_lock(tmp_path / "touched", read_lock(tmp_path / "touched"))


def terms(path: Path, **changed: str) -> None:
    """Writes other terms into every record of a shard."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    for row in rows:
        for record in row["records"]:
            record.update(changed)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)


SHARD = "data/vqa/test-00000-of-00001.parquet"


@pytest.mark.parametrize(
    ("changed", "release", "private", "why"),
    [
        ({}, {"licence": "CC-BY-4.0", "to": "public"}, False, None),
        ({"access": "credentialed"}, {"licence": "CC-BY-4.0", "to": "public"}, False, "open: access.*credentialed"),
        ({"access": "credentialed"}, {"licence": "CC-BY-4.0", "to": "private"}, True, "open: access.*credentialed"),
        ({"licence": "CC-BY-ND-4.0"}, {"licence": "CC-BY-4.0", "to": "public"}, False, "no derivatives"),
        ({"licence": "CC-BY-NC-4.0"}, {"licence": "CC-BY-4.0", "to": "public"}, False, "non-commercial"),
        ({"licence": "CC-BY-SA-4.0"}, {"licence": "CC-BY-4.0", "to": "private"}, True, "share-alike"),
        ({"redistribute": "index"}, {"licence": "CC-BY-4.0", "to": "public"}, False, "only index may be passed on"),
        ({}, {"licence": "CC-BY-4.0", "to": "private"}, False, "--private"),
        ({}, {"licence": "LicenseRef-Internal-Use", "to": "private"}, True, "never leaves the house"),
    ],
)
def test_what_may_not_be_published_is_refused_with_the_reason(mixed, tmp_path, changed, release, private, why) -> None:
    import re

    (tmp_path / SHARD).parent.mkdir(parents=True)
    shutil.copy(mixed / "one" / SHARD, tmp_path / SHARD)
    terms(tmp_path / SHARD, **changed)
    found = list(refusals(tmp_path, [SHARD], release, private))
    assert (found == []) if why is None else any(re.search(why, one) for one in found), found


def test_the_recipe_that_goes_out_tells_nothing_of_this_machine(mixed, outgoing) -> None:
    for path in (outgoing / "rejoin").glob("*.json"):
        assert msgspec.json.decode(path.read_bytes())["root"] == ""
        assert str(mixed) not in path.read_text()
