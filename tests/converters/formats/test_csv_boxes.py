import pytest


def card_of(make_card, **params):
    given = {"tables": ["t.csv"], "picture": "{file}", "box": ["a", "b", "c", "d"], "label": "class", **params}
    labels = {"cell": "cell", "mass": "mass"}
    return make_card("csv_boxes", given, labels=labels, exhaustive={"regions": True})


def table(*rows):
    return "file,class,a,b,c,d,w,h\n" + "".join(",".join(map(str, row)) + ",40,30\n" for row in rows)


@pytest.mark.parametrize(
    ("params", "cells"),
    [
        ({}, (4, 3, 20, 15)),
        ({"form": "xywh"}, (4, 3, 16, 12)),
        ({"form": "cxcywh"}, (12, 9, 16, 12)),
        ({"inclusive": True}, (4, 3, 19, 14)),
        ({"normalised": True}, (0.1, 0.1, 0.5, 0.5)),
        ({"normalised": True, "form": "cxcywh"}, (0.3, 0.3, 0.4, 0.4)),
        ({"normalised": True, "form": "xywh", "size": ["w", "h"]}, (0.1, 0.1, 0.4, 0.4)),
        ({"box": ["a", "c", "b", "d"]}, (4, 20, 3, 15)),
    ],
)
def test_every_form_is_the_same_box(tree, make_card, read, params, cells):
    root = tree({"t.csv": table(("a.png", "cell", *cells)), "a.png": None})
    samples, refusals = read(root, card_of(make_card, **params))
    assert not refusals
    assert samples[0].regions[0].box == pytest.approx((4, 3, 20, 15))
    assert samples[0].regions[0].pointer == "t.csv#row=0"


def test_rows_of_a_picture_are_gathered(tree, make_card, read):
    rows = [("a.png", "cell", 1, 1, 5, 5), ("b.png", "", "", "", "", ""), ("a.png", "mass", 2, 2, 9, 9),
            ("c.png", "No finding", 0, 0, 1, 1), ("d.png", "cell", "nan", "NaN", "nan", "nan")]  # fmt: skip
    root = tree({"t.csv": table(*rows)} | {f"{name}.png": None for name in "abcd"})
    samples, refusals = read(root, card_of(make_card, nothing=["No finding"]))
    assert not refusals
    assert [(one.key, [region.name for region in one.regions]) for one in samples] == [
        ("a.png", ["cell", "mass"]), ("b.png", []), ("c.png", []), ("d.png", []),
    ]  # fmt: skip
    assert {one.complete_regions for one in samples} == {("cell", "mass")}


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ((5, 5, 5, 9), "box_degenerate"),
        ((5, 5, 90, 9), "box_outside"),
        ((5, "", 9, 9), "bad_annotation"),
        ((5, "x", 9, 9), "bad_annotation"),
    ],
)
def test_a_bad_box_is_refused_alone(tree, make_card, read, cells, reason):
    root = tree({"t.csv": table(("a.png", "mass", 1, 1, 5, 5), ("a.png", "cell", *cells)), "a.png": None})
    samples, refusals = read(root, card_of(make_card, size=["w", "h"]))
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("t.csv#row=1", reason, True)]
    assert ([region.name for region in samples[0].regions], samples[0].complete_regions) == (["mass"], ("mass",))


def test_boxes_of_several_readers_are_not_counted(tree, make_card, read):
    rows = ("a.png,cell,1,1,5,5,R1", "a.png,cell,1,1,6,6,R2", "b.png,cell,1,1,5,5,R1", "b.png,cell,7,7,9,9,R1",
            "c.png,,,,,,R1", "c.png,mass,1,1,5,5,R2")  # fmt: skip
    root = tree({"t.csv": "file,class,a,b,c,d,who\n" + "\n".join(rows)} | {f"{name}.png": None for name in "abc"})
    samples, refusals = read(root, card_of(make_card, reader="who"))
    assert not refusals
    assert [([region.instance for region in one.regions], one.complete_regions) for one in samples] == [
        ([False, False], ("mass",)), ([True, True], ("cell", "mass")), ([False], ("cell",)),
    ]  # fmt: skip
    _, refusals = read(root, card_of(make_card, reader="nobody"))
    assert [one.reason for one in refusals] == ["missing_column"]


def test_one_class_needs_no_column(tree, make_card, read):
    root = tree({"t.csv": table(("a.png", "", 1, 1, 5, 5)), "a.png": None})
    samples, _ = read(root, card_of(make_card, label=None, name="cell"))
    assert [region.name for region in samples[0].regions] == ["cell"]
    samples, refusals = read(root, card_of(make_card))
    assert (samples[0].complete_regions, [one.reason for one in refusals]) == ((), ["bad_annotation"])


def test_pictures_that_can_not_be_used(tree, make_card, read):
    rows = [("gone.png", "cell", 1, 1, 5, 5), ("../t.csv", "cell", 1, 1, 5, 5), ("text.png", "cell", 0, 0, 1, 1)]
    root = tree({"t.csv": table(*rows), "text.png": "no picture"})
    samples, refusals = read(root, card_of(make_card, normalised=True))
    assert (samples, [(one.unit, one.reason) for one in refusals]) == ([], [
        ("t.csv#row=0", "missing_file"), ("t.csv#row=1", "unsafe_path"), ("text.png", "not_a_picture"),
    ])  # fmt: skip


@pytest.mark.parametrize("params", [{"form": "xywh"}, {"form": "cxcywh"}, {"normalised": True}])
def test_only_corners_in_pixels_are_inclusive(make_card, tmp_path, params):
    from medloom.converters.registry import load_converter

    with pytest.raises(ValueError, match="inclusive"):
        list(load_converter("csv_boxes").samples(tmp_path, card_of(make_card, inclusive=True, **params)))


def test_without_a_stated_size_the_picture_s_own_counts(tree, make_card, read):
    rows = [("a.png", "cell", 1, 1, 40.4, 5), ("a.png", "mass", 1, 1, 45, 5)]
    samples, refusals = read(tree({"t.csv": table(*rows), "a.png": None}), card_of(make_card))
    assert [region.box for region in samples[0].regions] == [(1, 1, 40, 5)]
    assert [(one.unit, one.reason) for one in refusals] == [("t.csv#row=1", "box_outside")]


def test_a_box_that_stands_twice_is_one_object(tree, make_card, read):
    rows = [("a.png", "cell", 1, 1, 9, 5), ("a.png", "mass", 1, 1, 9, 5), ("a.png", "cell", 1, 1, 9, 5)]
    samples, refusals = read(tree({"t.csv": table(*rows), "a.png": None}), card_of(make_card))
    assert [region.name for region in samples[0].regions] == ["cell", "mass"]
    assert samples[0].complete_regions == ("cell", "mass")  # nothing is lost by it
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("t.csv#row=2", "duplicate_region", True)]
