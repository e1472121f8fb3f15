import json

import pytest
from pydantic import ValidationError

from medloom.converters.registry import load_converter

TABLE = "file,finding,patient,licence\na.png,sick,p1,CC BY 4.0\nb.png,well,p2,mine\nc.png,sick,p3,CC BY 4.0\n"
BOXES = {
    "categories": [{"id": 1, "name": "lung"}],
    "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}, {"id": 2, "file_name": "d.png"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]},
        {"id": 2, "image_id": 2, "category_id": 1, "bbox": [1, 1, 5, 5]},
    ],
}


@pytest.fixture
def params():
    return {
        "base": {
            "converter": "csv_labels",
            "params": {
                "tables": ["t.csv"], "picture": "{file}", "columns": ["finding"], "facts": {"licence": "licence"},
            },
            "exhaustive": {},
        },
        "add": [
            {"converter": "coco", "params": {"annotations": ["boxes.json"]}, "names": ["lung"]},
            {
                "converter": "mask_pairs", "names": ["heart"],
                "params": {"pictures": r"(?P<id>[^/]+)\.png", "masks": [
                    {"file": "m/{id}.png", "name": "heart", "missing": "unmarked"}]},
            },
        ],
    }  # fmt: skip


@pytest.fixture
def card(make_card, params):
    return make_card(
        "joined", params, patient={"column": "patient"}, licences={"CC BY 4.0": "CC-BY-4.0"},
        exhaustive={"regions": True},
        labels={"sick": "sick", "well": "well", "lung": "lung", "heart": "heart"},
    )  # fmt: skip


@pytest.fixture
def root(tree):
    pictures = {f"{name}.png": None for name in "abcd"}
    return tree({"t.csv": TABLE, "boxes.json": json.dumps(BOXES), "m/a.png": None, **pictures})


def test_parts_meet_at_the_picture(root, card, read):
    samples, refusals = read(root, card)
    first, last = samples
    assert (first.key, first.patient, first.licence, first.media[0].size) == ("a.png", "p1", "CC-BY-4.0", (40, 30))
    assert ([label.name for label in first.labels], first.complete_labels) == (["sick"], ())
    assert [(region.kind, region.name) for region in first.regions] == [("box", "lung"), ("mask", "heart")]
    assert first.complete_regions == ("lung", "heart")
    assert (last.key, last.regions, last.complete_regions, last.media[0].size) == ("c.png", (), (), None)
    assert [(one.unit, one.reason, one.part) for one in refusals] == [
        ("b.png", "licence_unknown", False), ("coco:d.png", "not_in_base", True),
    ]  # fmt: skip


def test_parts_that_saw_pictures_of_other_sizes_are_not_joined(root, card, params, make_card, read):
    table = "file,name,a,b,c,d,w,h\na.png,sick,1,1,5,5,400,300\n"
    (root / "sizes.csv").write_text(table)
    sizes = {"tables": ["sizes.csv"], "picture": "{file}", "box": list("abcd"), "label": "name", "size": ["w", "h"]}
    params["add"].append({"converter": "csv_boxes", "params": sizes})
    samples, refusals = read(root, card.model_copy(update={"params": params}))
    assert ("a.png#joined", "size_mismatch", True) in [(one.unit, one.reason, one.part) for one in refusals]
    assert (samples[0].regions, [label.name for label in samples[0].labels]) == ((), ["sick"])


def test_labels_on_which_parts_disagree_are_uncertain(tree, make_card, read):
    root = tree({"a.png": None, "one.csv": "f,x\na.png,1\n", "two.csv": "f,x\na.png,0\n"})
    parts = [
        {"converter": "csv_labels", "params": {"tables": [table], "picture": "{f}", "one_hot": ["x"]}}
        for table in ("one.csv", "two.csv")
    ]
    samples, _ = read(root, make_card("joined", {"base": parts[0], "add": parts[1:]}, labels={"x": "x"}))
    assert [(label.name, label.polarity, label.pointer) for label in samples[0].labels] == [
        ("x", "uncertain", "one.csv#row=0,column=x")
    ]


def test_gives_what_its_parts_give(card):
    assert load_converter("joined").gives(card) == {"labels", "boxes", "masks"}


@pytest.mark.parametrize(
    "part", [{"converter": "no_such"}, {"converter": "coco"}, {"converter": "coco", "params": {"x": 1}}]
)
def test_parts_are_checked_with_the_card(params, part):
    params["add"] = [part]
    with pytest.raises(ValidationError):
        load_converter("joined").Params.model_validate(params)
