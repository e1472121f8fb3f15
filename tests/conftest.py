"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure: what is slow is told by --durations, not by a law that fails now and then.
settings.register_profile("medloom", deadline=None, derandomize=os.environ.get("MEDLOOM_CI") == "1")
settings.load_profile("medloom")
REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real public datasets in native layout (`MEDLOOM_TEST_DATA`, else beside the checkout)."""
    found = Path(os.environ.get("MEDLOOM_TEST_DATA", REPO.parent / "shared" / "data"))
    if not found.is_dir():
        told = f"no real data: {found} is not there (set MEDLOOM_TEST_DATA)"
        pytest.fail(told) if os.environ.get("MEDLOOM_CI") == "1" else pytest.skip(told)
    return found


class Workshop:
    """An environment of its own on top of this one, where packages are installed for real: `bin` has python, pip and
    medloom."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "env" / "bin"
        venv.create(folder / "env", with_pip=False)
        shared = sysconfig.get_path("purelib")
        site = next((folder / "env").glob("lib/python*/site-packages"))
        # addsitedir, unlike a path in a .pth file, also follows what is installed there for editing.
        (site / "shared.pth").write_text(f"import site; site.addsitedir({shared!r})\n")
        for name, module in (("medloom", "medloom.flows.cli"), ("pip", "pip")):
            script = self.bin / name
            script.write_text(f'#!/bin/sh\nexec {self.bin / "python"} -m {module} "$@"\n')
            script.chmod(0o755)
        alone = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
        self.environment = alone | {"PATH": f"{self.bin}:{alone['PATH']}", "VIRTUAL_ENV": str(folder / "env")}

    def run(self, *command: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command, as typed in this environment."""
        program = str(self.bin / command[0]) if (self.bin / command[0]).exists() else command[0]
        return subprocess.run(
            [program, *command[1:]], cwd=cwd or self.folder, env=self.environment | environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def install(self, package: Path) -> Path:
        """Installs a copy of a package for editing, without asking any index; the folder of the copy."""
        copy = self.folder / package.name
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__", "build"))
        uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "-q", "--offline", "--no-deps"]
        command = [*uv, "--no-build-isolation", "--python", str(self.bin / "python"), "-e", str(copy)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return copy


@pytest.fixture(scope="session")
def make_workshop(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Workshop]:
    """Makes environments in which packages can be installed without touching this one."""
    return lambda: Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="session")
def outside(make_workshop: Callable[[], Workshop]) -> Workshop:
    """An environment with the outside package of tests/plugin."""
    workshop = make_workshop()
    workshop.install(REPO / "tests" / "plugin" / "medloom-outside")
    return workshop


SMALL_CATALOG = """\
corpus: exported
version: 2.1.0
release: {licence: CC-BY-4.0, to: public}
sources:
  - {use: phantom_yolo, path: "phantom:7/cells_yolo"}
  - {use: phantom_xray, path: "phantom:7/xray_coco", limit: 12}
  - {use: phantom_skin, path: "phantom:7/derm_class_folders", limit: 20}
tasks: [caption, vqa.closed, vqa.open, vqa.single_choice, vqa.multiple_choice, grounding.box, grounding.mask,
  grounding.point, grounding.region, counting, counting.boxes, measurement.area, reasoning.box]
filters: [structure, geometry, image, exact_duplicates]
split: {by: patient, ratios: {train: 0.6, validation: 0.2, test: 0.2}, respect_published: true}
shards: {rows: 12}
gate: {run: false}
"""


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus of phantoms with boxes, points, masks, choices and measurements, built once."""
    from medloom.flows.run import run_build

    folder = tmp_path_factory.mktemp("exported")
    (folder / "catalog.yaml").write_text(SMALL_CATALOG)
    run_build(folder / "catalog.yaml", folder / "corpus")
    return folder / "corpus"
