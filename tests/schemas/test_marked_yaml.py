"""YAML with lines: what it says, where it says it, and every way of being broken."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.schemas.marked_yaml import Mark, read_yaml

TEXT = """\
corpus: spleen
release: {licence: MIT, to: public}
sources:
  - use: a
    params:
      0: zero
  - use: b
"""

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("loc", "value", "key"),
    [
        (("corpus",), Mark(1, 9), Mark(1, 1)),
        (("release", "to"), Mark(2, 29), Mark(2, 25)),
        (("sources", 0, "use"), Mark(4, 10), Mark(4, 5)),
        (("sources", 1), Mark(7, 5), Mark(7, 5)),
        (("sources", 0, "params", "0"), Mark(6, 10), Mark(6, 7)),
        # What isn't there is looked for where it would be; the arm of a union is passed over.
        (("release", "licences"), Mark(2, 1), Mark(2, 1)),
        (("sources", 0, "SourceUse", "use"), Mark(4, 5), Mark(4, 5)),
        (("nowhere", 3), Mark(1, 1), Mark(1, 1)),
    ],
)
def test_locates_keys_and_values(loc: tuple[str | int, ...], value: Mark, key: Mark) -> None:
    found = read_yaml(TEXT)
    assert (found.locate(loc), found.locate(loc, key=True)) == (value, key)


@given(VALUES)
def test_reads_what_json_writes(value: object) -> None:
    assert read_yaml(json.dumps({"value": value})).data == {"value": value}


@given(st.text())
def test_never_raises_and_a_fault_has_a_place_in_the_text(text: str) -> None:
    found = read_yaml(text)
    assert (found.data is None) or not found.faults
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029") + 1
    assert all(1 <= fault.mark.line <= lines + 1 and fault.mark.column >= 1 for fault in found.faults)


def test_every_mapping_has_text_keys_and_yes_is_a_word() -> None:
    text = "0: normal\ntrue: t\nnull: n\nwhen: 2024-01-01\nno: [no, yes, on]\nv: 1.0.0\nx: !!str 5\n"
    assert read_yaml(text).data == {
        "0": "normal", "true": "t", "null": "n", "when": "2024-01-01", "no": ["no", "yes", "on"], "v": "1.0.0",
        "x": "5",
    }  # fmt: skip


def test_every_duplicate_key_is_told_with_the_first_one() -> None:
    found = read_yaml("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert found.data is None
    assert [(fault.mark, fault.what) for fault in found.faults] == [
        (Mark(4, 3), "the key 'c' stands twice (first in line 3)"),
        (Mark(5, 1), "the key 'a' stands twice (first in line 1)"),
    ]


@pytest.mark.parametrize(
    ("text", "mark", "what"),
    [
        ("", Mark(1, 1), "empty"),
        ("# only a comment\n", Mark(1, 1), "empty"),
        ("a: [1, 2\nb: 3\n", Mark(2, 2), "not YAML"),
        ("a: b: c", Mark(1, 5), "not allowed here"),
        ("a:\n\t- b", Mark(2, 1), "cannot start any token"),
        ("a: 'x\n", Mark(2, 1), "end of stream"),
        ("a: *nowhere", Mark(1, 4), "undefined alias"),
        ("a: 1\n---\nb: 2\n", Mark(2, 1), "another document"),
        ("a: \x01", Mark(1, 4), "unacceptable character"),
        ("b: 1\na: !!python/object/apply:os.system [ls]", Mark(2, 4), "tag"),
        ("a: !secret x", Mark(1, 4), "tag"),
        ("a: !!binary aGVsbG8=", Mark(1, 4), "tag"),
        ("a: !!int many", Mark(1, 4), "no int"),
        ("? [1, 2]\n: 3", Mark(1, 3), "a key must be text"),
        ("a: &loop\n  b: *loop", Mark(1, 4), "alias"),
        ('a: "\\ud800"', Mark(1, 4), "surrogate"),
        ("[" * 5000, Mark(1, 1), "nested too deep"),
    ],
)
def test_what_is_broken_is_told_with_its_place(text: str, mark: Mark, what: str) -> None:
    found = read_yaml(text)
    assert found.data is None
    assert found.faults[0].mark == mark
    assert what in found.faults[0].what


def test_aliases_are_read_but_do_not_blow_up() -> None:
    assert read_yaml("a: &x {b: 1}\nc: *x\n").data == {"a": {"b": 1}, "c": {"b": 1}}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    assert "aliases" in read_yaml(bomb).faults[0].suggestion
