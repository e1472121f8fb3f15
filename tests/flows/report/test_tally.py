from __future__ import annotations

import msgspec

from medloom.flows.report.tally import LEVELS, crossing, tallies


def test_every_axis_counts_every_record_once(figures):
    for table in tallies(figures):
        assert sum(row.records for row in table.rows) == figures.records
        assert all(sum(row.splits.values()) == row.records for row in table.rows)


def test_rows_stand_by_size_and_splits_in_their_order(figures):
    tables = {table.name: table for table in tallies(figures)}
    assert [(row.key, row.records) for row in tables["source"].rows] == [
        ("blood_cells", 1164), ("phantom_clinic", 480), ("chest_films", 156),
    ]  # fmt: skip
    assert [row.key for row in tables["split"].rows] == ["train", "validation", "test"]
    assert [row.key for row in tables["modality"].rows] == ["microscopy", "CT", "X-ray"]
    assert {row.key: row.phantom for row in tables["source"].rows}["phantom_clinic"]
    assert {row.key: row.note for row in tables["task"].rows}["vqa.single"] == "single choice"


def test_what_is_not_stated_is_said_so(figures):
    cells = tuple(msgspec.structs.replace(cell, modality=None, split=None) for cell in figures.cells)
    tables = {table.name: table for table in tallies(msgspec.structs.replace(figures, cells=cells))}
    assert [row.key for row in tables["modality"].rows] == ["not stated"]
    assert [row.key for row in tables["split"].rows] == ["unsplit"]


def test_the_crossing_has_every_source_and_task(figures):
    table = crossing(figures)
    assert [name for name, _, _ in table.rows] == ["phantom_clinic", "chest_films", "blood_cells"]
    assert sum(cell.records for _, _, cells in table.rows for cell in cells) == figures.records
    at = {(name, task): cell for name, _, cells in table.rows for task, cell in zip(table.columns, cells, strict=True)}
    assert at["blood_cells", "counting"].level == LEVELS and at["chest_films", "caption"].level == 0
    assert at["chest_films", "grounding.box"].level == 1
