"""kill -9 at random moments: what is there is whole, and a resumed build ends in the same bytes."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CATALOG = """\
corpus: killed
version: 1.0.0
release: {{licence: CC-BY-4.0, to: public}}
sources:
  - {{use: bccd_voc, path: {data}/bccd_voc}}
  - {{use: dsb2018_nuclei, path: {data}/dsb2018_nuclei}}
tasks: [caption, vqa.closed, grounding.box, counting]
filters: [structure, geometry, image, exact_duplicates, balance]
shards: {{rows: 40}}
unit_samples: 8
"""


def build(catalog: Path, out: Path, workers: int, **more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "medloom.flows.cli", "build", str(catalog), "--out", str(out), "--resume"]
    return subprocess.Popen(
        [*command, "--workers", str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **more,  # type: ignore[call-overload]
    )


def tree(out: Path) -> dict[str, str]:
    """Every file but the report, which tells of the run."""
    files = sorted(path for path in out.rglob("*") if path.is_file() and "report" not in path.parts)
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    path = tmp_path_factory.mktemp("killed") / "catalog.yaml"
    path.write_text(CATALOG.format(data=data_dir))
    return path


@pytest.fixture(scope="module")
def undisturbed(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    out = tmp_path_factory.mktemp("undisturbed") / "corpus"
    began = time.monotonic()
    run = build(catalog, out, 0)
    assert run.wait() == 0, run.stdout.read() if run.stdout else ""
    return tree(out), time.monotonic() - began


def killed_and_resumed(catalog: Path, out: Path, workers: int, kills: int, longest: float, seed: int) -> dict[str, str]:
    moments = random.Random(seed)
    for _ in range(kills):
        run = build(catalog, out, workers)
        time.sleep(moments.uniform(0.3, longest))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        if out.exists():
            assert (out / "corpus.lock.json").is_file(), "a corpus without its lock was left"
    last = build(catalog, out, workers)
    text = last.communicate()[0]
    assert last.returncode == 0, text
    return tree(out)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_build_killed_at_random_moments_ends_in_the_same_bytes(
    catalog: Path, undisturbed: tuple[dict[str, str], float], tmp_path: Path, seed: int
) -> None:
    digests, seconds = undisturbed
    assert killed_and_resumed(catalog, tmp_path / "corpus", 0, 4, seconds, seed) == digests


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 16))
def test_a_build_on_ray_killed_at_random_moments_ends_in_the_same_bytes(
    catalog: Path, undisturbed: tuple[dict[str, str], float], tmp_path: Path, seed: int
) -> None:
    digests, _ = undisturbed
    assert killed_and_resumed(catalog, tmp_path / "corpus", 2, 3, 40.0, seed) == digests


def test_a_disk_that_takes_no_more_stops_the_build_and_leaves_nothing_half(
    catalog: Path, undisturbed: tuple[dict[str, str], float], tmp_path: Path
) -> None:
    """A limit on file size stands for the full disk: the kernel refuses the write in the same place."""
    out = tmp_path / "corpus"

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    run = build(catalog, out, 0, preexec_fn=limit)
    text = run.communicate()[0]
    assert run.returncode == 1 and "--resume" in text, text
    assert not out.exists()
    last = build(catalog, out, 0)
    assert last.wait() == 0
    assert tree(out) == undisturbed[0]
