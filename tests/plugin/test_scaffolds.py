"""What `medloom new` writes is installed for real, and passes its own tests as it was written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from medloom.converters.registry import converter_names
from medloom.flows.check import check
from medloom.flows.kit.new import new_source
from medloom.schemas.errors import CatalogError

KINDS = {"converter": "my_notes", "task": "my.half", "filter": "my_landscape"}


@pytest.fixture(scope="module")
def written(make_workshop, tmp_path_factory):
    """An environment with one package of every kind, and the folder that they were written into."""
    workshop, folder = make_workshop(), tmp_path_factory.mktemp("written")
    for kind, name in KINDS.items():
        done = workshop.run("medloom", "new", kind, name, "--into", str(folder))
        assert done.returncode == 0, done.stderr
    packages = [word for package in sorted(folder.iterdir()) for word in ("-e", str(package))]
    # The command that the READMEs name, but for the build backend, which is here already.
    done = workshop.run("pip", "install", "-q", "--no-build-isolation", "--no-index", *packages)
    assert done.returncode == 0, done.stderr
    return workshop, folder


def test_the_converter_conforms(written) -> None:
    workshop, folder = written
    done = workshop.run("medloom", "conform", KINDS["converter"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout and "✓ truth" in done.stdout and "✓ boxes" in done.stdout
    code = (folder / "medloom-my-notes/medloom_my_notes/__init__.py").read_text()
    assert len(code.split("class MyNotes")[1].splitlines()) <= 36


def test_their_own_tests_pass(written) -> None:
    workshop, folder = written
    done = workshop.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder), cwd=folder)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_they_build_together(written, tmp_path: Path) -> None:
    workshop, folder = written
    (tmp_path / "sources").symlink_to(folder / "medloom-my-notes/medloom_my_notes/sources")
    catalog = (folder / "medloom-my-notes/medloom_my_notes/catalog.yaml").read_text()
    catalog = catalog.replace("path: fixture", f"path: {folder}/medloom-my-notes/medloom_my_notes/fixture")
    catalog = catalog.replace("[grounding.box]", "[grounding.box, my.half]").replace("geometry]", "my_landscape]")
    (tmp_path / "catalog.yaml").write_text(catalog)
    done = workshop.run("medloom", "build", "catalog.yaml", "--out", "corpus", "--workers", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lineage = pl.read_parquet(tmp_path / "corpus/lineage.parquet")
    assert set(lineage.filter(pl.col("filter").is_null())["task"]) == {"grounding.box", "my.half"}


def test_they_keep_to_the_house_style(written) -> None:
    _, folder = written
    ruff = [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--config"]
    config = str(Path(__file__).parents[2] / "pyproject.toml")
    done = subprocess.run([*ruff, config, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["converter", "Wrong"], "small letters"),
        (["converter", "class"], "can't name a converter"),
        (["converter", "coco"], "there is a converter 'coco' already"),
        (["task", "a.b.c"], "one dot at most"),
        (["converter", "my_notes"], "already"),
        (["source", "mine", "--converter", "csv_label"], "did you mean 'csv_labels'?"),
        (["source", "../mine", "--converter", "coco"], "can't name a source"),
    ],
)
def test_what_cant_be_written_is_told_and_nothing_is(written, tmp_path: Path, command: list[str], told: str) -> None:
    done = written[0].run("medloom", "new", *command, "--into", str(tmp_path))
    assert done.returncode == 2 and told in done.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(written) -> None:
    workshop, folder = written
    fresh = Path(folder / "medloom-other-notes")
    (fresh / "medloom_other_notes").mkdir(parents=True)
    done = workshop.run("medloom", "new", "converter", "other_notes", "--into", str(folder))
    assert done.returncode == 2 and "is there already" in done.stderr
    assert not list((fresh / "medloom_other_notes").iterdir())


def test_a_card_skeleton_reads_well_for_every_converter(tmp_path: Path) -> None:
    for converter in converter_names():
        path = new_source(f"mine_{converter}", converter, tmp_path)
        wrong = [one.what for one in check(path)]
        assert all(one.startswith(("the key", "params", "label tables need")) for one in wrong), (converter, wrong)
    assert check(tmp_path / "mine_csv_labels.yaml") == check(tmp_path / "mine_coco.yaml") == []
    with pytest.raises(CatalogError, match="is there already"):
        new_source("mine_coco", "coco", tmp_path)
