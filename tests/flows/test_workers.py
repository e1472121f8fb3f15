"""The same functions give the same results in this process and on a real Ray cluster."""

from __future__ import annotations

import pytest

from medloom.flows.workers import Workers
from medloom.schemas.errors import BadInput


def double(value: int) -> int:
    return 2 * value


def refuse(value: int) -> int:
    raise BadInput("odd", f"{value}", "file")


@pytest.mark.parametrize("count", [0, 2])
def test_results_are_the_same(count: int) -> None:
    with Workers(count) as workers:
        assert sorted(workers.map(double, range(20))) == [2 * value for value in range(20)]
        assert list(workers.map(double, [])) == []
        with pytest.raises(BadInput, match="odd"):
            list(workers.map(refuse, [1]))


def test_jobs_are_drawn_lazily() -> None:
    drawn = []

    def jobs() -> object:
        for number in range(100):
            drawn.append(number)
            yield number

    with Workers(0) as workers:
        results = workers.map(double, jobs())  # type: ignore[arg-type]
        assert next(results) == 0 and len(drawn) == 1
