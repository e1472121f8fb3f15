from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.flows.naming import modality_name, record_type
from medloom.flows.wording import coordinate, decimal, duration, share, short, size, whole


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (whole(1234567), "1,234,567"),
        (decimal(3.5), "3.5"),
        (decimal(1200.0), "1,200"),
        (decimal(-0.001), "0"),
        (decimal(40.73219, 4), "40.7322"),
        (share(1, 3), "33.3 %"),
        (share(1, 100_000), "<0.1 %"),
        (share(99_999, 100_000), ">99.9 %"),
        (share(5, 5), "100 %"),
        (share(0, 0), "–"),
        (size(999), "999 B"),
        (size(999_999), "1 MB"),
        (size(3_420_000), "3.42 MB"),
        (size(5e12), "5 TB"),
        (short(12_345), "12.3k"),
        (short(0.25), "0.25"),
        (duration(4.26), "4.3 s"),
        (duration(75.2), "1 min 15 s"),
        (duration(3720), "1 h 2 min"),
        (record_type(10), "box grounding"),
        (record_type(99), "type 99"),
        (modality_name("ct"), "CT"),
        (modality_name("fundus"), "fundus"),
        (modality_name(None), "not stated"),
    ],
)
def test_numbers_read_well(told, wanted):
    assert told == wanted


@given(st.floats(-1e6, 1e6))
def test_a_coordinate_is_within_a_hundredth(value):
    assert abs(float(coordinate(value)) - value) <= 0.005001
    assert "e" not in coordinate(value) and coordinate(value) != "-0"
