import pytest

OBJECT = "<object><name>{name}</name><bndbox>{corners}</bndbox></object>"


def xml(*objects, filename="a.png", size=(40, 30)):
    """`objects` are (name, xmin, ymin, xmax, ymax)."""
    made = ""
    for name, *corners in objects:
        tags = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
        made += OBJECT.format(name=name, corners="".join(f"<{tag}>{value}</{tag}>" for tag, value in tags))
    stated = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    return f"<annotation><filename>{filename}</filename>{stated}{made}</annotation>"


@pytest.fixture
def card(make_card):
    return make_card(
        "pascal_voc", labels={"cell": "cell", "platelet": "platelet"}, exhaustive={"regions": True}
    )  # fmt: skip


def test_inclusive_corners_from_one_become_half_open(tree, card, make_card, read):
    root = tree({"JPEGImages/a.png": None, "Annotations/a.xml": xml(("cell", 1, 1, 40, 30), ("platelet", 5, 6, 7, 8))})
    samples, refusals = read(root, card)
    assert not refusals
    assert [region.box for region in samples[0].regions] == [(0, 0, 40, 30), (4, 5, 7, 8)]
    assert samples[0].regions[1].pointer == "Annotations/a.xml#object=1"
    assert (samples[0].key, samples[0].media[0].size) == ("a", (40, 30))
    assert samples[0].complete_regions == ("cell", "platelet")
    samples, _ = read(root, make_card("pascal_voc", {"one_based": False}))
    assert [region.box for region in samples[0].regions] == [(1, 1, 40, 30), (5, 6, 7, 8)]


@pytest.mark.parametrize(
    ("corners", "reason"),
    [
        ((5, 5, 5, 9), "box_degenerate"),
        ((9, 5, 5, 9), "box_degenerate"),
        ((5, 5, 60, 9), "box_outside"),
        ((5, 5, "x", 9), "bad_annotation"),
        ((5, 5, "", 9), "bad_annotation"),
        ((5, 5, "nan", 9), "box_degenerate"),
    ],
)
def test_a_bad_box_is_refused_alone(tree, card, read, corners, reason):
    root = tree({"JPEGImages/a.png": None, "Annotations/a.xml": xml(("platelet", 2, 2, 4, 4), ("cell", *corners))})
    samples, refusals = read(root, card)
    assert [(one.unit, one.reason, one.part, one.file) for one in refusals] == [
        ("a#object=1", reason, True, "Annotations/a.xml")
    ]
    assert ([region.name for region in samples[0].regions], samples[0].complete_regions) == (
        ["platelet"],
        ("platelet",),
    )


def test_a_box_without_a_name_leaves_nothing_complete(tree, card, read):
    root = tree({"JPEGImages/a.png": None, "Annotations/a.xml": xml(("", 2, 2, 4, 4))})
    samples, refusals = read(root, card)
    assert (samples[0].complete_regions, refusals[0].reason) == ((), "bad_annotation")


BOMB = '<!DOCTYPE a [<!ENTITY x "xxxx"><!ENTITY y "&x;&x;">]><annotation><filename>&y;</filename></annotation>'
THIEF = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<annotation>", "not_xml"),
        (b"<annotation>\xff</annotation>", "not_xml"),
        (BOMB, "not_xml"),
        (THIEF, "not_xml"),
        ("<other/>", "not_voc"),
        ("<annotation/>", "not_voc"),
        (b"", "empty_file"),
        (xml(filename="gone.png"), "missing_file"),
        (xml(filename="../Annotations/a.xml"), "unsafe_path"),
        (xml(filename="/etc/passwd"), "missing_file"),
    ],
)
def test_a_bad_file_is_refused_whole(tree, card, read, content, reason):
    card = card.model_copy(update={"params": {"missing": "none"}})
    samples, refusals = read(tree({"JPEGImages/a.png": None, "Annotations/a.xml": content}), card)
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("a", reason, False)]
    assert not samples  # its annotation is lost: it is neither unmarked nor empty


def test_pictures_without_xml(tree, card, read):
    root = tree({"JPEGImages/a.png": None, "Annotations/b.xml": xml(filename="b"), "JPEGImages/b.png": None})
    samples, refusals = read(root, card)
    assert [one.key for one in samples] == ["b"]  # the name lacked its suffix
    assert [(one.unit, one.reason) for one in refusals] == [("a", "missing_annotation")]
    none = card.model_copy(update={"params": {"missing": "none"}})
    samples, refusals = read(root, none)
    assert [(one.key, one.complete_regions) for one in samples] == [
        ("b", ("cell", "platelet")), ("a", ("cell", "platelet")),
    ]  # fmt: skip


def test_the_picture_can_be_named_by_the_xml_file(tree, card, read):
    root = tree({"JPEGImages/a.png": None, "Annotations/a.xml": xml(filename="renamed.jpg")})
    assert read(root, card)[1][0].reason == "missing_file"
    named = card.model_copy(update={"params": {"name_from": "file"}})
    samples, refusals = read(root, named)
    assert (samples[0].media[0].files, refusals) == (("JPEGImages/a.png",), [])


def test_xml_beside_pictures_in_folders(tree, make_card, read):
    root = tree({"train/a.png": None, "train/a.xml": xml(), "test/a.png": None, "test/a.xml": xml(filename="a")})
    split = {"folders": {"train": "train", "test": "test"}}
    samples, refusals = read(root, make_card("pascal_voc", {"annotations": "", "pictures": ""}, split=split))
    assert [(one.key, one.split, one.media[0].files) for one in samples] == [
        ("test/a", "test", ("test/a.png",)), ("train/a", "train", ("train/a.png",)),
    ]  # fmt: skip
    assert not refusals


def test_xml_in_folders_and_pictures_in_one(tree, card, read):
    samples, refusals = read(tree({"JPEGImages/a.png": None, "Annotations/x/a.xml": xml()}), card)
    assert ([(one.key, one.media[0].files) for one in samples], refusals) == ([("x/a", ("JPEGImages/a.png",))], [])


def test_two_files_for_one_picture(tree, card, read):
    root = tree({"JPEGImages/a.png": None, "Annotations/a.xml": xml(), "Annotations/b.xml": xml()})
    samples, refusals = read(root, card)
    assert ([one.key for one in samples], [(one.unit, one.reason) for one in refusals]) == (
        ["a"], [("b", "duplicate_key")],
    )  # fmt: skip


def test_published_split_by_files_of_names(tree, make_card, read):
    root = tree({
        "JPEGImages/a.png": None, "JPEGImages/b.png": None, "JPEGImages/c.png": None,
        "Annotations/a.xml": xml(), "Annotations/b.xml": xml(filename="b.png"),
        "Annotations/c.xml": xml(filename="c.png"),
        "Main/train.txt": "a\r\n\r\n", "Main/test.txt": "b.png\n", "Main/val.txt": b"",
    })  # fmt: skip
    split = {"files": {"Main/train.txt": "train", "Main/test.txt": "test", "Main/val.txt": "validation"}}
    samples, refusals = read(root, make_card("pascal_voc", split=split))
    assert ([one.split for one in samples], refusals) == (["train", "test", None], [])
    (root / "Main/test.txt").unlink()
    samples, refusals = read(root, make_card("pascal_voc", split=split))
    assert (samples, [(one.unit, one.reason) for one in refusals]) == ([], [("Main/test.txt", "missing_file")])
    (root / "Main/test.txt").write_text("a\n")
    assert read(root, make_card("pascal_voc", split=split))[1][0].reason == "split_overlap"


def test_without_a_stated_size_the_picture_s_own_counts_and_an_object_counts_once(tree, card, read):
    objects = [("cell", 1, 1, 40.4, 9), ("cell", 1, 1, 40.4, 9), ("platelet", 1, 1, 45, 9)]
    root = tree({"JPEGImages/a.png": None, "Annotations/a.xml": xml(*objects, size=None)})
    samples, refusals = read(root, card)
    assert [region.box for region in samples[0].regions] == [(0, 0, 40, 9)]
    assert [one.reason for one in refusals] == ["duplicate_region", "box_outside"]
    assert samples[0].complete_regions == ("cell",)
