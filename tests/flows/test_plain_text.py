from __future__ import annotations

import os
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from medloom.flows.plain_text import plain_text


@given(st.text(st.characters(), max_size=80))
def test_what_is_left_encodes_and_shows_in_its_order(text):
    shown = plain_text(text)
    shown.encode("utf-8")
    assert not [mark for mark in shown if unicodedata.bidirectional(mark) in {"RLO", "LRO", "RLE", "LRE", "PDF", "LRI"}]
    assert all(unicodedata.category(mark) not in {"Cc", "Cs"} or mark in "\t\n" for mark in shown)
    assert plain_text(shown) == shown


def test_readable_text_is_left_alone():
    assert plain_text("Größe 3 µm, 胸部, صدر\n\tnext") == "Größe 3 µm, 胸部, صدر\n\tnext"


def test_a_file_name_that_is_not_utf8_can_be_written():
    assert plain_text(os.fsdecode(b"caf\xe9.png")) == "caf\ufffd.png"


def test_cutting_says_that_it_cut():
    assert plain_text("abcdef", 4) == "abc…" and plain_text("abcd", 4) == "abcd"
