import pytest
from pydantic import ValidationError

PICTURES = r"images/(?P<id>[^/]+)\.png"


def card_of(make_card, *masks, **fields):
    labels = {"lesion": "lesion", "organ": "organ", "nucleus": "cell_nucleus"}
    return make_card(
        "mask_pairs", {"pictures": PICTURES, "masks": list(masks), "key": "{id}"},
        **{"labels": labels, "exhaustive": {"regions": True}, **fields},
    )  # fmt: skip


def test_binary_by_name(tree, make_card, read):
    root = tree({"images/a.png": None, "masks/a_mask.tif": None, "images/b.txt": "x"})
    card = card_of(make_card, {"file": "masks/{id}_mask.tif", "name": "lesion"}, patient="one per case")
    samples, refusals = read(root, card)
    assert not refusals
    region = samples[0].regions[0]
    assert (samples[0].key, samples[0].patient, samples[0].media[0].files) == ("a", "a", ("images/a.png",))
    assert (region.kind, region.name, region.file, region.pointer) == (
        "mask",
        "lesion",
        "masks/a_mask.tif",
        "masks/a_mask.tif",
    )
    assert (region.instance, samples[0].complete_regions) == (False, ("lesion",))


def test_by_value_and_by_colour(tree, make_card, read):
    root = tree({"images/a.png": None, "v/a.png": None, "c/a.png": None, "one/a.png": None})
    samples, refusals = read(root, card_of(
        make_card,
        {"file": "v/{id}.png", "names": {2: "organ", 1: "lesion"}},
        {"file": "c/{id}.png", "colours": {"nucleus": [255, 0, 0]}},
        {"file": "one/{id}.png", "name": "lesion", "value": 255},
    ))  # fmt: skip
    by_value, by_colour, one = samples[0].regions
    assert (by_value.kind, [(name.value, name.name) for name in by_value.names]) == (
        "label_map", [(1, "lesion"), (2, "organ")],
    )  # fmt: skip
    assert (by_colour.kind, by_colour.names[0].colour) == ("colour_mask", (255, 0, 0))
    assert (one.kind, one.value) == ("mask", 255)
    assert (samples[0].complete_regions, refusals) == (("lesion", "organ", "nucleus"), [])


def test_a_file_for_each_object(tree, make_card, read):
    root = tree({
        "s/x/images/x.png": None, "s/x/masks/2.png": None, "s/x/masks/1.png": None, "s/x/masks/bad.png": b"",
        "s/y/images/y.png": None, "s/z/images/z.png": None, "s/z/masks/.keep": b"",
    })  # fmt: skip
    params = {
        "pictures": r"s/(?P<id>[^/]+)/images/(?P=id)\.png", "key": "{id}",
        "masks": [{"file": "s/{id}/masks/*.png", "name": "nucleus", "instance": True, "missing": "none"}],
    }  # fmt: skip
    card = make_card("mask_pairs", params, labels={"nucleus": "cell_nucleus"}, exhaustive={"regions": True})
    samples, refusals = read(root, card)
    assert [(one.key, [region.file for region in one.regions], one.complete_regions) for one in samples] == [
        ("x", ["s/x/masks/1.png", "s/x/masks/2.png"], ()),
        ("y", [], ("nucleus",)),
        ("z", [], ("nucleus",)),  # a folder without a file: there is no nucleus
    ]
    assert all(region.instance for region in samples[0].regions)
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("x#s/x/masks/bad.png", "empty_file", True)]


@pytest.mark.parametrize(
    ("missing", "reasons", "complete"),
    [("refuse", ["missing_file"], ()), ("unmarked", [], ()), ("none", [], ("lesion",))],
)
def test_what_a_missing_mask_means(tree, make_card, read, missing, reasons, complete):
    root = tree({"images/a.png": None, "marked/b_1.png": None})
    for file in ("masks/{id}.png", "masks/{id}_*.png", "marked/{id}_*.png"):  # the last folder is there
        samples, refusals = read(root, card_of(make_card, {"file": file, "name": "lesion", "missing": missing}))
        assert ([one.reason for one in refusals if one.part], samples[0].complete_regions) == (reasons, complete)


def test_masks_without_a_picture_are_refused(tree, make_card, read):
    root = tree({"images/a.png": None, "masks/a.png": None, "masks/gone.png": None, "masks/readme.md": "x"})
    _, refusals = read(root, card_of(make_card, {"file": "masks/{id}.png", "name": "lesion"}))
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("masks/gone.png", "missing_picture", False)]


def test_a_refused_picture_takes_its_masks_along(tree, make_card, read):
    root = tree({"images/a.png": b"", "masks/a.png": None})
    samples, refusals = read(root, card_of(make_card, {"file": "masks/{id}.png", "name": "lesion"}))
    assert (samples, [(one.unit, one.reason) for one in refusals]) == ([], [("a", "empty_file")])


def test_a_mask_that_leaves_the_root_is_refused(tree, make_card, read, tmp_path):
    root = tree({"images/a.png": None, "masks/x": "x"})
    (tmp_path / "out.png").write_bytes(b"x")
    (root / "masks/a.png").symlink_to(tmp_path / "out.png")
    samples, refusals = read(root, card_of(make_card, {"file": "masks/{id}.png", "name": "lesion"}))
    assert ([one.reason for one in refusals], samples[0].regions) == (["unsafe_path"], ())


def test_two_pictures_with_one_key(tree, make_card, read):
    root = tree({"images/a.png": None, "more/images/a.png": None})
    params = {
        "pictures": r"(?:more/)?images/(?P<id>a)\.png",
        "key": "{id}",
        "masks": [{"file": "m", "name": "lesion", "missing": "none"}],
    }
    samples, refusals = read(root, make_card("mask_pairs", params))
    assert ([one.key for one in samples], [one.reason for one in refusals]) == (["a"], ["duplicate_key"])


@pytest.mark.parametrize(
    "rule",
    [
        {"file": "m"},
        {"file": "m", "name": "a", "names": {1: "b"}},
        {"file": "m", "names": {1: "b"}, "value": 3},
        {"file": "*/m", "name": "a"},
        {"file": "{other}.png", "name": "a"},
    ],
)
def test_rules_that_make_no_sense_are_mistakes_of_the_card(make_card, rule, tmp_path):
    from medloom.converters.registry import load_converter

    with pytest.raises(ValidationError):
        list(load_converter("mask_pairs").samples(tmp_path, card_of(make_card, rule)))
