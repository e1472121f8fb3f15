"""Expectations of our own for great-expectations: boxes in the picture, answers among the options, tags for media.

Importing this module imports great-expectations, which takes seconds: import it where the gate runs.
"""

from __future__ import annotations

from typing import Any

from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial

Row = dict[str, Any]
EDGE = 1e-6  # pixels; what arithmetic may add to a box that ends at the edge


class _Lies(ColumnMapMetricProvider):
    condition_metric_name = "column_values.medloom_lie_in_picture"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, **_: Any) -> Any:
        return column.map(lies_in_picture)


class ExpectColumnValuesToLieInPicture(ColumnMapExpectation):
    """Every box has an area and lies, as every point does, in the view that it is placed on."""

    map_metric = "column_values.medloom_lie_in_picture"
    success_keys = ("mostly",)


class _Answers(ColumnMapMetricProvider):
    condition_metric_name = "column_values.medloom_answer_among_options"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, **_: Any) -> Any:
        return column.map(answers_among_options)


class ExpectColumnValuesToAnswerAmongOptions(ColumnMapExpectation):
    """The keys of a choice's answer are those of its right options; a single choice has one, a multiple choice some."""

    map_metric = "column_values.medloom_answer_among_options"
    success_keys = ("mostly",)


class _Shows(ColumnMapMetricProvider):
    condition_metric_name = "column_values.medloom_show_their_media"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, **_: Any) -> Any:
        return column.map(shows_its_media)


class ExpectColumnValuesToShowTheirMedia(ColumnMapExpectation):
    """The user's turns carry one tag (``<image>``, ``<volume>``, ``<video>``) for each view."""

    map_metric = "column_values.medloom_show_their_media"
    success_keys = ("mostly",)


def lies_in_picture(places: Row) -> bool:
    """Of the column `places` of `medloom.quality.narrow.records`."""
    sizes = list(zip(places["widths"], places["heights"], strict=True))
    for box, point, view in zip(places["boxes"], places["points"], places["view"], strict=True):
        if not 0 <= view < len(sizes):
            return False
        width, height = sizes[view]
        if box is not None:
            x0, y0, x1, y1 = box
            if not (-EDGE <= x0 < x1 <= width + EDGE and -EDGE <= y0 < y1 <= height + EDGE):
                return False
        if point is not None and not (-EDGE <= point[0] <= width + EDGE and -EDGE <= point[1] <= height + EDGE):
            return False
    return True


def answers_among_options(choice: Row) -> bool:
    """Of the column `choice` of `medloom.quality.narrow.records`."""
    keys, right, offered = (
        list(choice[name]) if choice[name] is not None else [] for name in ("keys", "right", "offered")
    )
    if choice["form"] not in ("single", "multiple"):
        return not offered or set(keys) <= set(offered)
    if choice["form"] == "single" and len(right) != 1:
        return False
    return bool(right) and sorted(keys) == sorted(right) and len(set(offered)) == len(offered)


def shows_its_media(shown: Row) -> bool:
    """Of the column `shown` of `medloom.quality.narrow.records`."""
    return bool(shown["tags"] == shown["views"])
