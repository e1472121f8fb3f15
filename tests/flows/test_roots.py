"""Where a source lies: folders, packages, and phantom clinics that are made once, whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from medloom.converters.phantom import clinic
from medloom.flows.check import load_card, resolve_root
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import SourceUse
from medloom.schemas.errors import CatalogError

CARD = load_card("bccd_voc")


def root(path: str | None, folder: Path, card: SourceCard = CARD) -> Path:
    return resolve_root(SourceUse(use="here", path=path), card, folder, folder / "scratch")


def test_folders_start_at_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert root("data", tmp_path) == root("~/data", Path("/")) == root(str(tmp_path / "data"), Path("/"))
    monkeypatch.chdir(tmp_path)
    assert root("data", Path()).is_absolute()


@pytest.mark.parametrize("path", [None, "nowhere", "file", "~no_such_user/x", "a\0b", "https://example.org/x.zip"])
def test_what_is_not_there_says_how_to_get_it(tmp_path: Path, path: str | None) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogError, match=r"--source here=PATH.*git clone"):
        root(path, tmp_path)


def test_a_package_is_found_without_running_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loud_package" / "data").mkdir(parents=True)
    (tmp_path / "loud_package" / "__init__.py").write_text("raise RuntimeError('it ran')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert root("package:loud_package/data", tmp_path) == tmp_path / "loud_package" / "data"
    assert root("package:loud_package", tmp_path) == tmp_path / "loud_package"
    assert "loud_package" not in sys.modules
    files = root("package:pydicom/data/test_files", tmp_path)
    assert (files / "CT_small.dcm").is_file()


@pytest.mark.parametrize(
    "path",
    [
        "package:", "package:no_such_package_here", "package:pydicom/nothing", "package:pydicom/../numpy",
        "package:pydicom//etc", "package:../pydicom", "package:os.path", "package:__main__/x",
        "phantom:", "phantom:x", "phantom:-1/ct_msd", "phantom:7/../../x", "phantom:7//etc", "phantom:7/no_such_ward",
    ],
)  # fmt: skip
def test_nothing_leads_out_of_a_package_or_a_clinic(tmp_path: Path, path: str) -> None:
    with pytest.raises(CatalogError, match="source 'here'"):
        root(path, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_clinic_is_made_once_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks_off(folder: Path, seed: int) -> object:
        (folder / "half.txt").write_text(f"{seed}")
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as broken:
        broken.setattr(clinic, "write_clinic", breaks_off)
        with pytest.raises(OSError, match=os.strerror(28)):
            root("phantom:3", tmp_path)
    assert list((tmp_path / "scratch").iterdir()) == []

    made = root("phantom:3", tmp_path)
    folder = next(path.name for path in sorted(made.iterdir()) if path.is_dir())
    assert root(f"phantom:3/{folder}", tmp_path) == made / folder
    with monkeypatch.context() as broken:
        broken.setattr(clinic, "write_clinic", breaks_off)
        assert root("phantom:3", tmp_path) == made
    with pytest.raises(CatalogError, match="no such folder"):
        root(f"phantom:3/{folder}/no_such_bed", tmp_path)
    assert clinic.FOLDERS.keys() <= {path.name for path in made.iterdir()}
