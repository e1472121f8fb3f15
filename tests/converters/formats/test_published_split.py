import pytest


def yolo(tree, make_card, files, split):
    pictures = {f"images/{stem}.png": None for stem in "abc"}
    texts = {f"labels/{stem}.txt": "" for stem in "abc"}
    root = tree({**pictures, **texts, "images/lists.md": "x", **files})
    return root, make_card("yolo", {"names": {0: "a"}}, split={"files": split})


def test_another_path_counts_by_its_name_where_it_is_the_only_one(tree, make_card, read):
    lists = {"train.txt": "data/obj/a.png\nother/c.png\nmore/c.png\n", "test.txt": "data/obj/b.jpg\n"}
    root, card = yolo(tree, make_card, lists, {"train.txt": "train", "test.txt": "test"})
    samples, refusals = read(root, card)
    assert [one.split for one in samples] == ["train", "test", None]
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("train.txt", "unmatched_split", True)]
    assert "2 of 3 lines" in refusals[0].detail


def test_a_line_of_a_file_that_is_there_means_no_other(tree, make_card, read):
    root, card = yolo(tree, make_card, {"t.txt": "else/a.png\n", "else/a.png": None}, {"t.txt": "test"})
    samples, refusals = read(root, card)
    assert ({one.split for one in samples}, [one.part for one in refusals]) == ({None}, [False])


@pytest.mark.parametrize("content", ["z.png\n", '{"train": [0, 1], "val": [2]}'])
def test_a_file_of_which_no_line_matches_loses_the_split(tree, make_card, read, content):
    root, card = yolo(tree, make_card, {"train.txt": "a\n", "fold": content}, {"train.txt": "train", "fold": "test"})
    samples, refusals = read(root, card)
    assert [one.split for one in samples] == ["train", None, None]
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("fold", "unmatched_split", False)]
    assert "1 of 1 lines" in refusals[0].detail


def test_a_file_of_pictures_that_are_not_there_is_told_and_no_more(tree, make_card, read):
    lists = {"train.txt": "a\nb\nc\n", "test.txt": "y.png\nz.png\n"}
    root, card = yolo(tree, make_card, lists, {"train.txt": "train", "test.txt": "test"})
    samples, refusals = read(root, card)
    assert {one.split for one in samples} == {"train"}
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("test.txt", "unmatched_split", True)]
