import pytest


@pytest.fixture
def card(make_card):
    labels = {"polyp": "polyp", "tool": "instrument"}
    return make_card(
        "yolo", labels=labels, exhaustive={"regions": True}, split={"folders": {"train": "train", "val": "validation"}}
    )


NAMES = "names: [polyp, tool]\n"


def test_parallel_folders(tree, card, read):
    root = tree({
        "data.yaml": "path: /somewhere\nnames: {0: polyp, 1: tool}\n", "images/train/a.png": None,
        "images/val/b.png": None,
        "labels/train/a.txt": "0 0.5 0.5 0.25 0.2\n1 0.0 0.0 0.5 0.0 0.5 1.0\n\n", "labels/val/b.txt": b"",
    })  # fmt: skip
    samples, refusals = read(root, card)
    assert not refusals
    box, polygon = samples[0].regions
    assert (box.name, box.box) == ("polyp", pytest.approx((15, 12, 25, 18)))
    assert (polygon.kind, polygon.polygons) == ("polygon", ((0, 0, 20, 0, 20, 30),))
    assert (box.pointer, samples[0].media[0].size) == ("labels/train/a.txt#line=0", (40, 30))
    assert [(one.split, len(one.regions), one.complete_regions) for one in samples] == [
        ("train", 2, ("polyp", "tool")), ("validation", 0, ("polyp", "tool")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("picture", "text", "params"),
    [
        ("train/images/a.png", "train/labels/a.txt", {}),
        ("img/a.png", "ann/a.txt", {"pictures": "img", "labels": "ann"}),
        ("x/a.png", "x/a.txt", {"pictures": "", "labels": ""}),
        ("images/images/a.png", "images/labels/a.txt", {}),
    ],
)
def test_other_layouts(tree, make_card, read, picture, text, params):
    root = tree({picture: None, text: "3 0.5 0.5 1 1"})
    card = make_card("yolo", {**params, "names": {3: "polyp"}})
    samples, refusals = read(root, card)
    assert ([region.box for one in samples for region in one.regions], refusals) == ([(0, 0, 40, 30)], [])


@pytest.mark.parametrize(
    ("line", "reason", "complete"),
    [
        ("0 0.5 0.5 0 0.2", "box_degenerate", ("tool",)),
        ("0 0.5 0.5 1.2 0.2", "box_outside", ("tool",)),
        ("0 100 120 30 40", "box_outside", ("tool",)),
        ("0 0.5 0.5", "bad_annotation", ("tool",)),
        ("0 0.5 0.5 0.1 0.1 0.99", "bad_annotation", ("tool",)),
        ("x 0.5 0.5 0.1 0.1", "bad_annotation", ()),
        ("7 0.5 0.5 0.1 0.1", "unknown_category", ()),
        ("0 0.1 0.1 0.9 0.1 2 2", "box_outside", ("tool",)),
        ("0 nan 0.5 0.1 0.1", "box_degenerate", ("tool",)),
    ],
)
def test_a_bad_line_is_refused_alone(tree, card, read, line, reason, complete):
    root = tree({"data.yaml": NAMES, "images/a.png": None, "labels/a.txt": f"1 0.5 0.5 0.5 0.5\n{line}\n"})
    samples, refusals = read(root, card)
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("images/a.png#line=1", reason, True)]
    assert ([region.name for region in samples[0].regions], samples[0].complete_regions) == (["tool"], complete)


@pytest.mark.parametrize(
    ("missing", "reasons", "complete"),
    [("refuse", ["missing_file"], []), ("unmarked", [], [()]), ("none", [], [("polyp", "tool")])],
)
def test_what_a_missing_text_means(tree, card, read, missing, reasons, complete):
    root = tree({"data.yaml": NAMES, "images/a.png": None})
    samples, refusals = read(root, card.model_copy(update={"params": {"missing": missing}}))
    assert ([one.reason for one in refusals], [one.complete_regions for one in samples]) == (reasons, complete)


def test_bad_pictures_and_stray_texts(tree, card, read):
    root = tree({
        "data.yaml": NAMES, "images/a.png": "no picture", "labels/a.txt": "0 0.5 0.5 0.1 0.1", "images/b.png": None,
        "labels/b.txt": b"\xff\xfe\xff", "labels/gone.txt": "0 0.5 0.5 0.1 0.1", "labels/classes.txt": "polyp",
    })  # fmt: skip
    samples, refusals = read(root, card)
    assert not samples
    assert [(one.unit, one.reason) for one in refusals] == [
        ("images/a.png", "not_a_picture"), ("images/b.png", "not_utf8"), ("labels/gone.txt", "missing_picture"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "missing_file"), ("names: 3", "no_names"), ("names: [", "not_yaml"), ("a: &a [*a]\nnames: {}", "no_names"),
     ("!!python/object/apply:os.system [echo]", "not_yaml")],
)  # fmt: skip
def test_without_names_nothing_can_be_read(tree, card, read, content, reason):
    files = {"images/a.png": None} | ({} if content is None else {"data.yaml": content})
    samples, refusals = read(tree(files), card)
    assert (samples, [(one.unit, one.reason) for one in refusals]) == ([], [("data.yaml", reason)])


def test_a_line_that_stands_twice_is_one_object(tree, card, read):
    lines = "0 0.5 0.5 0.25 0.2\n1 0.5 0.5 0.25 0.2\n0 0.5 0.5 0.25 0.20\n0 0.5 0.5 0.25 0.21\n"
    samples, refusals = read(tree({"data.yaml": NAMES, "images/a.png": None, "labels/a.txt": lines}), card)
    assert [region.name for region in samples[0].regions] == ["polyp", "tool", "polyp"]
    assert samples[0].complete_regions == ("polyp", "tool")
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("images/a.png#line=2", "duplicate_region", True)]
