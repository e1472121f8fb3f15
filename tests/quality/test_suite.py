"""Suites: files that anybody may extend, and that are told when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from medloom.quality.suite import own_suites, read_suite
from medloom.schemas.errors import CatalogError


def test_our_own_suites_ask_of_all_kinds_of_rows() -> None:
    assert {suite.rows for suite in own_suites()} == {"records", "views", "groups"}


def test_a_suite_takes_what_the_build_knows(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "suite: mine\nrows: records\nexpectations:\n"
        "- expect_column_values_to_be_in_set: {column: source, value_set: $sources}\n"
    )
    arguments = {"column": "source", "value_set": ["bccd"]}
    assert list(read_suite(path).filled({"sources": ["bccd"]})) == [("expect_column_values_to_be_in_set", arguments)]
    with pytest.raises(CatalogError, match=r"\$sources is not known; there are \$tasks"):
        list(read_suite(path).filled({"tasks": []}))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("suite: a\nrows: pictures\nexpectations: [{expect_x: {}}]\n", "records"),
        ("suite: a\nrows: records\nexpectations: [{expect_x: {}, expect_y: {}}]\n", "each expectation is one name"),
        ("suite: a\nrows: records\nexpectations: []\n", "at least 1"),
        ("suite: [\n", "suite"),
    ],
)
def test_what_is_no_suite_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(CatalogError, match=told):
        read_suite(path)


def test_a_suite_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="No such file"):
        read_suite(tmp_path / "none.yaml")
