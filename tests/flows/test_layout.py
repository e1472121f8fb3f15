"""Rows stay in the shards of the version before, whatever comes and goes beside them."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from medloom.flows.layout import lay_out
from medloom.schemas.catalog import Shards

IDS = st.sets(st.integers(0, 99), max_size=40)


def laid(ids: set[int], before: dict[str, str], rows: int = 7) -> dict[str, list[str]]:
    named = pl.DataFrame(
        [(f"{number:03d}", 0) for number in sorted(ids)], {"id": pl.String, "bytes": pl.Int64}, orient="row"
    )
    found = [*lay_out(named, Shards(rows=rows), "vqa", "train", before)]
    assert len({name for name, _ in found}) == len(found)
    return {name: shard["id"].to_list() for name, shard in found}


def places(shards: dict[str, list[str]]) -> dict[str, str]:
    return {row: name for name, rows in shards.items() for row in rows}


@given(IDS, IDS, IDS)
def test_a_row_that_stays_stays_where_it_was_and_new_ones_are_in_new_shards(
    first: set[int], added: set[int], gone: set[int]
) -> None:
    before = places(laid(first, {}))
    after = laid((first | added) - gone, before)
    now = places(after)
    assert set(now) == {f"{number:03d}" for number in (first | added) - gone}
    for row, shard in now.items():
        assert shard == before[row] if row in before else shard not in set(before.values())
    assert all(rows == sorted(rows) for rows in after.values())


def test_names_count_the_shards_that_there_were_when_they_were_written() -> None:
    first = laid(set(range(14)), {})
    assert list(first) == [f"data/vqa/train-{n:05d}-of-00002.parquet" for n in (0, 1)]
    then = laid(set(range(20)), places(first))
    assert list(then) == [*first, "data/vqa/train-00002-of-00003.parquet"]
    assert [then[name] for name in first] == list(first.values())


def test_what_follows_itself_is_itself() -> None:
    first = laid(set(range(30)), {})
    assert laid(set(range(30)), places(first)) == first
