"""The licence algebra: known cases by hand, and its laws over every licence of the table."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from license_expression import get_spdx_licensing

from medloom.schemas.card import SourceCard
from medloom.schemas.licence import (
    Grant,
    LicenceError,
    combine,
    known,
    licence_fault,
    licence_ids,
    releasable,
    release_fault,
    strictest,
)
from medloom.schemas.licence_table import INTERNAL, LICENCES

IDS = st.sampled_from(sorted(LICENCES))
EXPRESSIONS = st.recursive(
    IDS | st.sampled_from(["LicenseRef-mystery-unknown", "Zlib", "no licence"]),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner),
    max_leaves=4,
)
ACCESS = st.sampled_from(["open", "registration", "credentialed"])
REDISTRIBUTE = st.sampled_from(["bytes", "text", "index"])
GRANTS = st.builds(Grant, EXPRESSIONS, st.lists(EXPRESSIONS, max_size=3).map(tuple), ACCESS, REDISTRIBUTE)
SOURCES = st.dictionaries(st.sampled_from("abcde"), GRANTS, max_size=4)
AUDIENCES = ["private", "gated", "public"]
AUDIENCE = st.sampled_from(AUDIENCES)


@pytest.mark.parametrize(
    ("licence", "release"),
    [
        ("CC0-1.0", "CC0-1.0"),
        ("CC0-1.0", "MIT"),
        ("MIT", "CC-BY-4.0"),
        ("MIT-CMU", "Apache-2.0"),
        ("CC-BY-3.0", "CC-BY-4.0"),
        ("CC-BY-4.0", "CC-BY-SA-4.0"),
        ("CC-BY-4.0", "CC-BY-NC-SA-4.0"),
        ("CC-BY-SA-3.0", "CC-BY-SA-4.0"),
        ("CC-BY-SA-2.0-UK", "CC-BY-SA-4.0"),
        ("CC-BY-NC-SA-3.0-IGO", "CC-BY-NC-SA-4.0"),
        ("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"),
        ("CC-BY-4.0", "CC-BY-ND-4.0"),
        ("LicenseRef-CC-BY-unversioned", "CC-BY-4.0"),
        ("GPL-2.0-or-later", "GPL-3.0-only"),
        ("GPL-3.0", "GPL-3.0-only"),
        ("MIT OR CC-BY-ND-4.0", "CC-BY-4.0"),
        ("MIT AND CC-BY-4.0", "CC-BY-4.0"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only"),
        ("cc-by-4.0", "CC-BY-4.0"),
        ("ODbL-1.0", "ODbL-1.0"),
        ("CC-BY-SA-4.0", INTERNAL),
        ("LicenseRef-PhysioNet-Credentialed-1.5.0", INTERNAL),
        ("LicenseRef-PhysioNet-Credentialed-1.5.0", "LicenseRef-PhysioNet-Credentialed-1.5.0"),
    ],
)
def test_may_be_released(licence: str, release: str) -> None:
    assert releasable(licence, release) is None


@pytest.mark.parametrize(
    ("licence", "release", "reason"),
    [
        ("MIT", "CC0-1.0", "notice"),
        ("CC-BY-4.0", "CC0-1.0", "attribution"),
        ("CC-BY-4.0", "MIT", "attribution"),
        ("CC-BY-NC-4.0", "CC-BY-4.0", "non-commercial"),
        ("CC-BY-SA-4.0", "CC-BY-4.0", "share-alike"),
        ("CC-BY-SA-4.0", "CC-BY-NC-SA-4.0", "share-alike"),
        ("CC-BY-NC-SA-4.0", "CC-BY-SA-4.0", "share-alike"),
        ("CC-BY-SA-4.0", "CC-BY-SA-3.0", "share-alike"),
        ("CC-BY-SA-1.0", "CC-BY-SA-4.0", "share-alike"),
        ("LicenseRef-CC-BY-SA-unversioned", "CC-BY-SA-3.0", "share-alike"),
        ("ODbL-1.0", "CC-BY-SA-4.0", "share-alike"),
        ("GPL-3.0-only", "GPL-2.0-only", "share-alike"),
        ("CC-BY-ND-4.0", "CC-BY-ND-4.0", "no derivatives"),
        ("CC-BY-NC-ND-3.0", INTERNAL, "no derivatives"),
        ("MIT AND CC-BY-ND-4.0", "CC-BY-4.0", "no derivatives"),
        ("CC-BY-NC-4.0 OR CC-BY-ND-4.0", "CC-BY-4.0", "non-commercial.*no derivatives"),
        ("LicenseRef-PhysioNet-Credentialed-1.5.0", "CC-BY-NC-4.0", "no passing on"),
        ("LicenseRef-PhysioNet-Credentialed-1.5.0", "LicenseRef-Stanford-AIMI", "no passing on"),
        ("LicenseRef-radiopaedia-unknown", "CC-BY-NC-SA-4.0", "ask the owner"),
        ("LicenseRef-radiopaedia-unknown", INTERNAL, "ask the owner"),
        ("Zlib", "CC-BY-4.0", "licence_table.py"),
        ("CC BY 4.0", "CC-BY-4.0", "did you mean CC-BY-4.0"),
        ("free for all", "CC-BY-4.0", "no SPDX licence id"),
        ("MIT AND", "CC-BY-4.0", "no SPDX expression"),
        ("((", "CC-BY-4.0", "no SPDX expression"),
        ("", "CC-BY-4.0", "no licence is stated"),
        ("MIT", "CC-BY-9.9", "not known"),
    ],
)
def test_may_not_be_released(licence: str, release: str, reason: str) -> None:
    assert re.search(reason, releasable(licence, release) or "released!")


def test_what_may_be_changed_but_not_shared_changed_may_stay_private() -> None:
    assert releasable("CC-BY-NC-ND-4.0", INTERNAL) is None
    assert releasable("CC-BY-NC-ND-4.0", "CC-BY-NC-ND-4.0") is not None


def test_every_row_is_an_spdx_id_or_a_licence_ref() -> None:
    spdx = get_spdx_licensing().known_symbols
    for key, row in LICENCES.items():
        assert key == row.id
        assert key.startswith("LicenseRef-") or key in spdx
        assert all(heir in LICENCES for heir in row.heirs)
        assert row.share_alike == (key in row.heirs)
        assert known(key.upper()) is row
        assert licence_ids(key) == (key,)


def test_at_least_as_strict_is_an_order() -> None:
    """Reflexive but for what allows no derivatives, and transitive: nothing gets out by a detour."""
    fits = {(a, b) for a, b in itertools.product(LICENCES, repeat=2) if releasable(a, b) is None}
    assert {a for a in LICENCES if (a, a) not in fits} == {a for a, row in LICENCES.items() if row.no_derivatives}
    after: dict[str, set[str]] = {a: {b for x, b in fits if x == a} for a in LICENCES}
    for a, heirs in after.items():
        for b in heirs:
            if not LICENCES[b].no_derivatives:
                assert after[b] <= heirs, (a, b)


def test_no_duty_is_lost_on_the_way() -> None:
    for (a, one), (b, other) in itertools.product(LICENCES.items(), repeat=2):
        if b != INTERNAL and releasable(a, b) is None:
            assert other.non_commercial or not one.non_commercial
            assert other.attribution or not one.attribution
            assert other.attribution or other.notice or not one.notice
            assert one.redistribute or not other.redistribute
            assert not one.no_derivatives
            assert b in one.heirs or not one.share_alike


@given(SOURCES, SOURCES, IDS, AUDIENCE)
def test_another_source_never_removes_a_conflict(
    some: dict[str, Grant], more: dict[str, Grant], release: str, to: str
) -> None:
    before = combine(some, release, to)  # type: ignore[arg-type]
    after = combine({**more, **some}, release, to)  # type: ignore[arg-type]
    assert set(before) <= set(after)
    assert {conflict.source for conflict in after} <= {**more, **some}.keys()


@given(SOURCES, IDS)
def test_a_wider_audience_never_removes_a_conflict(sources: dict[str, Grant], release: str) -> None:
    hindered = [{one.source for one in combine(sources, release, to)} for to in AUDIENCES]  # type: ignore[arg-type]
    assert hindered[0] <= hindered[1] <= hindered[2]


@given(EXPRESSIONS, EXPRESSIONS, IDS)
def test_and_asks_for_both_and_or_for_one(one: str, other: str, release: str) -> None:
    free = [releasable(part, release) is None for part in (one, other)]
    assert (releasable(f"({one}) AND ({other})", release) is None) == all(free)
    assert (releasable(f"({one}) OR ({other})", release) is None) == any(free)


@given(st.lists(IDS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_strictest_takes_in_all_and_order_does_not_matter(licences: list[str], random: object) -> None:
    found = strictest(licences)
    shuffled = list(licences)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert strictest(shuffled) == found
    takers = [one for one in licences if all(releasable(other, one) is None for other in licences)]
    assert (found in takers) if takers else found is None


def test_the_strictest_of_the_usual_mixes() -> None:
    assert strictest(["CC0-1.0", "CC-BY-4.0", "CC-BY-NC-SA-4.0"]) == "CC-BY-NC-SA-4.0"
    assert strictest(["CC-BY-3.0", "CC-BY-4.0", "LicenseRef-CC-BY-unversioned"]) == "CC-BY-4.0"
    assert strictest(["MIT", "BSD-3-Clause", "Apache-2.0"]) == "MIT"
    assert strictest(["CC-BY-SA-4.0", "CC-BY-NC-4.0"]) is None
    assert strictest(["CC-BY-4.0", "LicenseRef-x-unknown"]) is None
    assert strictest([]) is None


@pytest.mark.parametrize("access", ["credentialed"])
@pytest.mark.parametrize("to", ["public", "gated"])
def test_what_is_credentialed_stays_in_the_house(access: str, to: str) -> None:
    inputs = {"mimic": Grant("MIT", access=access)}  # type: ignore[arg-type]
    assert "credentialed" in combine(inputs, "CC-BY-4.0", to)[0].reason  # type: ignore[arg-type]
    assert combine(inputs, "CC-BY-4.0", "private") == []


@pytest.mark.parametrize("redistribute", ["text", "index"])
def test_what_may_not_be_passed_on_is_withheld_when_published_and_conflicts_with_nothing(redistribute: str) -> None:
    inputs = {"a": Grant("CC-BY-4.0", redistribute=redistribute)}  # type: ignore[arg-type]
    assert combine(inputs, "CC-BY-4.0", "public") == combine(inputs, "CC-BY-4.0", "private") == []


def test_picture_by_picture_only_a_source_with_nothing_to_use_conflicts() -> None:
    some = Grant("CC-BY-4.0", per_sample=("CC-BY-3.0", "CC-BY-NC-SA-4.0"))
    none = Grant("CC-BY-4.0", per_sample=("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"))
    annotations = Grant("CC-BY-NC-4.0", per_sample=("CC0-1.0",))
    found = combine({"some": some, "none": none, "annotations": annotations}, "CC-BY-4.0", "public")
    assert [conflict.source for conflict in found] == ["none", "annotations"]
    assert "CC-BY-NC-4.0 is non-commercial" in found[0].reason
    assert "CC-BY-NC-SA-4.0 is share-alike" in found[0].reason


def test_a_release_has_one_known_licence_that_its_audience_may_have() -> None:
    assert release_fault("CC-BY-4.0", "public") is None
    assert release_fault(INTERNAL, "private") is None
    assert "private" in str(release_fault(INTERNAL, "public"))
    assert "one licence" in str(release_fault("MIT OR CC0-1.0", "public"))
    assert "ask the owner" in str(release_fault("LicenseRef-mine-unknown", "private"))
    assert combine({"a": Grant("CC0-1.0")}, INTERNAL, "public")[0].source == "a"


def test_faults_of_an_expression_name_every_unknown_part() -> None:
    assert licence_fault("MIT AND CC-BY-4.0") is None
    fault = str(licence_fault("CC-BY-4 AND LicenseRef-x-unknown AND MIT"))
    assert "CC-BY-4.0" in fault
    assert "LicenseRef-x-unknown" in fault
    with pytest.raises(LicenceError, match="no SPDX expression"):
        licence_ids("MIT OR")


def test_a_card_grants_what_it_states() -> None:
    card = SourceCard(
        source="chest", title="Chest set", licence="CC-BY-4.0", access="registration", redistribute="index",
        licences={"CC BY-NC": "CC-BY-NC-4.0", "by-nc": "CC-BY-NC-4.0", "CC0": "CC0-1.0"}, citation="Doe 2020",
        modality="xray", converter="csv", patient="unknown", verified="real",
    )  # fmt: skip
    assert Grant.of(card) == Grant("CC-BY-4.0", ("CC-BY-NC-4.0", "CC0-1.0"), "registration", "index")


def test_known_ids_need_no_parser() -> None:
    code = (
        "import sys; from medloom.schemas.licence import releasable;"
        "assert releasable('CC-BY-NC-4.0', 'CC-BY-4.0'); print('license_expression' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
