"""The wheel works outside the checkout: catalogs, vocabulary, templates and pages are in it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of a fresh environment with the locked core requirements and the wheel, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPO)]
    subprocess.run(build, check=True, capture_output=True)
    venv.create(folder / "env", with_pip=False)
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "-q", "--python", str(folder / "env/bin/python")]
    locked = ["--require-hashes", "-r", str(REPO / "requirements/core.txt")]
    subprocess.run([*uv, *locked], check=True, capture_output=True)
    subprocess.run([*uv, "--no-deps", str(next(folder.glob("*.whl")))], check=True, capture_output=True)
    return folder / "env" / "bin"


def run(installed: Path, where: Path, *command: str) -> subprocess.CompletedProcess[str]:
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(installed / command[0]), *command[1:]], cwd=where, env=alone, capture_output=True, text=True, check=False
    )


def test_a_packaged_catalog_builds_from_elsewhere(installed: Path, tmp_path: Path) -> None:
    find = "import medloom.catalogs as c, pathlib; print(pathlib.Path(c.__file__).parent / 'quickstart.yaml')"
    catalog = run(installed, tmp_path, "python", "-c", find).stdout.strip()
    assert catalog and REPO not in Path(catalog).parents
    built = run(installed, tmp_path, "medloom", "build", catalog, "--out", "corpus", "--workers", "0")
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "corpus" / "report" / "index.html").stat().st_size > 10_000


def test_nothing_generic_lands_in_site_packages(installed: Path, tmp_path: Path) -> None:
    listed = run(installed, tmp_path, "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    names = {path.name for path in Path(listed.stdout.strip()).iterdir()}
    assert "medloom" in names and names.isdisjoint({"flows", "schemas", "converters", "synthesis", "quality", "tests"})
