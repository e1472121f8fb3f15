import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.formats.checked_box import checked_box, to_xyxy
from medloom.schemas.errors import BadInput

coordinate = st.floats(-1e6, 1e6)
length = st.floats(0.01, 1e6)


@given(coordinate, coordinate, length, length)
def test_corner_and_size_and_centre_and_size_agree(x, y, width, height):
    from_corner = to_xyxy((x, y, width, height), "xywh")
    from_centre = to_xyxy((x + width / 2, y + height / 2, width, height), "cxcywh")
    assert from_corner == pytest.approx(from_centre, abs=1e-6)
    assert from_corner == (x, y, x + width, y + height)


@given(coordinate, coordinate, length, length, st.integers(1, 5000), st.integers(1, 5000))
def test_normalised_boxes_come_back(x, y, width, height, columns, rows):
    box = to_xyxy((x, y, width, height), "xywh")
    shares = (box[0] / columns, box[1] / rows, box[2] / columns, box[3] / rows)
    assert to_xyxy(shares, "xyxy", (columns, rows)) == pytest.approx(box, rel=1e-9, abs=1e-6)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_inclusive_corners_count_their_last_pixel(x0, y0, width, height):
    box = to_xyxy((x0, y0, x0 + width, y0 + height), "xyxy", inclusive=True)
    assert (box[2] - box[0], box[3] - box[1]) == (width + 1, height + 1)


@given(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True)] * 4), st.integers(1, 500), st.integers(1, 500))
def test_a_box_that_passes_lies_inside_and_has_area(box, width, height):
    try:
        x0, y0, x1, y1 = checked_box(box, (width, height), 1.0)
    except BadInput as bad:
        assert bad.reason in ("box_degenerate", "box_outside")
    else:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert max(abs(after - before) for after, before in zip((x0, y0, x1, y1), box, strict=True)) <= 1.0


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((5, 5, 5, 9), "box_degenerate"),
        ((9, 5, 5, 9), "box_degenerate"),
        ((0, 0, math.nan, 1), "box_degenerate"),
        ((0, 0, math.inf, 1), "box_degenerate"),
        ((-1.1, 0, 5, 5), "box_outside"),
        ((0, 0, 11.5, 5), "box_outside"),
        ((-1.0, 0, -0.5, 5), "box_outside"),
        ((10.2, 0, 10.9, 5), "box_outside"),
    ],
)
def test_bad_boxes_are_told_apart(box, reason):
    with pytest.raises(BadInput) as caught:
        checked_box(box, (10, 10), 1.0)
    assert caught.value.reason == reason


def test_without_a_size_only_the_origin_is_checked():
    assert checked_box((0, 0, 1e5, 1e5), None) == (0, 0, 1e5, 1e5)
    with pytest.raises(BadInput):
        checked_box((-5, 0, 1, 1), None)
