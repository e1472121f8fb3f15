"""The gate: planted faults in written shards, each found with the rows that show it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medloom.flows.gate import Held, run_gate
from medloom.flows.naming import RECORD_TYPES
from medloom.flows.shard_table import row_schema
from medloom.quality.narrow import RECORDS
from medloom.quality.suite import own_suites, read_suite
from medloom.schemas.errors import CatalogError
from medloom.schemas.record import Answer, Fact, Option, Place, Record, Turn
from medloom.schemas.view import View

KNOWN = {
    "columns": list(RECORDS), "sources": ["s"], "tasks": ["vqa.single_choice"], "types": sorted(RECORD_TYPES),
    "licences": ["MIT"],
}  # fmt: skip
Row = tuple[View, Record]


def _row(number: int, split: str) -> Row:
    view = View(
        id=f"{number:032x}", source="s", sample=f"sample{number}", media="image", source_file="f.png",
        source_sha256="0" * 64, sha256=f"{number:064x}", phash=f"{number:016x}", format="png", width=64, height=48,
        bytes=9, passthrough=True, spacing_mm=(0.5, 0.5),
    )  # fmt: skip
    right = number % 3
    options = tuple(
        Option(key="ABC"[at], text=f"finding {at}{'x' * (at == number % 2)}", concept=f"c{at}", correct=at == right)
        for at in range(3)
    )
    record = Record(
        id=f"{number + 4096:032x}", config="vqa", task="vqa.single_choice", type=6, source="s",
        sample=view.sample, views=(view.id,), split=split, form="single", options=options,
        turns=(Turn(role="user", text="<image>\nWhat is it?"), Turn(role="assistant", text="ABC"[right])),
        answer=Answer(text=options[right].text, keys=("ABC"[right],)), template="t", licence="MIT",
        patient=f"patient{number}", places=(Place(concept="c0", box=(1, 2, 30, 40), fact=0),),
        evidence=(Fact(concept="c0", predicate="labelled", file="f", pointer="f#1"),),
    )  # fmt: skip
    return view, record


def _write(folder: Path, rows: list[Row]) -> Path:
    """Shards of the config vqa, a row for each pair."""
    schema = row_schema("vqa")
    for split in ("train", "test"):
        table = [
            {
                "id": view.id, "images": [{"bytes": b"123456789", "path": "x.png"}], "source": record.source,
                "sample": record.sample, "patient": record.patient, "split": record.split, "modality": "ct",
                "licence": record.licence, "access": "open", "views": [msgspec.to_builtins(view)],
                "records": [msgspec.to_builtins(record)],
            }
            for view, record in rows
            if record.split == split
        ]  # fmt: skip
        path = folder / "data" / "vqa" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(table, schema), path)
    return folder / "data"


def _sound() -> list[Row]:
    return [_row(number, "test" if number % 4 == 0 else "train") for number in range(60)]


def _failed(data: Path) -> list[Held]:
    return [held for held in run_gate(data, own_suites(), KNOWN) if not held.passed]


def _change(**fields: object) -> Callable[[Row], Row]:
    return lambda row: (row[0], msgspec.structs.replace(row[1], **fields))


def _change_view(**fields: object) -> Callable[[Row], Row]:
    return lambda row: (msgspec.structs.replace(row[0], **fields), row[1])


BAD_BOX = (Place(concept="c0", box=(1, 2, 65, 40), fact=0),)
FAULTS: dict[str, tuple[Callable[[Row], Row], str, str]] = {
    "a box beyond the picture": (_change(places=BAD_BOX), "records", "expect_column_values_to_lie_in_picture"),
    "a box without area": (
        _change(places=(Place(concept="c0", box=(5, 5, 5, 9), fact=0),)), "records",
        "expect_column_values_to_lie_in_picture",
    ),
    "a fact that isn't there": (
        _change(places=(Place(concept="c0", box=(1, 2, 3, 4), fact=3),)), "records",
        "expect_column_values_to_be_between",
    ),
    "another answer than the right option": (
        _change(answer=Answer(text="x", keys=("Z",))), "records", "expect_column_values_to_answer_among_options"
    ),
    "two pictures asked, one shown": (
        _change(turns=(Turn(role="user", text="<image><image>\nWhat?"), Turn(role="assistant", text="A"))), "records",
        "expect_column_values_to_show_their_media",
    ),
    "a view of another row": (_change(views=("f" * 32,)), "records", "expect_column_values_to_be_between"),
    "a licence that nobody gave": (_change(licence="CC-BY-NC-4.0"), "records", "expect_column_values_to_be_in_set"),
    "a source that is not in the catalog": (_change(source="t"), "records", "expect_column_values_to_be_in_set"),
    "no evidence": (_change(evidence=(), places=()), "records", "expect_column_values_to_be_between"),
    "nothing said": (
        _change(turns=(Turn(role="user", text="<image>\n"), Turn(role="assistant", text="A"))), "records",
        "expect_column_values_to_be_between",
    ),
    "pixels of no size": (_change_view(spacing_mm=(0.0, 0.5)), "views", "expect_column_values_to_be_between"),
    "a hash that is none": (_change_view(phash="no"), "views", "expect_column_values_to_match_regex"),
    "a patient in two splits": (_change(patient="patient4"), "splits", "expect_column_values_to_be_between"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_found_and_named(fault: str, tmp_path: Path) -> None:
    change, suite, expectation = FAULTS[fault]
    rows = _sound()
    view, record = rows[5] = change(rows[5])
    failed = _failed(_write(tmp_path, rows))
    assert (suite, expectation) in {(held.suite, held.expectation) for held in failed}
    named = {row for held in failed for row in held.rows}
    assert named & {record.id, view.id, "s/patient4"}, failed


def test_what_is_sound_holds_and_leaves_its_data_docs(tmp_path: Path) -> None:
    data = _write(tmp_path, _sound())
    held = run_gate(data, own_suites(), KNOWN, tmp_path / "docs")
    assert all(one.passed for one in held), [one.told for one in held if not one.passed]
    assert len(held) > 30
    assert "vqa.records" in (tmp_path / "docs" / "index.html").read_text()


def test_a_record_that_comes_twice_is_found(tmp_path: Path) -> None:
    rows = _sound()
    rows.append((rows[7][0], msgspec.structs.replace(rows[7][1], sample="sample7")))
    assert any(
        held.expectation == "expect_column_values_to_be_unique" and rows[7][1].id in held.rows
        for held in _failed(_write(tmp_path, rows))
    )


def test_a_letter_that_is_always_right_is_found(tmp_path: Path) -> None:
    def first(row: Row) -> Row:
        view, record = row
        options = tuple(msgspec.structs.replace(one, correct=one.key == "A") for one in record.options)
        return view, msgspec.structs.replace(record, options=options, answer=Answer(text="x", keys=("A",)))

    failed = _failed(_write(tmp_path, [first(row) for row in _sound()]))
    assert [(held.suite, held.arguments["column"]) for held in failed] == [("balance", "right_is_first")]


def test_a_suite_of_ones_own_is_asked_too(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "suite: mine\nrows: records\nconfigs: [vqa]\nexpectations:\n"
        "- expect_table_row_count_to_be_between: {min_value: 1000}\n"
    )
    (held,) = run_gate(_write(tmp_path, _sound()), [read_suite(mine)], KNOWN)
    assert not held.passed and held.observed == "60"


def test_an_expectation_that_nobody_knows_is_the_catalogs_mistake(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("suite: mine\nrows: records\nexpectations: [{expect_wonders: {}}]\n")
    with pytest.raises(CatalogError, match="expect_wonders"):
        run_gate(_write(tmp_path, _sound()), [read_suite(mine)], KNOWN)
