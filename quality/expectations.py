"""Expectations of our own for great-expectations: boxes in the picture, answers among the options, tags for media.

Each is of a column of `medloom.quality.narrow.records` that says what is wrong, and is empty where nothing is.
Importing this module imports great-expectations, which takes seconds: import it where the gate runs.
"""

from __future__ import annotations

from typing import Any

from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial


class _Silent(ColumnMapMetricProvider):
    condition_metric_name = "column_values.medloom_say_nothing_wrong"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, **_: Any) -> Any:
        return column == ""


class ExpectColumnValuesToLieInPicture(ColumnMapExpectation):
    """Every box has an area and lies, as every point does, in the view that it is placed on."""

    map_metric = "column_values.medloom_say_nothing_wrong"
    success_keys = ("mostly",)


class ExpectColumnValuesToAnswerAmongOptions(ColumnMapExpectation):
    """The keys of a choice's answer are those of its right options; a single choice has one, a multiple choice some."""

    map_metric = "column_values.medloom_say_nothing_wrong"
    success_keys = ("mostly",)


class ExpectColumnValuesToShowTheirMedia(ColumnMapExpectation):
    """The user's turns carry one tag (``<image>``, ``<volume>``, ``<video>``) for each view."""

    map_metric = "column_values.medloom_say_nothing_wrong"
    success_keys = ("mostly",)
