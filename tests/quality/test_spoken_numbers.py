from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from medloom.quality.spoken_numbers import NUMBER_WITH_UNIT, plain_numbers, rounds_to_truth

UNITS = {"mm": 1.0, "cm": 10.0, "cm²": 100.0, "ml": 1000.0}


@given(st.floats(1, 1e5), st.integers(0, 3), st.sampled_from(sorted(UNITS)))
def test_what_is_rounded_is_told_from_what_is_wrong(value, decimals, unit):
    last = 10.0**-decimals
    said = [f"{value + off * last:.{decimals}f} {unit}" for off in (0, 1.6, -1.6)]
    frame = pl.DataFrame({"written": said, "truth": [value * UNITS[unit]] * 3})
    right, above, below = frame.select(rounds_to_truth()).to_series()
    assert right
    assert not above
    assert not below or value < 2 * last


def test_numbers_are_read_with_their_units():
    texts = pl.DataFrame({"said": ["12 × 8.5 mm", "1,234 mm² of 3 slices", "30° at L4", "2.5ml"]})
    found = texts.select(plain_numbers(pl.col("said")).str.extract_all(NUMBER_WITH_UNIT)).to_series().to_list()
    assert found == [["12 mm", "8.5 mm"], ["1234 mm²"], ["30°"], ["2.5ml"]]
