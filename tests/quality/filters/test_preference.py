"""Preferences that give themselves away: each tell is found where it is planted, and nowhere else."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.quality.filters.preference import Preference, PreferenceParams, pairs_of
from medloom.quality.registry import load_filter
from medloom.schemas.errors import CatalogError
from medloom.schemas.record import Record, Rejected


def pair(kit, name, chosen, rejected=None, picture=None, **changes):
    known = {
        "config": "preference", "task": "write.rejected", "type": 26, "template": "t/1", "form": "open",
        "sample": f"case-{name}", "turns": kit.turns("What is shown?", chosen),
        "rejected": Rejected(text=rejected, view=picture, reason="polarity"),
    }  # fmt: skip
    return kit.record(name, **{**known, **changes})


@pytest.mark.parametrize(
    ("chosen", "rejected", "reason"),
    [
        ("There is a nodule in the left lung.", "There is a nodule in the right lung.", None),
        ("The nodule is 1.5 cm long.", "The nodule is 15 cm long.", None),
        ("The offset is 3 mm.", "The offset is -3 mm.", None),
        ("The lesion is left-sided.", "the  lesion is left sided", "same_text"),
        ("A nodule.", "ａ nodule", "same_text"),
        ("Yes.", "There is indeed a very large nodule in the lung.", "length_ratio"),
        ("There is a very large nodule in the lung, and more.", "A nodule.", "length_ratio"),
        ("a b c d e", "abcde fghi", "length_ratio"),  # of one length in characters
        ("There is a nodule.", "This contradicts the original findings.", "meta_words"),
        ("The correct answer is a nodule.", "It is rather a cyst, I think.", "meta_words"),
        ("There is a nodule in the lung.", "A hallucinated cyst is in the lung.", "meta_words"),
        ("There is no contraindication.", "There is a contraindication.", None),
    ],
)
def test_a_pair_is_judged_by_itself(kit, reason_of, chosen, rejected, reason):
    assert reason_of("preference", pair(kit, "p", chosen, rejected)) == reason


def test_bounds_and_phrases_are_the_catalogs(kit, reason_of):
    long = pair(kit, "p", "A nodule.", "There is a nodule in the lung.")
    assert reason_of("preference", long) == "length_ratio"
    assert reason_of("preference", long, shortest=0.1) is None
    graft = pair(kit, "p", "The rejected graft is swollen.", "The rejected graft is small.")
    assert reason_of("preference", graft) == "meta_words"
    assert reason_of("preference", graft, allowed=["rejected graft"]) is None
    assert reason_of("preference", graft, allowed=["rejected graft"], forbidden=["(swollen"]) is None
    assert reason_of("preference", graft, allowed=["rejected graft"], forbidden=["swollen."]) == "meta_words"
    with pytest.raises(CatalogError, match="an empty one would stand in every text"):
        load_filter("preference", {"allowed": [" "]})


def test_the_same_text_over_another_picture_is_asked_for_its_picture_alone(kit, reason_of):
    assert reason_of("preference", pair(kit, "p", "A nodule.", None, "v1")) is None
    assert reason_of("preference", pair(kit, "p", "A nodule.", None, "v0")) == "same_picture"


def test_what_is_no_preference_or_null_is_let_be(kit):
    bare = kit.change(pair(kit, "bare", "x"), rejected=None)
    mute = kit.change(pair(kit, "mute", "x", "y"), turns=())
    rows = [*kit.valid(), pair(kit, "none", "A nodule."), bare, mute]
    assert kit.reasons("preference", rows) == {}
    one = Preference(PreferenceParams())
    frame = kit.frame(Record, rows).select(one.record_columns)
    for name in ("rejected", "views", "patient", "template"):
        kind = pl.Null if name == "rejected" else frame.schema[name]
        assert one.drops(frame.with_columns(pl.lit(None, kind).alias(name)), pl.DataFrame()).is_empty()


NOUNS = ("nodule", "cyst", "effusion", "mass", "fracture", "node", "lesion", "polyp", "ulcer", "tumour")
PLACES = ("left lung", "right lung", "liver edge", "lower lobe", "upper lobe", "spleen tip")


def fair(kit, number, opening=("There is", "There is"), pad=("", ""), **changes):
    """A pair of a noun and another, each as often chosen as rejected."""
    words = [NOUNS[(number + step) % len(NOUNS)] for step in (0, 1 if number % 2 else -1)]
    place = PLACES[number // 20 % len(PLACES)]
    texts = [f"{opening[n]} a {words[n]}{pad[n]} in the {place}." for n in (0, 1)]
    return pair(kit, f"p{number:03d}", *texts, **changes)


def test_a_fair_cell_stays_whole(kit):
    assert kit.reasons("preference", [fair(kit, number) for number in range(120)]) == {}


def test_an_opening_of_one_side_is_found_where_other_patients_show_it(kit):
    rows = [fair(kit, number, ("There is", "I see"), source="told") for number in range(60)]
    rows += [
        fair(kit, number + 100, (("There is", "I see"), ("I see", "There is"))[number // 10 % 2])
        for number in range(60)
    ]
    found = kit.judgement("preference", rows[::-1], margin=0.4)
    assert set(found.drops["record"]) == {f"p{number:03d}" for number in range(60)}
    assert set(found.drops["reason"]) == {"one_sided_wording"}
    assert kit.reasons("preference", rows, seen=0, margin=0.4) == {}
    assert kit.reasons("preference", rows, seen=70, margin=0.4) == {}
    # all of one patient: nobody else shows it
    assert kit.reasons("preference", [kit.change(row, patient="p") for row in rows[:60]], margin=0.4) == {}
    cells = {(cell.source, cell.task): cell for cell in found.cells}
    told, even = cells["told", "write.rejected"], cells["clinic", "write.rejected"]
    assert told.before > 0.95 and told.left == 0 and told.after is None
    assert even.before < 0.65 and even.left == 60
    assert dict(found.scores.rows())["p000"] > 0.95


@pytest.mark.parametrize("side", [0, 1])
def test_a_cell_told_by_length_is_thinned_out_from_the_longest(kit, side):
    def padded(number):
        longer = side if number % 10 < 8 else 1 - side
        pad = ["", ""]
        pad[longer] = " of some size" if number % 10 < 4 else " seen"
        return fair(kit, number, pad=pad)

    rows = [padded(number) for number in range(100)]
    found = kit.judgement("preference", rows)
    gone = set(found.drops["record"])
    assert set(found.drops["reason"]) == {"length_bias"}
    # 80 of 100 are longer: 50 go until 30 of 50 are
    assert len(gone) == 50 and all(int(name[1:]) % 10 < 8 for name in gone)
    assert {f"p{number:03d}" for number in range(100) if number % 10 < 4} <= gone
    assert kit.judgement("preference", rows[::-1]).drops.equals(found.drops)
    assert kit.reasons("preference", rows, least=101) == {}
    assert kit.reasons("preference", rows, margin=0.3) == {}


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.sampled_from([0.0, 0.1, 0.3]))
def test_what_is_left_is_within_the_bound_and_no_more_is_taken(kit_of, steps, margin):
    kit = kit_of
    rows = [pair(kit, f"p{n:03d}", "x" * 10, "y" * (7 + step)) for n, step in enumerate(steps)]
    one = Preference(PreferenceParams(margin=margin, least=2, seen=0))
    records = kit.frame(Record, rows)
    gone = one.drops(records.select(one.record_columns), pl.DataFrame())
    left = pairs_of(records).join(gone, left_on="id", right_on="record", how="anti")
    ahead = [1.0 if r > 1 else 0.5 if r == 1 else 0.0 for r in left["ratio_characters"]]
    share = sum(ahead) / max(1, len(ahead))
    assert len(left) < 2 or max(share, 1 - share) <= 0.5 + margin + 1e-9
    if len(gone):  # one less dropped would be beyond it
        more = max(sum(ahead), len(ahead) - sum(ahead)) + 1
        assert more / (len(ahead) + 1) > 0.5 + margin


def test_looks_tell_values_bounds_and_what_would_change_it(kit):
    one = Preference(PreferenceParams())
    rows = [fair(kit, number, ("There is", "I see"), pad=("", " indeed")) for number in range(60)]
    rows.append(pair(kit, "meta", "Yes.", "This contradicts the original findings of the report."))
    looks = one.looks("p000", *kit.seen(one, rows))
    assert [look.passed for look in looks] == [True, True, True, False, False]
    assert looks[3].value.startswith("opening 'i see'") or looks[3].value.startswith("opening 'there is'")
    meta = one.looks("meta", *kit.seen(one, rows))
    assert meta[2].value == "rejected: contradicts" and not meta[0].passed
    assert one.looks("r0", *kit.seen(one, kit.valid())) == []


@pytest.fixture(scope="module")
def kit_of():
    from ..conftest import Kit

    return Kit
