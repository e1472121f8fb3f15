"""What became of every record, by source and reason, on corpora that are built for real."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

from medloom.flows.publish.diff import compare
from medloom.flows.publish.edition import open_edition
from medloom.flows.publish.problem import PublishError


@pytest.fixture(scope="module")
def editions(tmp_path_factory):
    """1.0.0; then a picture is drawn anew, one is gone, one is new and a source is new; the earlier shards are kept."""
    import corpora

    folder = tmp_path_factory.mktemp("editions")
    corpora.draw_folders(folder / "open", range(16))
    corpora.draw_questions(folder / "told", range(4), 8, "pallid")
    first = corpora.build(corpora.write_catalog(folder, "1.0.0", open="bytes"), folder / "one")
    corpora.draw(999, folder / "open" / "train" / "nevus" / "D000_a.jpg")
    (folder / "open" / "train" / "melanoma" / "D001_a.jpg").unlink()
    corpora.draw_folders(folder / "open", range(16, 17))
    catalog = corpora.write_catalog(folder, "1.1.0", open="bytes", told="bytes")
    return first, corpora.build(catalog, folder / "two", follows=first)


def test_records_are_told_by_source_and_reason(editions) -> None:
    found = compare(*(open_edition(str(folder)) for folder in editions))
    each = 3  # a caption and two questions for every picture
    assert {(one.source, one.reason): one.records for one in found.added} == {
        ("open", "new sample"): each,
        ("told", "new source"): 4 + 4,
    }
    assert {(one.source, one.reason): one.records for one in found.removed} == {("open", "sample gone"): each}
    assert {(one.source, one.reason): one.records for one in found.changed} == {("open", "picture"): each}
    assert (found.moved, found.schema, found.level) == ((), (), "minor")
    assert any("told added" in fact for fact in found.recipe)
    back = compare(*(open_edition(str(folder)) for folder in reversed(editions)))
    assert back.level == "minor"
    assert sum(one.records for one in back.removed) == sum(one.records for one in found.added)


def test_rows_that_stay_stay_in_their_shards_and_untouched_shards_are_the_same_bytes(editions) -> None:
    locks = [json.loads((folder / "corpus.lock.json").read_text())["shards"] for folder in editions]
    places = []
    for folder in editions:
        lineage = pl.read_parquet(folder / "lineage.parquet", columns=["config", "row", "shard"]).drop_nulls()
        places.append({(config, row): shard for config, row, shard in lineage.iter_rows()})
    for row, shard in places[1].items():
        if row in places[0]:
            assert shard == places[0][row]
        else:
            assert shard not in locks[0]
    touched = {path for path in locks[0] if locks[0][path]["sha256"] != locks[1].get(path, {}).get("sha256")}
    assert touched and len(touched) < len(locks[0])
    assert {path.split("/")[2].split("-")[0] for path in touched} == {"train"}
    assert json.loads((editions[1] / "corpus.lock.json").read_text())["follows"]["version"] == "1.0.0"


def test_a_patient_that_changes_split_makes_it_major_and_is_named(editions, tmp_path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.copy(editions[0] / "corpus.lock.json", moved)
    lineage = pl.read_parquet(editions[0] / "lineage.parquet")
    who = lineage.filter(pl.col("split") == "test")["patient"][0]
    there = pl.when(pl.col("patient") == who).then(pl.lit("train")).otherwise(pl.col("split"))
    lineage.with_columns(split=there).write_parquet(moved / "lineage.parquet")
    found = compare(open_edition(str(editions[0])), open_edition(str(moved)))
    assert [(one.who, one.before, one.after) for one in found.moved] == [(f"patient {who}", ("test",), ("train",))]
    assert found.level == "major"
    assert [one.reason for one in found.changed] == ["split"]


def test_a_config_or_split_that_is_gone_is_a_schema_change(editions, tmp_path) -> None:
    shutil.copytree(editions[0], tmp_path / "less")
    lock = json.loads((tmp_path / "less" / "corpus.lock.json").read_text())
    lock["shards"] = {path: shard for path, shard in lock["shards"].items() if "vqa" not in path}
    (tmp_path / "less" / "corpus.lock.json").write_text(json.dumps(lock))
    found = compare(open_edition(str(editions[0])), open_edition(str(tmp_path / "less")))
    assert found.schema == ("the config vqa is gone",)


def test_what_is_no_corpus_is_refused(tmp_path) -> None:
    with pytest.raises(PublishError, match=r"no corpus\.lock\.json"):
        open_edition(str(tmp_path))
    with pytest.raises(PublishError, match="ORG/NAME@REVISION"):
        open_edition("nothing here")
