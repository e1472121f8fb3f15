"""The loopback Hub is held to what the real client expects: both ways to upload, revisions, ranges, errors."""

from __future__ import annotations

import json

import pytest

UPLOAD = """
import sys, pathlib
from huggingface_hub import CommitOperationAdd, HfApi
api, folder = HfApi(), pathlib.Path(sys.argv[1])
api.create_repo("org/set", repo_type="dataset", exist_ok=True)
head = api.repo_info("org/set", repo_type="dataset").sha
paths = [path for path in folder.rglob("*") if path.is_file()]
files = [CommitOperationAdd(path.relative_to(folder).as_posix(), str(path)) for path in paths]
done = api.create_commit("org/set", files, commit_message="two files", repo_type="dataset", parent_commit=head)
api.create_tag("org/set", tag=sys.argv[2], revision=done.oid, repo_type="dataset")
print(done.oid)
"""
READ = """
import json, sys, hashlib, pathlib
from huggingface_hub import hf_hub_download, HfApi
found = {}
for revision in sys.argv[1:]:
    for name in ("data/a.parquet", "README.md"):
        path = pathlib.Path(hf_hub_download("org/set", name, repo_type="dataset", revision=revision))
        found[f"{revision}/{name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
print(json.dumps(found))
"""


def written(folder, seed: int, size: int = 300_000):
    import hashlib
    import random

    (folder / "data").mkdir(parents=True, exist_ok=True)
    files = {"data/a.parquet": random.Random(seed).randbytes(size), "README.md": f"# version {seed}\n".encode()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


@pytest.mark.parametrize("mode", ["xet", "multipart"])
def test_two_versions_come_back_through_one_cache_as_they_went_up(start_hub, tmp_path, mode) -> None:
    hub, home = start_hub(mode), tmp_path / "home"
    first = written(tmp_path / "files", 1)
    hub.client(UPLOAD, home, str(tmp_path / "files"), "v1")
    second = written(tmp_path / "files", 2)
    hub.client(UPLOAD, home, str(tmp_path / "files"), "v2")
    found = json.loads(hub.client(READ, tmp_path / "reader", "v1", "v2", "main", token=None))
    wanted = {f"v1/{name}": value for name, value in first.items()}
    wanted |= {f"{revision}/{name}": value for revision in ("v2", "main") for name, value in second.items()}
    assert found == wanted
    sent = [one["path"] for one in hub.requests() if one["method"] == "PUT" and one["path"].startswith("/lfs/")]
    assert bool(sent) == (mode != "xet")
    assert any("/part/" in path for path in sent) == (mode == "multipart")
    assert any("xet-write-token" in one["path"] for one in hub.requests()) == (mode == "xet")


REFUSALS = """
import sys
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
api = HfApi()
api.create_repo("org/set", repo_type="dataset", private=True)
old = api.repo_info("org/set", repo_type="dataset").sha
add = lambda text: [CommitOperationAdd("a.txt", text.encode())]
api.create_commit("org/set", add("one"), commit_message="one", repo_type="dataset", parent_commit=old)
def expect(kind, call):
    try:
        call()
    except kind as error:
        print(type(error).__name__, getattr(error.response, "status_code", None))
    else:
        print("no error")
stale = lambda: api.create_commit("org/set", add("two"), commit_message="two", repo_type="dataset", parent_commit=old)
expect(HfHubHTTPError, stale)
expect(EntryNotFoundError, lambda: hf_hub_download("org/set", "no.txt", repo_type="dataset"))
expect(RevisionNotFoundError, lambda: hf_hub_download("org/set", "a.txt", repo_type="dataset", revision="v9"))
expect(RepositoryNotFoundError, lambda: HfApi(token=False).repo_info("org/set", repo_type="dataset"))
print(api.list_repo_commits("org/set", repo_type="dataset")[0].title)
"""


def test_errors_are_those_that_the_client_knows(start_hub, tmp_path) -> None:
    lines = start_hub("lfs").client(REFUSALS, tmp_path / "home").splitlines()
    assert lines[0].endswith(" 412")
    assert lines[1].startswith(("EntryNotFoundError", "RemoteEntryNotFoundError"))
    assert lines[2].startswith("RevisionNotFoundError")
    assert lines[3].startswith("RepositoryNotFoundError")
    assert lines[4] == "one"
