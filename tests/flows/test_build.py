"""Whole builds over real data: the tree that is left, the same bytes however it was built, and resuming."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from medloom.flows.plan import plan_build, render_plan
from medloom.flows.run import run_build
from medloom.schemas.errors import BuildError, CatalogError

CATALOG = """\
corpus: cells
version: 1.0.0
release: {licence: CC-BY-4.0, to: public}
sources:
  - {use: bccd_voc, path: BCCD, limit: 60}
  - {use: dsb2018_nuclei, path: DSB, limit: 8}
  - {use: totalseg_ct, path: CT, views: {policy: largest_area, per_volume: 6}}
tasks: [caption, vqa.open, grounding.box, grounding.mask, counting, reasoning.box]
filters: [structure, geometry, image, text, prompt_answer, exact_duplicates, near_duplicates, balance]
split: {by: patient, ratios: {train: 0.6, validation: 0.2, test: 0.2}, respect_published: true}
shards: {rows: 20, max_mb: 100}
unit_samples: 16
"""
RUN_FACTS = "report/"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """A catalog over copies of real sources, so that tests may touch their files."""
    folder = tmp_path_factory.mktemp("cells")
    shutil.copytree(data_dir / "bccd_voc", folder / "BCCD")
    shutil.copytree(data_dir / "dsb2018_nuclei", folder / "DSB")
    (folder / "CT").mkdir()
    for name in ("example_ct_sm.nii.gz", "example_seg.nii.gz"):
        shutil.copy(data_dir / "totalseg_ref" / name, folder / "CT" / name)
    (folder / "catalog.yaml").write_text(CATALOG)
    return folder / "catalog.yaml"


@pytest.fixture(scope="module")
def built(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "corpus"
    run_build(cells, out)
    return out


def tree(out: Path) -> dict[str, str]:
    """SHA-256 of every file of a corpus but those that tell of the run."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    named = {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return {name: digest for name, digest in named.items() if not name.startswith(RUN_FACTS)}


def test_what_is_left_is_the_tree_of_the_architecture(built: Path) -> None:
    assert {path.name for path in built.iterdir()} == {
        "data", "README.md", "corpus.lock.json", "croissant.json", "NOTICE", "report", "quarantine.parquet",
        "lineage.parquet",
    }  # fmt: skip
    assert {path.name for path in (built / "report").iterdir()} == {
        "index.html",
        "expectations",
        "sources.md",
        "figures.json",
    }


def test_the_table_by_source_adds_up(built: Path) -> None:
    """Samples, kept records by type and refusals by reason, as lock, shards and quarantine have them."""
    rows = [line.strip("| ").split(" | ") for line in (built / "report/sources.md").read_text().splitlines()]
    named = {row[0]: row for row in rows if len(row) == 7}
    lock = json.loads((built / "corpus.lock.json").read_text())
    kept = Counter(
        (record["source"], record["type"])
        for path in built.glob("data/*/*.parquet")
        for records in pq.read_table(path, columns=["records"])["records"].to_pylist()
        for record in records
    )
    refused = Counter((row["source"], row["reason"]) for row in pq.read_table(built / "quarantine.parquet").to_pylist())
    assert set(named) == {"set", "---", "all", *lock["sources"]} and sum(kept.values()) > 100
    for source, of in lock["sources"].items():
        _, units, samples, types, _, reasons, seconds = named[source]
        lost = sum(count for (name, _), count in refused.items() if name == source)
        assert int(units) >= 1 and of["samples"] - lost <= int(samples) <= of["samples"] and float(seconds) > 0
        assert types == (", ".join(f"{kind}: {kept[source, kind]}" for name, kind in sorted(kept) if name == source))
        told = {part.rpartition(": ")[0]: int(part.rpartition(": ")[2]) for part in reasons.split(", ") if ": " in part}
        assert told == {reason: count for (name, reason), count in refused.items() if name == source}
    assert {path.name for path in (built / "data").iterdir()} == {"image_text", "vqa", "grounding", "reasoning"}


def test_every_config_loads_with_decoded_pictures(built: Path, tmp_path: Path) -> None:
    for config in ("image_text", "vqa", "grounding", "reasoning"):
        files = {path.name.split("-")[0]: f"{path.parent}/{path.name.split('-')[0]}-*.parquet"
                 for path in sorted((built / "data" / config).iterdir())}  # fmt: skip
        loaded = load_dataset("parquet", data_files=files, cache_dir=str(tmp_path))
        for split, rows in loaded.items():
            for row in rows:
                assert [picture.size for picture in row["images"]] == [(v["width"], v["height"]) for v in row["views"]]
                for record in row["records"]:
                    assert record["split"] == split == row["split"]
                    asked = " ".join(turn["text"] for turn in record["turns"] if turn["role"] == "user")
                    assert asked.count("<image>") == len(record["views"]) == len(row["images"])
                    assert record["evidence"], record["id"]


def test_stored_pictures_are_the_source_files_own_bytes(built: Path, cells: Path) -> None:
    shards = sorted((built / "data" / "image_text").glob("*.parquet"))
    rows = [row for shard in shards for row in pq.read_table(shard, columns=["images", "views"]).to_pylist()]
    passed = [(row["images"][0]["bytes"], row["views"][0]) for row in rows if row["views"][0]["passthrough"]]
    assert len(passed) >= 60
    folder = {"bccd_voc": "BCCD", "dsb2018_nuclei": "DSB", "totalseg_ct": "CT"}
    for data, view in passed:
        assert data == (cells.parent / folder[view["source"]] / view["source_file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == view["sha256"]


def test_no_sample_picture_or_patient_is_in_two_splits(built: Path) -> None:
    lineage = pl.read_parquet(built / "lineage.parquet").filter(pl.col("filter").is_null())
    for column in (["source", "sample"], ["source_sha256"]):
        splits = lineage.group_by(column).agg(pl.col("split").n_unique().alias("n"))
        assert splits["n"].max() == 1


def test_published_splits_are_kept(built: Path, cells: Path) -> None:
    lineage = pl.read_parquet(built / "lineage.parquet").filter(
        pl.col("source") == "bccd_voc", pl.col("filter").is_null()
    )
    names = {"train": "train", "val": "validation", "test": "test"}
    published = {
        key: split
        for file, split in names.items()
        for key in (cells.parent / f"BCCD/BCCD/ImageSets/Main/{file}.txt").read_text().split()
    }
    found = dict(lineage.select("sample", "split").iter_rows())
    moved = {sample: (published[sample], split) for sample, split in found.items() if published[sample] != split}
    # Two neighbouring fields of one smear look alike, and are published in two splits: the stricter one has both.
    assert len(found) >= 50 and moved == {"BloodImage_00038": ("train", "validation")}


def test_the_lock_names_every_file_and_its_digest(built: Path) -> None:
    lock = json.loads((built / "corpus.lock.json").read_text())
    digests = tree(built)
    told = {name: shard["sha256"] for name, shard in lock["shards"].items()} | lock["files"]
    assert told == {name: digest for name, digest in digests.items() if name != "corpus.lock.json"}
    assert str(built.parent) not in (built / "corpus.lock.json").read_text()


def test_the_books_close(built: Path) -> None:
    lock = json.loads((built / "corpus.lock.json").read_text())
    lineage = pl.read_parquet(built / "lineage.parquet")
    for source, told in lock["sources"].items():
        assert told["records"] == len(lineage.filter(pl.col("source") == source))
    kept = len(lineage.filter(pl.col("filter").is_null()))
    assert kept == sum(shard["records"] for shard in lock["shards"].values())
    quarantine = pl.read_parquet(built / "quarantine.parquet")
    assert len(quarantine) == sum(told["refused"] for told in lock["sources"].values())


@pytest.mark.parametrize("workers", [1, 2])
def test_ray_workers_give_the_same_bytes(built: Path, cells: Path, tmp_path: Path, workers: int) -> None:
    run_build(cells, tmp_path / "corpus", workers=workers)
    assert tree(tmp_path / "corpus") == tree(built)


def test_another_folder_and_fresh_copies_of_the_files_give_the_same_bytes(
    built: Path, cells: Path, tmp_path: Path
) -> None:
    shutil.copytree(cells.parent, tmp_path / "moved")  # other paths, other times of change
    run_build(tmp_path / "moved" / "catalog.yaml", tmp_path / "corpus")
    assert tree(tmp_path / "corpus") == tree(built)


def test_a_second_run_does_nothing_again_and_a_changed_file_only_its_unit(cells: Path, tmp_path: Path) -> None:
    shutil.copytree(cells.parent, tmp_path / "source")
    catalog, out = tmp_path / "source" / "catalog.yaml", tmp_path / "corpus"
    run_build(catalog, out)
    before, page = tree(out), Path("expectations", "index.html")
    with pytest.raises(CatalogError, match="--resume"):
        run_build(catalog, out)
    (tmp_path / ".corpus.work" / "gate" / page).write_text("held before")
    again = run_build(catalog, out, resume=True)
    assert all(report.reused for state in again.sources.values() for report in state.reports)
    assert tree(out) == before and (out / "report" / page).read_text() == "held before"
    pictures = sorted((tmp_path / "source/BCCD/BCCD/JPEGImages").iterdir())
    os.utime(pictures[0])  # another time, the same bytes
    assert all(r.reused for s in run_build(catalog, out, resume=True).sources.values() for r in s.reports)
    pictures[0].write_bytes(pictures[-1].read_bytes())
    changed = run_build(catalog, out, resume=True)
    assert [r.reused for s in changed.sources.values() for r in s.reports].count(False) == 1
    assert tree(out) != before and (out / "report" / page).read_text() != "held before"


def test_a_source_with_too_much_refused_stops_the_build(cells: Path, tmp_path: Path) -> None:
    shutil.copytree(cells.parent, tmp_path / "source")
    for picture in sorted((tmp_path / "source/BCCD/BCCD/JPEGImages").iterdir())[::2]:
        picture.write_bytes(b"")
    wanted = (
        r"bccd_voc: \d+% of \d+ inputs refused, more than the card's max_refused of \d+%: \d+ empty_file; "
        r"the first: .+: empty_file: .+; all are in .+quarantine\.parquet"
    )
    with pytest.raises(BuildError, match=wanted) as stopped:
        run_build(tmp_path / "source" / "catalog.yaml", tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()
    left = pl.read_parquet(str(stopped.value).rpartition(" are in ")[2])
    assert "empty_file" in set(left["reason"])


def of_bccd_alone(cells: Path, folder: Path) -> Path:
    """A catalog over a copy of the one source, of counting alone."""
    shutil.copytree(cells.parent / "BCCD", folder / "BCCD")
    catalog = folder / "catalog.yaml"
    head = CATALOG[: CATALOG.index("sources:")]
    catalog.write_text(head + "sources: [{use: bccd_voc, path: BCCD}]\ntasks: [counting]\nfilters: []\n")
    return catalog


def test_a_published_split_that_meets_nothing_stops_the_build(cells: Path, tmp_path: Path) -> None:
    catalog = of_bccd_alone(cells, tmp_path / "source")
    (tmp_path / "source/BCCD/BCCD/ImageSets/Main/test.txt").write_text("nobody\n")
    with pytest.raises(BuildError, match=r"the published split would be lost: .+test\.txt: 1 of 1 lines"):
        run_build(catalog, tmp_path / "corpus")


def test_a_build_without_a_record_says_what_was_refused(cells: Path, tmp_path: Path) -> None:
    catalog = of_bccd_alone(cells, tmp_path / "source")
    for file in (tmp_path / "source/BCCD/BCCD/Annotations").iterdir():
        file.write_text(file.read_text().replace("<xmin>", "<xmin>x"))
    with pytest.raises(BuildError, match=r"no record is left: .+; refused: \d+ bad_annotation.*quarantine\.parquet"):
        run_build(catalog, tmp_path / "corpus")
    plans, _ = plan_build(catalog, tmp_path / "corpus", {})
    assert " bad_annotation)" in render_plan(plans)


REFUSED = """\
source: refused
title: Refused whole
licence: CC0-1.0
citation: none
modality: microscopy
converter: csv_labels
params: {tables: [t.csv], picture: "{file}", one_hot: [x]}
patient: unknown
labels: {x: platelet}
max_refused: 1.0
verified: layout
"""


def test_a_source_may_be_refused_whole_where_another_gives_records(cells: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "refused.yaml").write_text(REFUSED)
    (tmp_path / "R").mkdir()
    (tmp_path / "R" / "t.csv").write_text("file,x\nno.png,1\n")
    mine = "  - {use: refused, path: R}\n"
    head, tail = CATALOG.split("  - ", 1)[0], "gate: {run: false}\ntasks:" + CATALOG.split("tasks:", 1)[1]
    (tmp_path / "catalog.yaml").write_text(
        f"{head}  - {{use: dsb2018_nuclei, path: {cells.parent / 'DSB'}, limit: 8}}\n{mine}{tail}"
    )
    build = run_build(tmp_path / "catalog.yaml", tmp_path / "corpus")
    assert len(build.sources["refused"].listing.refused) == 1 and (tmp_path / "corpus" / "data").is_dir()
    (tmp_path / "catalog.yaml").write_text(f"{head}{mine}tasks: [caption]\n")
    with pytest.raises(BuildError, match="no record is left"):
        run_build(tmp_path / "catalog.yaml", tmp_path / "other")


def test_a_wrong_catalog_fails_before_any_work(cells: Path, tmp_path: Path) -> None:
    wrong = cells.with_name("wrong.yaml")
    wrong.write_text(CATALOG.replace("caption,", "captoin,"))
    with pytest.raises(CatalogError, match="captoin"):
        run_build(wrong, tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []
