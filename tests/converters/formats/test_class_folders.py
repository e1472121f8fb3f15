import os
import time
from pathlib import Path


def test_split_and_class_come_from_the_folders(tree, make_card, read):
    root = tree({"train/benign/b.png": None, "train/benign/deep/c.jpg": None, "test/malignant/a.PNG": None})
    card = make_card(
        "class_folders",
        split={"folders": {"train": "train", "test": "test"}},
        labels={"benign": "benign_lesion", "malignant": "malignant_lesion"},
        exhaustive={"labels": True},
    )
    samples, refusals = read(root, card)
    assert not refusals
    assert [(one.key, one.split, [label.name for label in one.labels]) for one in samples] == [
        ("test/malignant/a.PNG", "test", ["malignant"]),
        ("train/benign/b.png", "train", ["benign"]),
        ("train/benign/deep/c.jpg", "train", ["benign"]),
    ]
    assert samples[0].complete_labels == ("benign", "malignant")
    assert samples[0].labels[0].pointer == "test/malignant/"


def test_a_class_of_null_is_unlabelled_and_claims_nothing(tree, make_card, read):
    root = tree({"todo/a.png": None, "sick/b.png": None})
    card = make_card("class_folders", labels={"todo": None, "sick": "sick"}, exhaustive={"labels": True})
    samples, refusals = read(root, card)
    assert [(one.key, one.labels, one.complete_labels) for one in samples if "todo" in one.key] == [
        ("todo/a.png", (), ())
    ]
    assert not refusals
    assert samples[0].complete_labels == ("sick",)


def test_one_level_of_null_leaves_the_picture_unlabelled(tree, make_card, read):
    root = tree({"hand/ungraded/a.png": None, "hand/positive/b.png": None})
    labels = {"hand": "hand", "positive": "fracture", "ungraded": None}
    samples, _ = read(root, make_card("class_folders", {"levels": [0, 1]}, labels=labels, exhaustive={"labels": True}))
    assert [([label.name for label in one.labels], one.complete_labels) for one in samples] == [
        (["hand", "positive"], ("hand", "positive")), (["hand"], ()),
    ]  # fmt: skip


def test_several_levels_are_several_labels_or_one(tree, make_card, read):
    root = tree({"data/lung/adeno/x/1.png": None})
    params = {"folder": "data", "levels": [0, 1]}
    samples, _ = read(root, make_card("class_folders", params))
    assert [label.name for label in samples[0].labels] == ["lung", "adeno"]
    samples, _ = read(root, make_card("class_folders", {**params, "join": "/"}))
    assert [label.name for label in samples[0].labels] == ["lung/adeno"]
    samples, _ = read(root, make_card("class_folders", {"levels": [-1]}))
    assert [label.name for label in samples[0].labels] == ["x"]


def test_a_dot_is_the_root(tree, make_card, read):
    root = tree({"data/lung/1.png": None})
    for folder in (".", "./data"):
        samples, _ = read(root, make_card("class_folders", {"folder": folder, "levels": [-1]}))
        assert [(one.key, one.labels[0].name) for one in samples] == [("data/lung/1.png", "lung")]


def test_pictures_without_classes_need_no_folder(tree, make_card, read):
    root = tree({"a.png": None})
    samples, refusals = read(root, make_card("class_folders", {"levels": []}))
    assert [one.key for one in samples] == ["a.png"]
    samples, refusals = read(root, make_card("class_folders"))
    assert not samples
    assert [(one.unit, one.reason) for one in refusals] == [("a.png", "no_class_folder")]


def test_patients_are_found_in_the_path_or_refused(tree, make_card, read):
    root = tree({"a/p01_1.png": None, "a/other.png": None})
    samples, refusals = read(root, make_card("class_folders", patient={"match": r"/(p\d+)_"}))
    assert [(one.key, one.patient) for one in samples] == [("a/p01_1.png", "p01")]
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("a/other.png", "no_patient", False)]


def test_bad_files_are_refused_one_by_one(tree, make_card, read, tmp_path):
    root = tree({"a/good.png": None, "a/empty.png": b"", "a/notes.txt": "x", "a/.hidden.png": None})
    (tmp_path / "secret.png").write_bytes(b"x")
    (root / "a/link.png").symlink_to(tmp_path / "secret.png")
    (root / "a/inner.png").symlink_to(root / "a/good.png")
    (root / "a/out").symlink_to(tmp_path)
    (root / "a/loop").symlink_to(root)
    Path(os.fsdecode(os.fsencode(root) + b"/a/caf\xe9.png")).write_bytes(b"x")
    samples, refusals = read(root, make_card("class_folders"))
    assert [one.key for one in samples] == ["a/good.png", "a/inner.png"]
    assert [(one.unit, one.reason) for one in refusals] == [
        ("a/caf\\udce9.png", "unsafe_path"), ("a/empty.png", "empty_file"), ("a/link.png", "unsafe_path"),
    ]  # fmt: skip


def test_a_missing_folder_is_a_refusal(tmp_path, make_card, read):
    samples, refusals = read(tmp_path, make_card("class_folders", {"folder": "images"}))
    assert (samples, [(one.unit, one.reason) for one in refusals]) == ([], [("images", "missing_folder")])
    _, refusals = read(tmp_path, make_card("class_folders", {"folder": "../"}))
    assert [one.reason for one in refusals] == ["unsafe_path"]


def test_listing_streams_and_decodes_nothing(tmp_path, make_card):
    from medloom.converters.registry import load_converter

    for number in range(10):
        folder = tmp_path / f"class{number}"
        folder.mkdir()
        for picture in range(300):
            (folder / f"{picture}.jpg").write_bytes(b"not a picture")
    found = load_converter("class_folders").samples(tmp_path, make_card("class_folders"))
    started = time.process_time()
    assert next(found).key == "class0/0.jpg"
    assert sum(1 for _ in found) == 2999
    assert time.process_time() - started < 1.0  # 50,000 take a third of a second


def test_gives(make_card):
    from medloom.converters.registry import load_converter

    gives = load_converter("class_folders").gives
    assert gives(make_card("class_folders")) == {"labels"}
    two = {"a": "a", "b": "b"}
    assert gives(make_card("class_folders", labels=two, exhaustive={"labels": True})) == {"labels", "absent_labels"}
    assert gives(make_card("class_folders", {"levels": []})) == frozenset()


def test_files_that_are_no_pictures_can_be_left_out(tree, make_card, read):
    root = tree({"benign/a.png": None, "benign/a_mask.png": None, "benign/a_mask_1.png": None})
    samples, refusals = read(
        root, make_card("class_folders", {"pictures": r"(?!.*_mask).+"}, labels={"benign": "cyst"})
    )
    assert ([one.key for one in samples], refusals) == (["benign/a.png"], [])
