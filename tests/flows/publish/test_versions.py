"""Versions move as far as what has changed asks for, and whoever changed split is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.flows.publish.diff import Change, Diff, Moved
from medloom.flows.publish.problem import PublishError
from medloom.flows.publish.versions import changelog, check_version, entry, latest, least, parsed, render_diff

ADDED = (Change(source="a", reason="new sample", records=3),)
MOVED = (Moved(source="a", who="patient 0f3c", before=("test",), after=("train",)),)
PARTS = st.integers(0, 30)


def diff(**parts) -> Diff:
    empty = {"added": (), "removed": (), "changed": (), "moved": (), "schema": (), "recipe": ()}
    return Diff(before="1.4.2", after="", records=(10, 13), **{**empty, **parts})


@pytest.mark.parametrize(
    ("parts", "level", "needed"),
    [
        ({"schema": ("the config vqa is gone",), "added": ADDED}, "major", "2.0.0"),
        ({"moved": MOVED}, "major", "2.0.0"),
        ({"added": ADDED, "removed": ADDED}, "minor", "1.5.0"),
        ({"removed": ADDED}, "patch", "1.4.3"),
        ({"changed": ADDED}, "patch", "1.4.3"),
        ({}, "none", "1.4.3"),
    ],
)
def test_a_version_says_no_less_than_what_has_changed(parts, level, needed) -> None:
    found = diff(**parts)
    assert found.level == level
    assert least("1.4.2", level) == needed
    check_version(needed, found)
    check_version("3.0.0", found)
    with pytest.raises(PublishError, match=needed):
        check_version("1.4.2", found)
    if level != "none":
        major, minor, patch = parsed(needed)
        lower = f"{major - 1}.9.9" if level == "major" else f"1.{minor - 1}.99" if level == "minor" else "1.4.1"
        with pytest.raises(PublishError, match=f"can't follow 1.4.2.*{needed}"):
            check_version(lower, found)
        del patch


@given(PARTS, PARTS, PARTS, st.sampled_from(["major", "minor", "patch", "none"]))
def test_the_next_version_is_later(major, minor, patch, level) -> None:
    assert parsed(least(f"{major}.{minor}.{patch}", level)) > (major, minor, patch)


def test_who_changed_split_is_named_first_and_in_the_changelog() -> None:
    found = diff(moved=MOVED, added=ADDED)
    assert "CHANGED SPLIT" in render_diff(found).splitlines()[1]
    assert "patient 0f3c from test to train" in render_diff(found)
    assert "patient 0f3c from test to train" in entry("2.0.0", "2026-11-27", found)


def test_a_changelog_grows_at_its_head() -> None:
    first = changelog("Drawn", entry("1.0.0", "2026-01-01", None), None)
    then = changelog("Drawn", entry("1.1.0", "2026-02-01", diff(added=ADDED)), first)
    assert [line for line in then.splitlines() if line.startswith("## ")] == [
        "## 1.1.0 (2026-02-01)",
        "## 1.0.0 (2026-01-01)",
    ]
    assert then.count("# Changes of Drawn") == 1


def test_the_latest_of_tags_is_by_number_and_ignores_other_tags() -> None:
    tags = ["v1.9.0", "v1.10.0", "nightly", "v2", "1.11.0", "v0.3.0"]
    assert latest(tags) == "1.10.0"
    assert latest(tags, below="1.10.0") == "1.9.0"
    assert latest(["nightly"]) is None


@pytest.mark.parametrize("version", ["1.0", "v1.0.0", "1.0.0-rc1", "", "1.0.0.0", "1.٠.0"])
def test_what_is_no_version_is_refused(version) -> None:
    with pytest.raises(PublishError, match=r"MAJOR\.MINOR\.PATCH"):
        parsed(version)
