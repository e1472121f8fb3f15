import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask


def index(annotations, images=None, categories=None):
    return json.dumps({
        "images": images or [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
        "annotations": annotations,
        "categories": categories or [{"id": 7, "name": "nodule"}, {"id": 0, "name": "mass"}],
    })  # fmt: skip


@pytest.fixture
def card(make_card):
    return make_card(
        "coco", {"annotations": ["boxes.json"], "picture": "images/{file_name}"},
        labels={"nodule": "nodule", "mass": "mass", "other part's": "else"}, exhaustive={"regions": True},
    )  # fmt: skip


def test_boxes_become_half_open_corners(tree, card, read):
    content = index([{"id": 5, "image_id": 1, "category_id": 7, "bbox": [2, 3, 10.5, 4]}])
    samples, refusals = read(tree({"images/a.png": None, "boxes.json": content}), card)
    assert not refusals
    region = samples[0].regions[0]
    assert (region.kind, region.name, region.box, region.instance) == ("box", "nodule", (2, 3, 12.5, 7), True)
    assert region.pointer == "boxes.json#annotation=5"
    assert samples[0].media[0].size == (40, 30)
    assert samples[0].complete_regions == ("nodule", "mass")  # not what this file can't mark


def test_a_picture_without_annotations_has_none_and_says_so(tree, card, read):
    samples, _ = read(tree({"images/a.png": None, "boxes.json": index([])}), card)
    assert (samples[0].regions, samples[0].complete_regions) == ((), ("nodule", "mass"))


def test_segmentations_win_over_boxes(tree, card, read):
    mask = np.zeros((30, 40), np.uint8)
    mask[5:9, 10:14] = 1
    packed = coco_mask.encode(np.asfortranarray(mask))["counts"].decode()
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate(([-1], mask.ravel("F"), [-1]))))).tolist()
    common = {"image_id": 1, "category_id": 0, "bbox": [10, 5, 4, 4]}
    content = index([
        {**common, "id": 1, "segmentation": [[10, 5, 14, 5, 14, 9], [20, 20, 25, 20, 25, 25]]},
        {**common, "id": 2, "segmentation": {"size": [30, 40], "counts": packed}},
        {**common, "id": 3, "category_id": 7, "segmentation": {"size": [30, 40], "counts": runs}},
    ])  # fmt: skip
    samples, refusals = read(tree({"images/a.png": None, "boxes.json": content}), card)
    assert not refusals
    polygon, compressed, plain = samples[0].regions
    assert polygon.polygons == ((10, 5, 14, 5, 14, 9), (20, 20, 25, 20, 25, 25))
    assert compressed.rle == plain.rle
    decoded = coco_mask.decode({"size": list(plain.rle.size), "counts": plain.rle.counts})
    assert np.array_equal(decoded, mask)


def test_an_empty_segmentation_is_none(tree, card, read):
    content = index([{"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 1, 5, 5], "segmentation": [[]]}])
    samples, _ = read(tree({"images/a.png": None, "boxes.json": content}), card)
    assert [region.kind for region in samples[0].regions] == ["box"]


def test_pictures_can_be_searched_by_name(tree, make_card, read):
    content = index([], [{"id": 1, "file_name": "old/place/a.png"}, {"id": 2, "file_name": "gone.png"}])
    params = {"annotations": ["boxes.json"], "search": "images"}
    samples, refusals = read(tree({"images/x/a.png": None, "boxes.json": content}), make_card("coco", params))
    assert ([one.key for one in samples], [one.reason for one in refusals]) == (["images/x/a.png"], ["missing_file"])


def test_a_crowd_is_kept_but_not_complete(tree, card, make_card, read):
    rle = {"size": [30, 40], "counts": [0, 1200]}
    content = index([{"id": 1, "image_id": 1, "category_id": 7, "iscrowd": 1, "segmentation": rle}])
    root = tree({"images/a.png": None, "boxes.json": content})
    samples, _ = read(root, card)
    assert (samples[0].regions[0].instance, samples[0].complete_regions) == (False, ("mass",))
    objects = card.model_copy(update={"params": {**card.params, "crowd": "object"}})
    samples, _ = read(root, objects)
    assert (samples[0].regions[0].instance, samples[0].complete_regions) == (True, ("nodule", "mass"))


@pytest.mark.parametrize(
    ("entry", "reason", "complete"),
    [
        ({"bbox": [2, 3, 0, 4]}, "box_degenerate", ("mass",)),
        ({"bbox": [2, 3, -5, 4]}, "box_degenerate", ("mass",)),
        ({"bbox": [30, 3, 12, 4]}, "box_outside", ("mass",)),
        ({"bbox": [2, 3, 4]}, "bad_annotation", ("mass",)),
        ({"bbox": None}, "bad_annotation", ("mass",)),
        ({"bbox": ["2", "3", "4", "5"]}, "bad_annotation", ("mass",)),
        ({"segmentation": [[1, 1, 2]]}, "bad_annotation", ("mass",)),
        ({"segmentation": [[1, 1, 90, 1, 90, 20]]}, "box_outside", ("mass",)),
        ({"segmentation": {"size": [40, 30], "counts": [0, 1200]}}, "grid_mismatch", ("mass",)),
        ({"segmentation": {"size": [30, 40], "counts": [0, 12]}}, "bad_annotation", ("mass",)),
        ({"bbox": [1, 1, 2, 2], "category_id": 99}, "unknown_category", ()),
    ],
)
def test_a_bad_annotation_is_refused_alone(tree, card, read, entry, reason, complete):
    good = {"id": 1, "image_id": 1, "category_id": 0, "bbox": [1, 1, 5, 5]}
    content = index([good, {"id": 2, "image_id": 1, "category_id": 7, **entry}])
    samples, refusals = read(tree({"images/a.png": None, "boxes.json": content}), card)
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("images/a.png#annotation=2", reason, True)]
    assert [region.name for region in samples[0].regions] == ["mass"]
    assert samples[0].complete_regions == complete


def test_one_pixel_over_the_edge_is_clipped(tree, card, read):
    content = index([{"id": 1, "image_id": 1, "category_id": 7, "bbox": [-1, 0, 42, 30.5]}])
    samples, refusals = read(tree({"images/a.png": None, "boxes.json": content}), card)
    assert (samples[0].regions[0].box, refusals) == ((0, 0, 40, 30), [])


def test_pictures_and_ids_that_are_wrong(tree, card, read):
    images = [
        {"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "gone.png"}, {"id": 3, "file_name": "../x.png"},
        {"id": 4, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}, {"id": 5},
        {"id": 6, "file_name": "empty.png"},
    ]  # fmt: skip
    box = {"category_id": 7, "bbox": [1, 1, 5, 5]}
    content = index(
        [{**box, "id": 1, "image_id": 1}, {**box, "id": 1, "image_id": 1}, {**box, "id": 2, "image_id": 9}], images
    )
    root = tree(
        {"images/a.png": None, "images/b.png": None, "images/empty.png": b"", "boxes.json": content, "x.png": None}
    )
    samples, refusals = read(root, card)
    assert [(one.key, len(one.regions), one.media[0].size) for one in samples] == [("images/a.png", 1, None)]
    assert [(one.unit.partition("#")[2], one.reason) for one in refusals] == [
        ("image=1", "duplicate_key"), ("annotation=2", "missing_picture"), ("annotation=1", "duplicate_key"),
        ("image=2", "missing_file"), ("image=3", "unsafe_path"), ("image=4", "duplicate_key"), ("image=5", "not_coco"),
        ("image=6", "empty_file"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not_json"),
        ("[]", "not_coco"),
        (b'{"images": [{"id": 1, "file_name": "\xff"}]}', "not_json"),
        ('{"images": 3}', "not_coco"),
        ('{"images": [{"id": null}], "categories": []}', "not_coco"),
        ('{"images": [], "categories": [{"id": 1}]}', "not_coco"),
        ('{"images": [], "categories": [], "annotations": [{"image_id": [1]}]}', "not_coco"),
        ("[" * 100_000, "not_json"),
        ("", "empty_file"),
        (None, "missing_file"),
    ],
)
def test_an_index_that_is_none_is_one_refusal(tree, card, read, content, reason):
    files = {"images/a.png": None} | ({} if content is None else {"boxes.json": content})
    samples, refusals = read(tree(files), card)
    assert (samples, [(one.unit, one.reason) for one in refusals]) == ([], [("boxes.json", reason)])


def test_an_index_for_each_split(tree, make_card, read):
    files = {
        "images/a.png": None, "images/b.png": None, "train.json": index([], [{"id": 1, "file_name": "a.png"}]),
        "val.json": index([], [{"id": 1, "file_name": "b.png"}]),
    }  # fmt: skip
    params = {"annotations": ["train.json", "val.json"], "picture": "images/{file_name}"}
    card = make_card("coco", params, split={"files": {"train.json": "train", "val.json": "validation"}})
    samples, refusals = read(tree(files), card)
    assert ([one.split for one in samples], refusals) == (["train", "validation"], [])


def test_annotations_need_no_id_and_pictures_no_size(tree, card, read):
    one = {"image_id": 1, "category_id": 7}
    boxes = [[2, 3, 38.4, 4], [2, 3, 10, 4], [2, 3, 10, 4], [2, 3, 50, 4]]
    content = index([{**one, "bbox": box} for box in boxes], [{"id": 1, "file_name": "a.png"}])
    samples, refusals = read(tree({"images/a.png": None, "boxes.json": content}), card)
    assert [(region.pointer, region.box) for region in samples[0].regions] == [
        ("boxes.json#annotations/0", (2, 3, 40, 7)), ("boxes.json#annotations/1", (2, 3, 12, 7)),
    ]  # fmt: skip
    assert [(one.unit, one.reason) for one in refusals] == [
        ("images/a.png#annotations/2", "duplicate_region"), ("images/a.png#annotations/3", "box_outside"),
    ]  # fmt: skip


def test_one_of_several_lists_of_categories_can_be_named(tree, make_card, read):
    content = json.loads(
        index([{"id": 5, "image_id": 1, "category_id_1": 0, "category_id_3": 1, "bbox": [2, 3, 4, 4]}])
    )
    del content["categories"]
    content |= {"categories_1": [{"id": 0, "name": "2"}], "categories_3": [{"id": 1, "name": "Caries"}]}
    params = {"annotations": ["t.json"], "categories": "categories_3", "category_id": "category_id_3"}
    root = tree({"a.png": None, "t.json": json.dumps(content)})
    samples, refusals = read(root, make_card("coco", params, labels={"Caries": "caries"}))
    assert ([region.name for region in samples[0].regions], refusals) == (["Caries"], [])
