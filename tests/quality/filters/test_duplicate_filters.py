from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

SAME = {"sha256": "0" * 64}
HASH, NEAR, FAR = "0f0f0f0f0f0f0f0f", "0f0f0f0f0f0f0f00", "0f0f0f0f0f0f0000"


def _two(kit, left=None, right=None, **shared):
    """Two records on two views of two sources, with what the views share."""
    views = [
        kit.view("a", **{"source": "first", **shared, **(left or {})}),
        kit.view("b", **{"source": "second", **shared, **(right or {})}),
    ]
    return [_on(kit, view) for view in views], views


def _on(kit, view, name=None, **changes):
    name = name or f"on-{view.id}"
    return kit.record(name, source=view.source, sample=view.sample, views=(view.id,), **changes)


@pytest.mark.parametrize("name", ["exact_duplicates", "near_duplicates"])
def test_keeps_what_is_valid(kit, name):
    assert kit.reasons(name, kit.valid()) == {}
    assert kit.reasons(name, *_two(kit)) == {}


def test_the_same_bytes_stay_with_the_first(kit):
    rows, views = _two(kit, **SAME)
    assert kit.reasons("exact_duplicates", rows, views) == {"on-b": "exact_duplicate"}
    assert kit.reasons("near_duplicates", rows, views) == {"on-b": "near_duplicate"}
    assert kit.reasons("exact_duplicates", rows[1:], views) == {}


def test_copies_within_a_source_go_only_when_asked(kit):
    rows, views = _two(kit, {"source": "clinic"}, {"source": "clinic"}, **SAME)
    assert kit.reasons("exact_duplicates", rows, views) == {"on-b": "exact_duplicate"}
    assert kit.reasons("exact_duplicates", rows, views, across="sources") == {}
    assert kit.reasons("near_duplicates", rows, views) == {}
    assert kit.reasons("near_duplicates", rows, views, across="all") == {"on-b": "near_duplicate"}


def test_slices_of_one_sample_are_left_alone(kit):
    rows, views = _two(kit, {"source": "clinic", "sample": "s"}, {"source": "clinic", "sample": "s"}, phash=HASH)
    assert kit.reasons("near_duplicates", rows, views, across="all") == {}
    same = [replace(view, **SAME) for view in views]
    assert kit.reasons("exact_duplicates", rows, same) == {}


def test_near_is_within_the_distance(kit):
    rows, views = _two(kit, {"phash": HASH}, {"phash": NEAR})
    assert kit.reasons("near_duplicates", rows, views) == {"on-b": "near_duplicate"}
    assert kit.reasons("near_duplicates", rows, views, distance=3) == {}
    assert kit.reasons("near_duplicates", rows, views, mean_gap=0.0) == {"on-b": "near_duplicate"}
    assert kit.reasons("near_duplicates", rows, [views[0], replace(views[1], mean=140.0)]) == {}


def test_of_a_chain_the_far_end_stays(kit):
    names = {"a": HASH, "b": NEAR, "c": FAR}
    views = [kit.view(name, source=name, phash=phash) for name, phash in names.items()]
    rows = [_on(kit, view) for view in views]
    assert kit.reasons("near_duplicates", rows, views) == {"on-b": "near_duplicate"}


def test_blank_pictures_do_not_collapse(kit):
    views = [kit.view(str(i), source=str(i), phash="0" * 16, std=0.0, mean=0.0) for i in range(5)]
    assert kit.reasons("near_duplicates", [_on(kit, view) for view in views], views) == {}


def test_a_record_with_one_new_picture_stays(kit):
    _, views = _two(kit, **SAME)
    new = kit.view("new", source="second")
    both = replace(_on(kit, views[1], "both"), views=("b", "new"))
    assert kit.reasons("exact_duplicates", [_on(kit, views[0]), both], [*views, new]) == {}


def test_copies_that_contradict_go_on_both_sides(kit):
    rows, views = _two(kit, **SAME)
    denied = replace(rows[1], polarity="absent")
    apart = _on(kit, views[0], "other", concepts=("cyst",))
    later = _on(kit, views[1], "later", concepts=("cyst",))
    found = kit.reasons("exact_duplicates", [rows[0], denied, apart, later], views)
    assert found == {"on-a": "contradiction", "on-b": "contradiction", "later": "exact_duplicate"}
    left = kit.reasons("exact_duplicates", [rows[0], denied, apart], views, contradictions=False)
    assert left == {"on-b": "exact_duplicate"}


def test_a_picture_left_without_records_is_no_original(kit):
    rows, views = _two(kit, **SAME)
    later = _on(kit, views[1], "later", concepts=("cyst",))
    found = kit.reasons("exact_duplicates", [rows[0], replace(rows[1], polarity="absent"), later], views)
    assert found == {"on-a": "contradiction", "on-b": "contradiction"}


def test_a_choice_contradicts_where_its_right_option_is_wrong_elsewhere(kit):
    _, views = _two(kit, **SAME)
    rows = [
        kit.choice(f"on-{view.id}", right=right, source=view.source, sample=view.sample, views=(view.id,))
        for right, view in enumerate(views)
    ]
    assert set(kit.reasons("exact_duplicates", rows, views).values()) == {"contradiction"}
    elsewhere = [rows[0], replace(rows[1], task="another.question")]
    assert kit.reasons("exact_duplicates", elsewhere, views) == {"on-b": "exact_duplicate"}


def test_one_sample_that_says_both_is_not_a_dispute_between_copies(kit):
    rows, views = _two(kit, **SAME)
    both = [rows[0], _on(kit, views[0], "denied", polarity="absent")]
    assert kit.reasons("exact_duplicates", both, views) == {}


def test_near_duplicates_contradict_only_on_request(kit):
    rows, views = _two(kit, {"phash": HASH}, {"phash": NEAR})
    rows = [rows[0], replace(rows[1], polarity="absent")]
    assert kit.reasons("near_duplicates", rows, views) == {"on-b": "near_duplicate"}
    found = kit.reasons("near_duplicates", rows, views, contradictions=True)
    assert found == {"on-a": "contradiction", "on-b": "contradiction"}


def test_row_order_does_not_matter(kit):
    draw = random.Random(3)
    views = [
        kit.view(
            f"v{i}", source=f"s{i % 3}", sample=f"case{i % 7}", sha256=f"{i % 11:064x}",
            phash=draw.choice([HASH, NEAR, FAR]),
        )
        for i in range(30)
    ]  # fmt: skip
    rows = [
        _on(kit, view, f"r{i}", polarity=draw.choice(["present", "absent", None]))
        for i, view in enumerate(views + views[::2])
    ]
    for name in ("exact_duplicates", "near_duplicates"):
        expected = kit.reasons(name, rows, views, across="all", contradictions=True)
        assert {"contradiction"} < set(expected.values()) or name == "near_duplicates"
        for _ in range(3):
            draw.shuffle(rows)
            draw.shuffle(views)
            assert kit.reasons(name, rows, views, across="all", contradictions=True) == expected
