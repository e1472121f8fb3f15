"""Tables and question files that are packed by gzip, or by what is not read."""

from __future__ import annotations

import gzip
import io
import json
import random

import polars
import pytest

from medloom.converters.formats.table import Table
from medloom.converters.formats.unpacked import unpacked
from medloom.schemas.errors import BadInput

TEXT = "image,question,answer\na.png,Which?,x\n"
ROW = {"image": "a.png", "question": "Which?", "answer": "x"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv.gz", TEXT), ("t.tsv.gz", TEXT.replace(",", "\t")), ("t.json.gz", json.dumps([ROW])),
        ("t.jsonl.gz", json.dumps(ROW)),
    ],
)  # fmt: skip
def test_questions_are_unpacked(tree, read, make_card, name, content):
    root = tree({name: gzip.compress(content.encode()), "a.png": None})
    (one,), refusals = read(root, make_card("vqa_table", {"tables": [name], "pictures": ["{image}"]}))
    assert ([(each.question, each.answer) for each in one.questions], refusals) == ([("Which?", "x")], [])
    assert one.questions[0].pointer == f"{name}#row=0"


def test_a_table_of_labels_is_unpacked(tree, read, make_card):
    root = tree({"t.csv.gz": gzip.compress(TEXT.encode()), "a.png": None})
    card = make_card("csv_labels", {"tables": ["t.csv.gz"], "picture": "{image}", "columns": ["answer"]})
    (one,), refusals = read(root, card)
    assert ([label.name for label in one.labels], refusals) == (["x"], [])


def test_a_bomb_is_refused(tree):
    root = tree({"t.csv.gz": gzip.compress(b"x" * 10_000_000)})
    with pytest.raises(BadInput, match="decompression_bomb"), unpacked(root / "t.csv.gz", "t.csv.gz", 1 << 20) as data:
        data.read()


def test_a_gzip_that_is_cut_is_told_behind_its_rows(tree):
    rng = random.Random(0)
    text = "id,value\n" + "".join(f"{number},{rng.random()}\n" for number in range(50_000))
    root = tree({"t.csv.gz": gzip.compress(text.encode())[:-20_000]})
    *rows, (_, bad) = Table(root, "t.csv.gz").rows()
    assert len(rows) > 1000 and isinstance(bad, BadInput) and bad.reason == "corrupt"
    root = tree({"u.csv.gz": b"\x1f\x8b not gzip at all"})
    with pytest.raises(BadInput, match="corrupt"):
        Table(root, "u.csv.gz")


def test_parquet_and_other_archives_say_what_to_do(tree, read, make_card):
    data = io.BytesIO()
    polars.DataFrame([ROW]).write_parquet(data)
    root = tree({"t.parquet": data.getvalue(), "t.csv.xz": b"\xfd7zXZ\0", "t.weird": TEXT, "a.png": None})
    params = {"tables": ["t.parquet", "t.csv.xz", "t.weird"], "pictures": ["{image}"]}
    samples, refusals = read(root, make_card("vqa_table", params))
    assert (samples, [one.reason for one in refusals]) == ([], ["unsupported_table", "unsupported_table", "bad_table"])
    assert "write_ndjson" in refusals[0].detail and "unpack it" in refusals[1].detail and "`form`" in refusals[2].detail
    card = make_card("csv_labels", {"tables": ["t.parquet"], "picture": "{image}", "columns": ["answer"]})
    assert [one.reason for one in read(root, card)[1]] == ["unsupported_table"]
