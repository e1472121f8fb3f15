"""What was planted is found, and what is clean stays: the table of docs/quality.md, on fewer pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.quality.planted import measure, planted, real_pictures, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "quality.md"


def _wrong(rows, share=0.0):
    return [row for row in rows if row[3] > share * row[1] or row[4]]


def test_every_fault_is_found_and_nothing_else(data_dir):
    rows = measure(planted(real_pictures(data_dir, most=64), each=4, seed=11))
    assert len(rows) == 29 and all(row[1] for row in rows)
    near = [row for row in rows if row[0].startswith("near-duplicate")]
    assert sum(row[2] for row in near) >= 0.98 * sum(row[1] for row in near)
    assert not _wrong([row for row in rows if row not in near and not row[0].startswith("cell")])
    assert sum(row[4] for row in near) == 0
    assert all(row[2] == 1 for row in rows if row[0].startswith("cell"))


@pytest.mark.slow
def test_the_table_of_the_page_is_what_is_measured(data_dir):
    assert table(measure(planted(real_pictures(data_dir)))) in PAGE.read_text()
