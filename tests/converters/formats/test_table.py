import pytest

from medloom.converters.formats.table import Table
from medloom.schemas.errors import BadInput


def rows_of(tmp_path, data, **options):
    (tmp_path / "t.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(Table(tmp_path, "t.csv", **options).rows())


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path, mark):
    text = f"id{mark}label{mark}a note\n1{mark}x{mark}y\n"
    assert rows_of(tmp_path, text) == [(0, {"id": "1", "label": "x", "a note": "y"})]


def test_quotes_line_breaks_blank_lines_and_blanks(tmp_path):
    text = 'id, note \r\n1,"two\nlines, and a comma"\r\n\r\n 2 ,plain\r\n'
    assert rows_of(tmp_path, text) == [
        (0, {"id": "1", "note": "two\nlines, and a comma"}), (1, {"id": "2", "note": "plain"}),
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_encodings_are_told_apart(tmp_path, encoding):
    assert rows_of(tmp_path, "id,ort\n1,Köln\n".encode(encoding)) == [(0, {"id": "1", "ort": "Köln"})]


def test_rows_that_are_not_utf8_are_told_one_by_one(tmp_path):
    data = b"id,ort\n1,Ulm\n2," + "Köln".encode("latin-1") + b"\n3,Bonn\n"
    first, second, third = rows_of(tmp_path, data)
    assert (first[1]["ort"], third[1]["ort"]) == ("Ulm", "Bonn")
    assert (second[0], second[1].reason) == (1, "not_utf8")
    assert rows_of(tmp_path, data, fallback="latin-1")[1] == (1, {"id": "2", "ort": "Köln"})
    assert rows_of(tmp_path, data, encoding="latin-1")[1] == (1, {"id": "2", "ort": "Köln"})


def test_rows_of_another_length_are_told_one_by_one(tmp_path):
    found = rows_of(tmp_path, "a,b\n1\n1,2\n1,2,3\n")
    assert [row.reason if isinstance(row, BadInput) else row for _, row in found] == [
        "bad_row", {"a": "1", "b": "2"}, "bad_row",
    ]  # fmt: skip


def test_a_cell_without_end_does_not_crash(tmp_path):
    found = rows_of(tmp_path, 'a,b\n1,"' + "x" * 200_000)
    assert [row.reason for _, row in found] == ["bad_row"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty_file"), (b"\n\n", "bad_table"), (b"a,b,a\n", "bad_table"), (b"a,\xff\n", "not_utf8"),
     ("a,b\n".encode("utf-16")[:-1], "bad_table")],
)  # fmt: skip
def test_a_header_that_is_none(tmp_path, data, reason):
    with pytest.raises(BadInput) as caught:
        rows_of(tmp_path, data)
    assert caught.value.reason == reason


def test_columns_that_must_be_there(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n")
    table = Table(tmp_path, "t.csv")
    table.require("a", None)
    with pytest.raises(BadInput, match="missing_column"):
        table.require("a", "c")
