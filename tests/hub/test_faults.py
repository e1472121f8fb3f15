"""Whatever fails while a version is published: readers have the old version or the whole new one, and the same command
run again finishes. The whole table takes minutes (`slow`); it is printed, and stands in docs/publish.md."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from corpora import build, draw, draw_folders, write_catalog
from fault_proxy import KINDS, STEPS, Fault, FaultProxy

from medloom.flows.publish.problem import PublishError
from medloom.flows.publish.publish import publish

REPO = "org/drawn"
LEAN = [("read back", "wrong"), ("commit to main", "lost")]
SPOILT = ("batch", "put", "read back")
"""Steps of which bytes can be spoilt."""
CELLS = [
    (step, kind)
    for step in STEPS
    for kind in KINDS
    if step not in ("token", "create", "verify")
    and (kind not in ("half", "wrong") or step in SPOILT)
    and (kind != "slow" or step in ("put", "commit to main", "read back"))
]


class Stage(NamedTuple):
    """A Hub that holds 1.0.0, a proxy before it, and 1.1.0 on disk."""

    hub: object
    proxy: FaultProxy
    next: Path
    before: dict


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions")
    draw_folders(folder / "open", range(16))
    first = build(write_catalog(folder, "1.0.0", open="bytes"), folder / "one")
    draw_folders(folder / "open", range(16, 20))
    draw(999, folder / "open" / "train" / "nevus" / "D000_a.jpg")
    return first, build(write_catalog(folder, "1.1.0", open="bytes"), folder / "two", follows=first)


@pytest.fixture(scope="module")
def stage(versions, start_module_hub):
    hub = start_module_hub("lfs")
    with pytest.MonkeyPatch.context() as patch:
        _client(patch, hub.token)
        publish(versions[0], REPO, endpoint=hub.address, say=lambda _: None)
        before = refs(hub)
    proxy = FaultProxy(hub.address.removeprefix("http://"))
    yield Stage(hub, proxy, versions[1], before)
    proxy.close()


def _client(patch, token: str) -> None:
    """This process as a client without Xet that doesn't wait long between its tries; all else is real."""
    import huggingface_hub.constants
    import huggingface_hub.utils._http as http

    patch.setenv("HF_TOKEN", token)
    patch.setenv("HF_HUB_DISABLE_XET", "1")
    patch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    patch.setattr("medloom.flows.publish.remote.WAITS", (0.01, 0.01))
    shorter = type("shorter", (), {"sleep": staticmethod(lambda seconds: time.sleep(seconds / 100))})
    patch.setattr(http, "time", shorter)


def refs(hub) -> dict:
    found = httpx2.get(f"{hub.address}/api/datasets/{REPO}/refs").json()
    return {kind: {ref["name"]: ref["targetCommit"] for ref in found[kind]} for kind in ("branches", "tags")}


def tree(hub, revision: str) -> dict[str, str]:
    rows = httpx2.get(f"{hub.address}/api/datasets/{REPO}/tree/{revision}?recursive=true").json()
    return {row["path"]: row["oid"] for row in rows if row["type"] == "file"}


def seen(stage: Stage) -> str:
    """Which version readers of main have: the old one whole, the new one whole, or something that must not be."""
    now = refs(stage.hub)
    if now["branches"]["main"] == stage.before["branches"]["main"]:
        assert now["tags"] == stage.before["tags"]
        return "1.0.0"
    lock = json.loads(httpx2.get(f"{stage.hub.address}/datasets/{REPO}/resolve/main/corpus.lock.json").text)
    assert lock["release"]["version"] == "1.1.0"
    there = tree(stage.hub, "main")
    assert set(lock["shards"]) == {path for path in there if path.startswith("data/")}
    assert not set(lock["files"]) - set(there)
    return "1.1.0"


def strike(stage: Stage, step: str, kind: str) -> tuple[str, str, str, float]:
    """What the run with the fault did, what readers had then, what the run after it did, and seconds of both."""
    base = {"repo": REPO, **stage.before}
    httpx2.post(f"{stage.hub.address}/_rewind", json=base)
    stage.proxy.fault = fault = Fault(step, kind, times=1 if kind == "slow" else 1_000_000)
    began = time.monotonic()
    try:
        publish(stage.next, REPO, endpoint=stage.proxy.address, say=lambda _: None)
        first = "finished"
    except PublishError as error:
        first = str(error)
        assert "hf_loopback" not in first
    assert fault.struck, f"no request of the step {step} was made"
    readers = seen(stage)
    stage.proxy.fault = None
    publish(stage.next, REPO, endpoint=stage.proxy.address, say=lambda _: None)
    now = refs(stage.hub)
    assert seen(stage) == "1.1.0"
    assert now["tags"]["v1.1.0"] == now["branches"]["main"]
    assert set(now["branches"]) == {"main"}
    return first, readers, "finished", time.monotonic() - began


@pytest.mark.parametrize(("step", "kind"), LEAN)
def test_readers_have_one_version_or_the_other_whole_and_a_second_run_finishes(stage, monkeypatch, step, kind) -> None:
    _client(monkeypatch, stage.hub.token)
    first, readers, _, _ = strike(stage, step, kind)
    assert first != "finished"
    assert readers == ("1.1.0" if (step, kind) == ("commit to main", "lost") else "1.0.0")


@pytest.mark.slow
def test_every_fault_at_every_step(stage, monkeypatch, capsys) -> None:
    _client(monkeypatch, stage.hub.token)
    rows = ["| step | fault | this run | readers then had | the run after it |", "|---|---|---|---|---|"]
    for step, kind in CELLS:
        first, readers, then, _ = strike(stage, step, kind)
        told = first if first == "finished" else f"stopped at: {first.split(' failed')[0].split(' (')[0][:60]}"
        rows.append(f"| {step} | {kind} | {told} | {readers} | {then} |")
        with capsys.disabled():
            print(rows[-1], flush=True)
    for row in rows[2:]:
        if "commit to main | lost" not in row and " tag " not in row and "drop branch" not in row:
            assert "1.0.0" in row or "| finished | 1.1.0" in row or "verifying" in row, row
