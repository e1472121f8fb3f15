from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from medloom.quality.text_marks import ngram_digests, normalised, telling, text_digests, within

WORDS = st.lists(st.sampled_from(["ct", "lung", "left", "the", "of", "nodule", "ärmel", "7"]), max_size=20)


def test_case_marks_and_blanks_make_no_other_question():
    said = ["<image>\nWhich  Organ is SHOWN?", "which organ, is shown", "Which organ isn't shown?"]
    values, words = text_digests(pl.Series(said))
    assert (values[0] == values[1], values[0] == values[2], words.tolist()) == (True, False, [4, 4, 5])
    assert normalised("Größe: 5 mm!") == "größe 5 mm"


@given(st.lists(WORDS, max_size=6), st.integers(1, 5))
def test_runs_are_equal_where_their_words_are(texts, size):
    values, row = ngram_digests(pl.Series([" ".join(words) for words in texts], dtype=pl.String), size)
    runs = [
        (number, tuple(words[at : at + size]))
        for number, words in enumerate(texts)
        for at in range(len(words) - size + 1)
    ]
    assert row.tolist() == [number for number, _ in runs]
    assert len(set(values.tolist())) == len({run for _, run in runs})


def test_what_many_items_share_is_a_template():
    values, item = telling(np.array([5, 5, 5, 9, 9], np.uint64), np.array([0, 1, 2, 3, 3]), most=2)
    assert (values.tolist(), item.tolist()) == ([9], [3])
    assert within(np.array([4, 9], np.uint64), values).tolist() == [False, True]
