from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.flows.histogram import histogram
from medloom.flows.report.chart import BAR_WIDTH, BOTTOM, HEIGHT, LEAST, LEFT, TOP, WIDTH, histogram_chart, segments

counts = st.integers(0, 10**7)


@given(st.dictionaries(st.sampled_from(["train", "validation", "test", "unsplit"]), counts, min_size=1), counts)
def test_segments_stand_side_by_side_on_the_bar(parts, rest):
    scale = sum(parts.values()) + rest
    drawn = segments(parts, scale)
    assert [each.kind for each in drawn] == [kind for kind, count in parts.items() if count]
    for each, count in zip(drawn, [count for count in parts.values() if count], strict=True):
        x, width = float(each.x), float(each.width)
        assert x >= 0 and x + width <= BAR_WIDTH + 0.02
        assert width == pytest.approx(max(BAR_WIDTH * count / scale, LEAST), abs=0.011)


def test_a_bar_is_filled_in_proportion():
    kept, lost = segments({"kept": 750, "dropped": 250}, 2000)
    assert (kept.x, kept.width, lost.x, lost.width) == ("0", "375", "375", "125")
    assert kept.title == "kept: 750 (75 %)"


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=80), st.booleans())
def test_columns_are_as_high_as_their_counts(values, log):
    made = histogram(values, name="n", title="t", log=log)
    chart = histogram_chart(made)
    floor = HEIGHT - BOTTOM
    heights = [float(column.height) for column in chart.columns]
    tallest = max(heights)
    assert min(float(column.y) for column in chart.columns) >= TOP and tallest > (floor - TOP) * 0.45
    for column, count in zip(chart.columns, made.counts, strict=True):
        assert float(column.y) + float(column.height) == pytest.approx(floor, abs=0.02)
        assert float(column.height) == pytest.approx(tallest * count / max(made.counts), abs=0.03)
        assert float(column.x) >= LEFT and float(column.x) + float(column.width) <= WIDTH
    assert LEFT <= float(chart.middle) <= WIDTH
    assert 1 <= len(chart.x_ticks) <= 7
    assert len({tick.text for tick in chart.x_ticks}) == len(chart.x_ticks) or made.maximum - made.minimum < 1e-6


def test_ticks_stand_at_round_numbers():
    chart = histogram_chart(histogram(range(240, 900, 3), name="n", title="Width", unit="px"))
    assert [tick.text for tick in chart.x_ticks] == ["200", "400", "600", "800"]
    assert [tick.text for tick in chart.y_ticks] == ["0", "10", "20"]
    assert (chart.minimum, chart.maximum, chart.unit) == ("240", "897", "px")


def test_bytes_are_told_as_sizes():
    chart = histogram_chart(histogram([4000, 65_000, 900_000], name="n", title="Size", unit="bytes", log=True))
    assert (chart.minimum, chart.median, chart.maximum, chart.unit) == ("4 kB", "65 kB", "900 kB", "")
    assert all(tick.text.endswith("B") for tick in chart.x_ticks)


def test_edges_that_grow_by_a_factor_are_told_in_three_digits():
    chart = histogram_chart(histogram([0.002, 0.5, 60.0], name="n", title="Share", log=True, bins=12))
    assert [tick.text for tick in chart.x_ticks] == ["0.001", "0.01", "0.1", "1", "10", "100"]
