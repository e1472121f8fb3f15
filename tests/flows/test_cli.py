"""The commands as a user types them: exit codes, the plan, a record's story, and a real Prefect server."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import polars as pl
import pytest

CATALOG = """\
corpus: nuclei
version: 1.0.0
release: {{licence: CC-BY-4.0, to: public}}
sources: [{{use: dsb2018_nuclei, path: {data}/dsb2018_nuclei}}]
tasks: [caption, grounding.box, counting]
filters: [structure, geometry, exact_duplicates]
"""


def medloom(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medloom.flows.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    path = tmp_path_factory.mktemp("nuclei") / "catalog.yaml"
    path.write_text(CATALOG.format(data=data_dir))
    return path


@pytest.fixture(scope="module")
def built(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "corpus"
    planned = medloom("plan", str(catalog), "--out", str(out))
    assert planned.returncode == 0, planned.stderr
    done = medloom("build", str(catalog), "--out", str(out), "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert "report:" in done.stdout and "dsb2018_nuclei: convert: 24 samples" in done.stderr
    return out


def test_a_wrong_catalog_is_2_and_says_where(catalog: Path, tmp_path: Path) -> None:
    wrong = catalog.with_name("wrong.yaml")
    wrong.write_text(catalog.read_text().replace("filters:", "filter:"))
    for command in (["check", str(wrong)], ["build", str(wrong), "--out", str(tmp_path / "out")]):
        done = medloom(*command)
        assert done.returncode == 2
        assert re.search(r"wrong\.yaml:6:1: error: .*filter.*filters", done.stdout + done.stderr)
    assert not (tmp_path / "out").exists()
    assert medloom("check", str(catalog)).returncode == 0
    assert medloom("build", str(catalog), "--out", str(tmp_path / "out"), "--source", "nonsense").returncode == 2


def test_a_failed_build_is_1_and_leaves_no_corpus(catalog: Path, tmp_path: Path) -> None:
    empty = catalog.with_name("empty.yaml")
    (tmp_path / "nothing").mkdir()
    empty.write_text(re.sub(r"path: [^}]+", f"path: {tmp_path / 'nothing'}", catalog.read_text()))
    done = medloom("build", str(empty), "--out", str(tmp_path / "out"), "--workers", "0")
    assert done.returncode == 1 and "dsb2018_nuclei" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_plan_says_what_would_be_redone_and_why(catalog: Path, built: Path, tmp_path: Path) -> None:
    assert "nothing to do" in medloom("plan", str(catalog), "--out", str(built)).stdout
    other = catalog.with_name("other.yaml")
    other.write_text(catalog.read_text().replace("counting]", "counting.boxes]"))
    assert re.search(
        r"1 of 1 units to do\n.*changed since the last build: tasks",
        medloom("plan", str(other), "--out", str(built)).stdout,
    )
    assert "not built yet" in medloom("plan", str(catalog), "--out", str(tmp_path / "new")).stdout


def test_a_record_tells_its_whole_story(built: Path, data_dir: Path) -> None:
    lineage = pl.read_parquet(built / "lineage.parquet")
    record = lineage.filter(pl.col("task") == "counting", pl.col("filter").is_null())["id"].min()
    told = medloom("trace", record[:12], "--out", str(built)).stdout
    for word in (
        record,
        "counting",
        "dsb2018_nuclei",
        "CC0-1.0",
        "cell_nucleus region present",
        "template",
        "kept, in",
    ):
        assert word in told
    file = re.search(r"^file +(\S+)", told, re.M).group(1)
    assert (data_dir / "dsb2018_nuclei" / file).is_file()
    masks = re.findall(r"^ +(stage1_train/\S+/masks/\S+\.png)", told, re.M)
    assert masks and all((data_dir / "dsb2018_nuclei" / mask).is_file() for mask in masks)
    assert re.search(r"^assistant +\d+$", told, re.M)
    missing = medloom("trace", "ffffffffffff", "--out", str(built))
    assert missing.returncode == 1 and "no record" in missing.stderr


def test_a_phantom_clinic_is_written_once(tmp_path: Path) -> None:
    done = medloom("phantom", str(tmp_path / "clinic"), "--seed", "3")
    assert done.returncode == 0 and "not real data" in done.stdout
    assert json.loads((tmp_path / "clinic" / "truth.json").read_text())["seed"] == 3
    assert medloom("phantom", str(tmp_path / "clinic")).returncode == 2


def test_a_build_shows_in_a_real_prefect_server(catalog: Path, built: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    home = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | home, stdout=log, stderr=log)
    try:
        _wait_for(f"{api}/health", 180)
        out = tmp_path / "corpus"
        done = medloom("build", str(catalog), "--out", str(out), "--workers", "1", PREFECT_API_URL=api, **home)
        assert done.returncode == 0, done.stderr
        runs = _ask(f"{api}/flow_runs/filter")
        assert [(run["name"], run["state_type"]) for run in runs] == [("nuclei 1.0.0", "COMPLETED")]
        tasks = {run["name"]: run["state_type"] for run in _ask(f"{api}/task_runs/filter")}
        assert {"list dsb2018_nuclei", "convert dsb2018_nuclei"} <= set(tasks)
        assert set(tasks.values()) == {"COMPLETED"} and len(tasks) == 5
    finally:
        server.terminate()
        server.wait()
    assert (out / "corpus.lock.json").read_bytes() == (built / "corpus.lock.json").read_bytes()


def _ask(url: str) -> list[dict[str, str]]:
    asked = urllib.request.Request(url, data=b"{}", headers={"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(asked) as answer:
        return list(json.load(answer))


def _wait_for(url: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def test_filter_tells_what_other_filters_would_drop_of_a_build_and_why(catalog: Path, built: Path) -> None:
    stricter = catalog.with_name("stricter.yaml")
    stricter.write_text(catalog.read_text().replace("[structure, geometry,", "[{image: {min_side: 300}}, structure,"))
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*")}
    told = medloom("filter", str(stricter), "--out", str(built))
    assert told.returncode == 0, told.stderr
    made = len(pl.read_parquet(built / "lineage.parquet"))
    assert f"{made} records in the work store" in told.stdout
    dropped, kept = map(int, re.search(r"image: drops (\d+), keeps (\d+)", told.stdout).groups())  # type: ignore[union-attr]
    assert dropped > 0 and dropped + kept == made
    name = re.search(r"too_small \d+\n +([0-9a-f]{32}) ", told.stdout).group(1)  # type: ignore[union-attr]
    story = medloom("filter", str(stricter), "--out", str(built), "--explain", name).stdout
    assert "verdict: drop, too_small" in story and "never asked: structure, exact_duplicates" in story
    assert re.search(r"FAIL shorter side of [0-9a-f]+: \d+ px \(wanted: min_side ≥ 300\); min_side: \d+ would", story)
    assert before == {path: path.stat().st_mtime_ns for path in built.rglob("*")}
    assert medloom("filter", str(stricter), "--out", str(built), "--explain", "zzz").returncode == 1
