"""What is written is whole or not there; one build at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from medloom.flows.store import Store, sha256_of, whole_folder, write_whole
from medloom.schemas.errors import BuildError


def test_a_file_is_replaced_whole_and_leaves_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_a_folder_that_fails_to_fill_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "unit") as fresh:
        (fresh / "half").write_bytes(b"half")
        raise RuntimeError("killed")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_replaces_the_old_one(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with whole_folder(tmp_path / "unit") as fresh:
            (fresh / name).write_bytes(b"x")
    assert [found.name for found in (tmp_path / "unit").iterdir()] == ["new"]


def test_a_second_build_is_kept_out_even_from_another_process(tmp_path: Path) -> None:
    store = Store.beside(tmp_path / "out")
    code = (
        "import sys; from pathlib import Path; from medloom.flows.store import Store\n"
        "with Store.beside(Path(sys.argv[1])).locked(): print('inside')"
    )
    with store.locked(), pytest.raises(BuildError, match="another build"), store.locked():
        pass
    with store.locked():
        command = [sys.executable, "-c", code, str(store.out)]
        other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert other.returncode != 0 and "another build" in other.stderr
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.stdout.strip() == "inside"


def test_the_new_corpus_takes_the_place_of_the_old(tmp_path: Path) -> None:
    store = Store.beside(tmp_path / "out")
    for text in ("first", "second"):
        store.next.mkdir(parents=True)
        (store.next / "README.md").write_text(text)
        store.swap_in()
    assert (store.out / "README.md").read_text() == "second"
    assert not store.next.exists() and not (store.work / "previous").exists()
    assert sha256_of(store.out / "README.md") == "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4"
