from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medloom.converters.paths import inside, read_inside
from medloom.schemas.errors import BadInput


@pytest.fixture
def root(tmp_path: Path) -> Path:
    base = tmp_path / "source"
    (base / "images" / "deep").mkdir(parents=True)
    (base / "images" / "a.png").write_bytes(b"x")
    (base / "images" / "deep" / "b..c.png").write_bytes(b"x")
    (base / "empty.png").touch()
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return base


def refused(root: Path, relative: str) -> str:
    with pytest.raises(BadInput) as caught:
        inside(root, relative)
    with pytest.raises(BadInput) as read:
        read_inside(str(root), relative)
    assert read.value.reason == caught.value.reason
    return caught.value.reason


def test_plain_files_are_found(root: Path) -> None:
    assert inside(root, "images/a.png") == root / "images" / "a.png"
    assert inside(root, "./images/deep/b..c.png").read_bytes() == b"x"
    data, found = read_inside(str(root), "images/a.png")
    assert (data, found) == (b"x", (root / "images" / "a.png").stat())


@pytest.mark.parametrize(
    "relative",
    ["../secret.txt", "images/../../secret.txt", "images/..", "..", "/etc/passwd", "C:/x.png", "c:x.png", "a\0.png",
     "..\\secret.txt", "images\\a.png", "\\\\host\\share", "~/x", "", "x" * 5000],
)  # fmt: skip
def test_what_could_leave_the_root_is_unsafe(root: Path, relative: str) -> None:
    assert refused(root, relative) == "unsafe_path"


@pytest.mark.parametrize(
    ("relative", "reason"),
    [("images/none.png", "missing_file"), ("images/a.png/x", "missing_file"), ("empty.png", "empty_file"),
     ("images", "not_a_file")],
)  # fmt: skip
def test_what_is_no_file_has_its_own_reason(root: Path, relative: str, reason: str) -> None:
    assert refused(root, relative) == reason


def test_a_pipe_is_not_opened(root: Path) -> None:
    os.mkfifo(root / "pipe.png")
    assert refused(root, "pipe.png") == "not_a_file"


def test_links_are_followed_inside_only(root: Path) -> None:
    (root / "good.png").symlink_to(root / "images" / "a.png")
    (root / "bad.png").symlink_to(root.parent / "secret.txt")
    (root / "folder").symlink_to(root / "images", target_is_directory=True)
    (root / "out").symlink_to(root.parent, target_is_directory=True)
    (root / "gone.png").symlink_to(root / "nowhere.png")
    (root / "loop.png").symlink_to(root / "loop.png")
    assert inside(root, "good.png").read_bytes() == b"x"
    assert inside(root, "folder/a.png").read_bytes() == b"x"
    assert refused(root, "bad.png") == "unsafe_path"
    assert refused(root, "out/secret.txt") == "unsafe_path"
    assert refused(root, "gone.png") == "missing_file"
    assert refused(root, "loop.png") == "unsafe_path"


def test_the_root_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root, target_is_directory=True)
    assert inside(tmp_path / "alias", "images/a.png").read_bytes() == b"x"


def test_a_neighbour_with_the_same_beginning_is_outside(root: Path, tmp_path: Path) -> None:
    (tmp_path / "source2").mkdir()
    (tmp_path / "source2" / "x.png").write_bytes(b"x")
    (root / "next").symlink_to(tmp_path / "source2", target_is_directory=True)
    assert refused(root, "next/x.png") == "unsafe_path"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(parts=st.lists(st.sampled_from(["..", ".", "images", "a.png", "", "\\", "deep", "secret.txt", "\ud800", "C:"])))
def test_nothing_outside_is_ever_returned(root: Path, parts: list[str]) -> None:
    try:
        found = inside(root, "/".join(parts))
    except BadInput:
        return
    assert found.resolve().is_relative_to(root.resolve())
