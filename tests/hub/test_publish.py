"""A corpus goes up to the loopback Hub as 1.0.0, changes, goes up as 1.1.0, and both load by revision."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from corpora import build, draw, draw_folders, write_catalog

from medloom.flows.load import load

REPO = "org/drawn"
LOAD = """
import hashlib, json, sys
from datasets import load_dataset
found = {}
for revision in ("v1.0.0", "v1.1.0", "main"):
    for config in ("image_text", "vqa"):
        for split, rows in load_dataset("org/drawn", config, revision=revision).items():
            found[f"{revision} {config} {split}"] = {
                row["id"]: hashlib.sha256(row["images"][0].tobytes()).hexdigest() for row in rows}
print(json.dumps(found))
"""

OPEN = """
import json, medloom
found = {}
for revision in ("v1.0.0", "v1.1.0", None):
    corpus = medloom.load("org/drawn", revision=revision)
    corpus.verify()
    found[str(revision)] = [corpus.version, sorted(item.record.id for item in corpus)]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def versions(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("versions")
    draw_folders(folder / "open", range(16))
    first = build(write_catalog(folder, "1.0.0", open="bytes"), folder / "one")
    draw(999, folder / "open" / "train" / "nevus" / "D000_a.jpg")
    draw_folders(folder / "open", range(16, 19))
    return first, build(write_catalog(folder, "1.1.0", open="bytes"), folder / "two", follows=first)


def medloom(hub, home: Path, *words: str, token: bool = True) -> subprocess.CompletedProcess[str]:
    environment = hub.environment(home, hub.token if token else None)
    command = [sys.executable, "-m", "medloom.flows.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def sent(hub) -> int:
    """Bytes that the Hub holds of what was uploaded: in its Xet store, or through LFS."""
    xet = sum(path.stat().st_size for path in (hub.root / "cas" / "xet" / "xorbs" / "xorbs").glob("default.*"))
    return xet + sum(one["in"] for one in hub.requests() if one["path"].startswith("/lfs/"))


@pytest.mark.parametrize("mode", ["xet", pytest.param("multipart", marks=pytest.mark.slow)])
def test_two_versions_go_up_and_both_load_by_revision(start_hub, tmp_path, versions, mode) -> None:
    hub, home = start_hub(mode), tmp_path / "home"
    one, two = map(str, versions)

    nothing = medloom(hub, home, "publish", one, "--repo", REPO, token=False)
    assert nothing.returncode == 1
    assert "no token" in nothing.stderr
    dry = medloom(hub, home, "publish", one, "--repo", REPO, "--dry-run", token=False)
    assert dry.returncode == 0, dry.stderr
    assert "nothing was" in dry.stdout
    assert not [row for row in hub.requests() if row["method"] in ("PUT", "DELETE") or "commit" in row["path"]]

    first = medloom(hub, home, "publish", one, "--repo", REPO)
    assert first.returncode == 0, first.stderr
    at_first = sent(hub)

    low = medloom(hub, home, "publish", two, "--repo", REPO, "--version", "1.0.1")
    assert low.returncode == 1
    assert "1.1.0 or later" in low.stderr
    second = medloom(hub, home, "publish", two, "--repo", REPO)
    assert second.returncode == 0, second.stderr
    assert (at_first, sent(hub) - at_first) > (0, 0)
    assert sent(hub) - at_first < at_first
    assert hub.token not in "".join(done.stdout + done.stderr for done in (nothing, dry, first, low, second))

    found = json.loads(hub.client(LOAD, tmp_path / "reader", token=None))
    old, new, main = ({key.split(" ", 1)[1]: rows for key, rows in found.items() if key.startswith(revision)}
                      for revision in ("v1.0.0", "v1.1.0", "main"))  # fmt: skip
    assert new == main
    for split, rows in old.items():
        assert set(rows) <= set(new[split])
        differing = [row for row in rows if rows[row] != new[split][row]]
        assert len(differing) == ("train" in split)
    assert sum(map(len, new.values())) - sum(map(len, old.values())) == 2 * 3

    opened = json.loads(hub.client(OPEN, tmp_path / "reader", token=None))
    for revision, corpus in (("v1.0.0", one), ("v1.1.0", two), ("None", two)):
        local = load(corpus)
        assert opened[revision] == [local.version, sorted(item.record.id for item in local)]

    told = medloom(hub, home, "diff", f"{REPO}@v1.0.0", f"{REPO}@v1.1.0").stdout
    assert "added: 9 records" in told
    assert "open: 3 (picture)" in told

    other = medloom(hub, home, "publish", one, "--repo", REPO, "--version", "1.1.0")
    assert other.returncode == 1
    assert "never changes" in other.stderr or "can't follow" in other.stderr


CARD = """
import json
from huggingface_hub import DatasetCard, HfApi, hf_hub_download
card = DatasetCard.load("org/drawn").data.to_dict()
info = HfApi().repo_info("org/drawn", repo_type="dataset")
refs = HfApi().list_repo_refs("org/drawn", repo_type="dataset")
path = hf_hub_download("org/drawn", "croissant.json", repo_type="dataset", revision="v1.0.0")
print(json.dumps({"card": card, "private": info.private, "branches": [one.name for one in refs.branches], "at": path}))
"""


def test_the_card_is_whole_and_a_private_corpus_stays_private(start_hub, tmp_path, versions) -> None:
    hub = start_hub("sizes")  # a server that takes no copies
    done = medloom(hub, tmp_path / "home", "publish", str(versions[0]), "--repo", REPO, "--private")
    assert done.returncode == 0, done.stderr
    found = json.loads(hub.client(CARD, tmp_path / "reader"))
    assert found["private"] is True
    assert found["branches"] == ["main"]
    card = found["card"]
    wanted = {"license", "language", "pretty_name", "size_categories", "task_categories", "tags", "configs",
              "dataset_info", "annotations_creators", "source_datasets"}  # fmt: skip
    assert wanted <= set(card)
    lock = json.loads((versions[0] / "corpus.lock.json").read_text())
    for info in card["dataset_info"]:
        shards = [one for one in lock["shards"].values() if one["config"] == info["config_name"]]
        assert sum(split["num_examples"] for split in info["splits"]) == sum(one["rows"] for one in shards)
        assert info["download_size"] == sum(one["bytes"] for one in shards)

    import mlcroissant

    croissant = json.loads(Path(found["at"]).read_text())
    assert mlcroissant.Dataset(jsonld=found["at"]).metadata.version == "1.0.0"
    assert croissant["url"].endswith(REPO)
    assert "datePublished" in croissant
    assert len([name for name in croissant if name.startswith("rai:")]) >= 6


def test_a_repository_of_others_is_left_alone(start_hub, tmp_path, versions) -> None:
    hub = start_hub("lfs")
    hub.client(
        "from huggingface_hub import HfApi; api = HfApi(); api.create_repo('org/drawn', repo_type='dataset');"
        "api.upload_file(path_or_fileobj=b'a', path_in_repo='data/mine.csv', repo_id='org/drawn', repo_type='dataset')",
        tmp_path / "home",
    )
    done = medloom(hub, tmp_path / "home", "publish", str(versions[0]), "--repo", REPO)
    assert done.returncode == 1
    assert "data/mine.csv" in done.stderr
    assert not [row for row in hub.requests() if row["path"].endswith("/commit/medloom-staging-v1.0.0")]
