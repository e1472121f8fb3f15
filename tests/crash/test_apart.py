"""A decoder that kills its process takes its own Sample with it, not the unit and not the build."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import polars as pl
import pytest

CATALOG = """\
corpus: hazardous
version: 1.0.0
release: {{licence: CC-BY-4.0, to: public}}
sources: [{{use: dsb2018_nuclei, path: {data}/dsb2018_nuclei}}]
tasks: [grounding.box, {{counting: {{instances: 999}}}}, {{outside.hazard: {hazard}}}]
filters: [structure]
shards: {{rows: 10}}
limits: {{seconds_per_sample: {seconds}, memory_mb: 2000}}
unit_samples: 6
gate: {{run: false}}
"""
REASONS = {"segfault": "decoder_crash", "leave": "decoder_crash", "hang": "time_limit", "eat": "memory_limit"}


def tree(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file() and "report" not in path.parts)
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def keys(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "dsb2018_nuclei/stage1_train").iterdir())


@pytest.fixture
def build(outside, data_dir: Path, tmp_path: Path):
    """Builds a corpus with this hazard."""

    def run(hazard: dict, workers: int, out: str, *more: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        text = CATALOG.format(data=data_dir, hazard=json.dumps(hazard), seconds=seconds)
        (tmp_path / "catalog.yaml").write_text(text)
        command = ["medloom", "build", "catalog.yaml", "--out", out, "--workers", str(workers), *more]
        return outside.run(*command, cwd=tmp_path)

    return run


def test_on_ray_only_the_culprits_are_lost(build, keys: list[str], tmp_path: Path) -> None:
    hazard = {"segfault": [keys[1]], "leave": [keys[4]], "hang": [keys[9]], "eat": [keys[15]]}
    done = build(hazard, 2, "corpus", seconds=15)
    assert done.returncode == 0, done.stderr
    lost = pl.read_parquet(tmp_path / "corpus" / "quarantine.parquet")
    told = {row["unit"]: row for row in lost.iter_rows(named=True)}
    assert {unit: row["reason"] for unit, row in told.items()} == {
        key: REASONS[how] for how, found in hazard.items() for key in found
    }
    for key, row in told.items():
        assert row["stage"] == "convert" and row["file"].startswith(f"stage1_train/{key}/")
    built = set(pl.read_parquet(tmp_path / "corpus" / "lineage.parquet")["sample"])
    assert built == set(keys) - set(told)


def test_here_a_killed_build_goes_on_without_its_culprit(build, keys: list[str], tmp_path: Path) -> None:
    hazard = {"segfault": [keys[7]], "leave": [keys[8], keys[20]]}
    assert build(hazard, 0, "corpus").returncode == -11
    assert build(hazard, 0, "corpus", "--resume").returncode == 0  # left by os._exit(0), a lie
    assert not (tmp_path / "corpus").exists()
    done = build(hazard, 0, "corpus", "--resume")
    assert done.returncode == 0 and "report:" in done.stdout
    lost = pl.read_parquet(tmp_path / "corpus" / "quarantine.parquet")
    assert sorted(lost["unit"]) == sorted([keys[7], keys[8], keys[20]])
    assert build(hazard, 2, "other").returncode == 0
    assert tree(tmp_path / "other") == tree(tmp_path / "corpus")


def test_who_died_by_anothers_fault_is_built(build, tmp_path: Path) -> None:
    hazard = {"once": str(tmp_path / "died")}
    assert build(hazard, 0, "corpus").returncode == -9
    assert build(hazard, 0, "corpus", "--resume").returncode == 0
    assert pl.read_parquet(tmp_path / "corpus" / "quarantine.parquet").is_empty()
    undisturbed = build(hazard, 0, "other")
    assert undisturbed.returncode == 0
    assert tree(tmp_path / "corpus") == tree(tmp_path / "other")


def test_a_wider_limit_lets_through_what_a_narrow_one_stopped(build, keys: list[str], tmp_path: Path) -> None:
    hazard = {"once": str(tmp_path / "died")}
    assert build(hazard, 0, "corpus", seconds=1e-6).returncode == -9
    stopped = build(hazard, 0, "corpus", "--resume", seconds=1e-6)
    assert stopped.returncode == 1 and "refused" in stopped.stderr  # all of the unit: more than the card allows
    done = build(hazard, 0, "corpus", "--resume")
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(tmp_path / "corpus" / "quarantine.parquet").is_empty()
