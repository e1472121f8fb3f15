"""Scheduled builds: what makes one build again, and a schedule that fires for real on a real Prefect server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from medloom.flows.run import run_build
from medloom.schemas.errors import CatalogError

REPO = Path(__file__).parents[2]
CATALOG = """\
corpus: watched
version: 1.0.0
release: {licence: CC-BY-4.0, to: public}
sources: [{use: dsb2018_nuclei, path: DSB}]
tasks: [grounding.box, counting]
filters: [structure]
gate: {run: false}
"""


@pytest.fixture
def catalog(tmp_path: Path, data_dir: Path) -> Path:
    (tmp_path / "DSB" / "stage1_train").mkdir(parents=True)
    for folder in sorted((data_dir / "dsb2018_nuclei" / "stage1_train").iterdir())[:6]:
        shutil.copytree(folder, tmp_path / "DSB" / "stage1_train" / folder.name)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    return tmp_path / "catalog.yaml"


def reasons(catalog: Path) -> list[str]:
    from medloom.flows.schedule import reasons_to_build

    return reasons_to_build(catalog, catalog.parent / "out")


def case(catalog: Path, number: int) -> Path:
    return sorted((catalog.parent / "DSB" / "stage1_train").iterdir())[number]


def test_what_makes_it_build_again(catalog: Path, data_dir: Path) -> None:
    assert reasons(catalog) == ["not built yet"]
    out = catalog.parent / "out"
    run_build(catalog, out)
    assert reasons(catalog) == []
    picture = next(case(catalog, 0).glob("images/*.png"))
    os.utime(picture)
    assert reasons(catalog) == []  # the same bytes at another time are no change
    mask = sorted(case(catalog, 0).glob("masks/*.png"))[0]
    mask.write_bytes(sorted(case(catalog, 0).glob("masks/*.png"))[1].read_bytes())
    assert [reason.split(":")[0] for reason in reasons(catalog)] == ["dsb2018_nuclei"]
    run_build(catalog, out, resume=True)
    assert reasons(catalog) == []
    shutil.rmtree(case(catalog, 5))
    assert reasons(catalog)
    run_build(catalog, out, resume=True)
    catalog.write_text(CATALOG.replace("[structure]", "[structure, geometry]"))
    assert any("filters" in reason for reason in reasons(catalog))
    catalog.write_text(CATALOG.replace("structure", "strukture"))
    with pytest.raises(CatalogError, match="structure"):
        reasons(catalog)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A real Prefect server on loopback: its API's URL, and the environment of its clients."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    env = os.environ | {
        "PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_API_URL": api, "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "3",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
    }  # fmt: skip
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "server.log").open("w") as log:
        running = subprocess.Popen(command, env=env | {"PREFECT_API_URL": ""}, stdout=log, stderr=log)
    try:
        wait_for(lambda: answers(f"{api}/health"), 180)
        yield api, env
    finally:
        running.terminate()
        running.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url):
            return True
    except OSError:
        return False


def ask(api: str, what: str) -> list[dict]:
    url = f"{api}/{what}/filter"
    asked = urllib.request.Request(url, data=b"{}", headers={"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(asked) as answer:
        return list(json.load(answer))


def wait_for(what: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.5)


def test_a_schedule_fires_builds_once_and_keeps_what_was_good(catalog: Path, server, tmp_path: Path) -> None:
    api, env = server
    out = tmp_path / "out"
    command = [sys.executable, "-m", "medloom.flows.cli", "schedule", str(catalog), "--out", str(out), "--every", "5"]
    with (tmp_path / "serve.log").open("w") as log:
        serving = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        ended = lambda state: [run for run in ask(api, "flow_runs") if run["state_type"] == state]  # noqa: E731
        wait_for(lambda: len(ended("COMPLETED")) >= 2, 240)
        assert all(run["auto_scheduled"] for run in ended("COMPLETED"))
        lock = (out / "corpus.lock.json").read_bytes()
        told = {artifact["key"]: artifact for artifact in ask(api, "artifacts")}
        assert {"out-why", "watched-sources", "watched-report"} <= set(told)
        assert json.loads(told["watched-sources"]["data"])[0]["samples"] == 6
        assert (out / "report" / "index.html").resolve().as_uri() in told["watched-report"]["data"]
        said = [artifact["data"] for artifact in ask(api, "artifacts") if artifact["key"] == "out-why"]
        assert "- not built yet" in said and "Nothing has changed: nothing was built." in said
        for mask in case(catalog, 0).glob("masks/*"):
            mask.write_bytes(b"no picture")
        for number in range(1, 6):
            next(case(catalog, number).glob("images/*.png")).write_bytes(b"no picture either")
        wait_for(lambda: ended("FAILED"), 120)
        assert (out / "corpus.lock.json").read_bytes() == lock
    finally:
        os.killpg(serving.pid, signal.SIGKILL)
        serving.wait()


@pytest.mark.slow
def test_the_committed_deployments_run_in_a_work_pool(server, tmp_path: Path, data_dir: Path, catalog: Path) -> None:
    api, env = server
    deployed = yaml.safe_load((REPO / "prefect.yaml").read_text())
    for one in deployed["deployments"]:
        assert one["concurrency_limit"]["limit"] == 1
    at = tmp_path / "house"
    (at / "catalogs").mkdir(parents=True)
    text = (REPO / "prefect.yaml").read_text().replace("catalogs/quickstart.yaml", str(catalog))
    (at / "prefect.yaml").write_text(
        text.replace("workers: 2", "workers: 0").replace('cron: "0 2 * * *"', "interval: 8")
    )
    env |= {"MEDLOOM_HOME": str(at)}
    prefect = [sys.executable, "-m", "prefect"]
    subprocess.run([*prefect, "work-pool", "create", "medloom", "--type", "process"], env=env, check=True)
    subprocess.run([*prefect, "--no-prompt", "deploy", "--all"], env=env, check=True, cwd=at)
    with (tmp_path / "worker.log").open("w") as log:
        worker = subprocess.Popen(
            [*prefect, "worker", "start", "--pool", "medloom"], env=env, cwd=at, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(lambda: [run for run in ask(api, "flow_runs") if run["state_type"] == "COMPLETED"], 240)
        assert (at / "build" / "quickstart" / "corpus.lock.json").is_file()
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
