"""Ids and seeds: stable for ever, uniform, and of content alone."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from medloom.schemas.identity import digest, pick, pseudonym, seed, shuffled

PART = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
)


def test_golden_values() -> None:
    # Every record id of every corpus out there hangs on these: a change is a new major schema version.
    assert digest("source", "sample", 1, None, [2.5, "é"]) == "1971c3cac94c01c404957c4093fc3c1a"
    assert digest() == "7ebb3c7c2a87b1a2f8a7ed729ecb040d"
    assert digest("a", size=8) == "2757634b7f53cf25"
    assert seed("source", "sample", 1) == 17441212243409149784
    assert pseudonym("clinic", "P001", None) == "8822a362d277c214"
    assert pseudonym("clinic", "P001", b"key") == "ac020097cdf1d751"
    assert shuffled("abcdef", "seed") == ["d", "f", "a", "b", "c", "e"]


def test_another_process_with_another_hash_seed_agrees() -> None:
    code = (
        "from medloom.schemas.identity import digest, shuffled;"
        "print(digest({'b': 1, 'a': {'d': 2, 'c': 3}}), shuffled('abcdef', 7))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": number}
        ).stdout
        for number in ("1", "2")
    }
    assert printed == {f"{digest({'a': {'c': 3, 'd': 2}, 'b': 1})} {shuffled('abcdef', 7)}\n"}


@given(st.lists(PART, max_size=4), st.lists(PART, max_size=4))
def test_equal_parts_and_only_they_have_equal_digests(one: list[object], other: list[object]) -> None:
    def typed(value: object) -> object:
        return [typed(item) for item in value] if isinstance(value, list) else (type(value), value)

    assert (digest(*one) == digest(*other)) == (typed(one) == typed(other))


def test_parts_do_not_run_together() -> None:
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest(["ab", "c"])}) == 4


def test_seeds_are_uniform() -> None:
    seeds = [seed("sample", number) for number in range(20_000)]
    assert len(set(seeds)) == len(seeds)
    assert kstest([value / 2**64 for value in seeds], "uniform").pvalue > 1e-3
    low_bits = Counter(value % 16 for value in seeds)
    assert chisquare([low_bits[bit] for bit in range(16)]).pvalue > 1e-3


def test_picks_are_uniform_and_in_range() -> None:
    for count in (2, 3, 5, 7):
        picked = Counter(pick(count, "record", number) for number in range(8_000))
        assert set(picked) == set(range(count))
        assert chisquare(list(picked.values())).pvalue > 1e-3


def test_every_position_is_equally_likely_after_a_shuffle() -> None:
    first = Counter(shuffled("abcd", "record", number)[0] for number in range(8_000))
    assert chisquare(list(first.values())).pvalue > 1e-3


@given(st.lists(st.integers(0, 3), max_size=8), st.text(max_size=4))
def test_a_shuffle_keeps_every_item_even_equal_ones(items: list[int], part: str) -> None:
    assert sorted(shuffled(items, part)) == sorted(items)
    assert shuffled(items, part) == shuffled(items, part)


def test_pseudonyms_part_patients_sources_and_keys() -> None:
    known = [pseudonym(s, p, k) for s in ("a", "b") for p in ("1", "2") for k in (None, b"k", b"other")]
    assert len(set(known)) == len(known)
    assert all(len(name) == 16 and int(name, 16) >= 0 and name != "1" for name in known)
