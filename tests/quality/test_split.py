from __future__ import annotations

from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medloom.quality.disjoint import assert_disjoint
from medloom.quality.split import STRICTEST, assign_splits, picture_keys
from medloom.schemas.catalog import SplitSettings
from medloom.schemas.errors import BuildError

SCHEMA = dict.fromkeys(("source", "sample", "patient", "study", "published_split"), pl.String)
NO_KEYS = pl.DataFrame(schema={"source": pl.String, "sample": pl.String, "key": pl.String})


def _samples(rows):
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _keys(rows):
    return pl.DataFrame(rows, schema=NO_KEYS.schema, orient="row")


def _cohort(count, published=None):
    return _samples([("clinic", f"s{i}", f"p{i}", None, published) for i in range(count)])


def _of(result):
    return {(source, sample): split for source, sample, split in result.assignments.select(pl.nth(0, 1, 2)).rows()}


SAMPLES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(0, 30).map(str),
        st.one_of(st.none(), st.integers(0, 6).map(str)),
        st.one_of(st.none(), st.integers(0, 6).map(str)),
        st.sampled_from([None, None, None, "train", "validation", "test"]),
    ),
    unique_by=lambda row: row[:2],
    min_size=1,
    max_size=30,
)
KEYS = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 30).map(str), st.integers(0, 8).map("picture:{}".format)),
    max_size=30,
)


def _plain_components(rows, keys, by):
    """Groups by repeated merging, the way one would say it."""
    groups = [{row[:2]} for row in rows]
    shared = defaultdict(set)
    for source, sample, patient, study, _ in rows:
        if patient is not None and by == "patient":
            shared["patient", source, patient].add((source, sample))
        if study is not None and by != "sample":
            shared["study", source, study].add((source, sample))
    known = {row[:2] for row in rows}
    for source, sample, key in keys:
        if (source, sample) in known:
            shared["key", key].add((source, sample))
    for together in shared.values():
        touched = [group for group in groups if group & together]
        groups = [group for group in groups if not group & together] + [set().union(*touched)]
    return groups


@given(SAMPLES, KEYS, st.sampled_from(["patient", "study", "sample"]), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_no_component_is_ever_in_two_splits(rows, keys, by, draw):
    wanted = SplitSettings(by=by)
    result = assign_splits(_samples(rows), _keys(keys), wanted)
    split = _of(result)
    assert set(split) == {row[:2] for row in rows}
    published = {row[:2]: row[4] for row in rows}
    component = {row[:2]: row[3] for row in result.assignments.rows()}
    groups = _plain_components(rows, keys, by)
    assert len({component[min(group)] for group in groups}) == len(groups)
    clashes = {clash.group: clash for clash in result.clashes}
    for group in groups:
        assert len({split[one] for one in group}) == 1
        assert len({component[one] for one in group}) == 1
        said = {published[one] for one in group} - {None}
        if said:
            assert split[min(group)] == next(name for name in STRICTEST if name in said)
        clash = clashes.pop(component[min(group)], None)
        assert (clash is not None) == (len(said) > 1)
        if clash is not None:
            assert set(clash.splits) == said
            assert clash.resolved == split[min(group)]
            assert clash.samples == len(group)
    assert not clashes
    assert_disjoint(_samples(rows).join(result.assignments, on=["source", "sample"]), _pictures(), by)
    draw.shuffle(rows)
    draw.shuffle(keys)
    again = assign_splits(_samples(rows), _keys(keys), wanted)
    assert again.assignments.equals(result.assignments)
    assert again.clashes == result.clashes


@given(st.integers(3, 40), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_no_wanted_split_is_empty_where_three_components_are(count, offset):
    rows = _samples([("clinic", f"s{i}", f"p{offset + i}", None, None) for i in range(count)])
    assert set(_of(assign_splits(rows, NO_KEYS, SplitSettings())).values()) == {"train", "validation", "test"}


@pytest.mark.parametrize("count", [1, 2])
def test_very_few_components_train_first(count):
    for offset in range(20):
        rows = _samples([("clinic", f"s{i}", f"p{offset + i}", None, None) for i in range(count)])
        assert "train" in _of(assign_splits(rows, NO_KEYS, SplitSettings())).values()


def test_nothing_goes_to_a_split_without_a_ratio():
    ratios = {"train": 0.9, "validation": 0.0, "test": 0.1}
    result = assign_splits(_cohort(200), NO_KEYS, SplitSettings(ratios=ratios))
    assert set(_of(result).values()) == {"train", "test"}
    only = assign_splits(_cohort(50), NO_KEYS, SplitSettings(ratios={"train": 1.0}))
    assert only.shares == {"train": 1.0, "validation": 0.0, "test": 0.0}


def test_shares_come_near_the_ratios():
    result = assign_splits(_cohort(20_000), NO_KEYS, SplitSettings())
    for name, share in {"train": 0.8, "validation": 0.1, "test": 0.1}.items():
        assert result.shares[name] == pytest.approx(share, abs=0.01)


def test_newcomers_move_nobody():
    before = _of(assign_splits(_cohort(300), NO_KEYS, SplitSettings()))
    after = _of(assign_splits(_cohort(900), NO_KEYS, SplitSettings()))
    assert all(after[name] == split for name, split in before.items())


def test_a_new_visit_moves_no_patient():
    visits = [("clinic", f"s{i}", f"p{i}", None, None) for i in range(50)]
    before = _of(assign_splits(_samples(visits), NO_KEYS, SplitSettings()))
    more = [("clinic", f"a{i}", f"p{i}", None, None) for i in range(50)]
    after = _of(assign_splits(_samples(visits + more), NO_KEYS, SplitSettings()))
    assert all(after["clinic", f"s{i}"] == after["clinic", f"a{i}"] == before["clinic", f"s{i}"] for i in range(50))


def test_patients_of_two_sources_are_two_people():
    rows = _samples([(source, f"{i}", f"p{i}", None, None) for source in "ab" for i in range(100)])
    assert assign_splits(rows, NO_KEYS, SplitSettings()).assignments["component"].n_unique() == 200


def test_publication_can_be_set_aside():
    free = assign_splits(_cohort(300, "test"), NO_KEYS, SplitSettings(respect_published=False))
    assert set(_of(free).values()) == {"train", "validation", "test"}
    kept = assign_splits(_cohort(300, "test"), NO_KEYS, SplitSettings())
    assert set(_of(kept).values()) == {"test"}


def test_clashes_tell_patients_from_pictures():
    rows = _samples(
        [
            ("clinic", "s0", "p0", None, "train"),
            ("clinic", "s1", "p0", None, "test"),
            ("clinic", "s2", "p2", None, "train"),
            ("other", "s3", None, None, "validation"),
        ]
    )
    keys = _keys([("clinic", "s2", "k"), ("other", "s3", "k")])
    result = assign_splits(rows, keys, SplitSettings())
    told = {clash.reason: clash for clash in result.clashes}
    assert told["group_in_several_splits"].resolved == "test"
    assert told["group_in_several_splits"].detail == "clinic/s0 (train), clinic/s1 (test)"
    assert told["shared_picture_in_several_splits"].splits == ("train", "validation")
    assert told["shared_picture_in_several_splits"].resolved == "validation"
    assert result.largest_component == 0.5


def test_columns_that_are_all_null_are_no_trouble():
    bare = pl.DataFrame(
        {"source": ["a"], "sample": ["s"], "patient": [None], "study": [None], "published_split": [None]}
    )
    assert _of(assign_splits(bare, NO_KEYS, SplitSettings())) == {("a", "s"): "train"}
    assert assign_splits(bare.clear(), NO_KEYS, SplitSettings()).assignments.is_empty()


def test_the_order_of_ratios_does_not_matter():
    turned = SplitSettings(ratios={"test": 0.1, "train": 0.8, "validation": 0.1})
    assert _of(assign_splits(_cohort(99), NO_KEYS, turned)) == _of(assign_splits(_cohort(99), NO_KEYS, SplitSettings()))


def test_a_sample_twice_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="once"):
        assign_splits(pl.concat([_cohort(1), _cohort(1)]), NO_KEYS, SplitSettings())


def test_near_pictures_share_a_key_across_sources(kit):
    from medloom.schemas.view import View

    views = kit.frame(
        View,
        [
            kit.view("a", source="first", phash="0f0f0f0f0f0f0f0f"),
            kit.view("b", source="second", phash="0f0f0f0f0f0f0f00"),
            kit.view("c", source="second", phash="f0f0f0f0f0f0f0f0"),
        ],
    ).with_columns(thumb=pl.lit(None, pl.Binary))
    keys = {(source, sample): key for source, sample, key in picture_keys(views).rows()}
    assert keys["first", "case-a"] == keys["second", "case-b"] != keys["second", "case-c"]
    rows = _samples([(source, sample, None, None, None) for source, sample in keys])
    for _ in range(3):
        component = assign_splits(rows, picture_keys(views), SplitSettings()).assignments["component"]
        assert component.n_unique() == 2


def _pictures(*rows):
    return pl.DataFrame(rows, schema={"source": pl.String, "sample": pl.String, "sha256": pl.String}, orient="row")


def _placed(*rows):
    schema = dict.fromkeys(("source", "sample", "patient", "study", "split"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


OVERLAPS = {
    "sample clinic/s0 in test and train": [("clinic", "s0", None, None, "train"), ("clinic", "s0", None, None, "test")],
    "patient clinic/p in test and train": [("clinic", "s0", "p", None, "train"), ("clinic", "s1", "p", None, "test")],
    "study clinic/x in train and validation": [
        ("clinic", "s0", None, "x", "train"),
        ("clinic", "s1", None, "x", "validation"),
    ],
    f"picture {'f' * 64} in test and train": [
        ("clinic", "s0", None, None, "train"),
        ("clinic", "s1", None, None, "test"),
    ],
    "clinic/s1 without a split": [("clinic", "s0", "p", None, "train"), ("clinic", "s1", "q", None, None)],
}


@pytest.mark.parametrize("said", OVERLAPS)
def test_an_overlap_stops_the_build(said):
    pictures = _pictures(("clinic", "s0", "f" * 64), ("clinic", "s1", ("f" if "picture" in said else "e") * 64))
    with pytest.raises(BuildError, match=said):
        assert_disjoint(_placed(*OVERLAPS[said]), pictures)


def test_disjoint_splits_pass_and_the_unit_is_what_was_asked_for():
    pictures = _pictures(("clinic", "s0", "a"), ("clinic", "s1", "b"), ("gone", "s9", "a"))
    assert_disjoint(_placed(*OVERLAPS["patient clinic/p in test and train"]), pictures, "study")
    placed = _placed(("clinic", "s0", "p", None, "train"), ("clinic", "s1", "q", None, "test"))
    assert_disjoint(placed, pictures)
    assert_disjoint(_placed(), _pictures())
