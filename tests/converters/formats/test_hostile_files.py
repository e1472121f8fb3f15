"""Whatever stands in an annotation file, a converter yields Samples and Refusals that can be written down."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medloom.converters.registry import load_converter
from medloom.schemas.card import SourceCard

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 99)
    | st.floats()
    | st.sampled_from(["a.png", "", "..", "1", "é", "\ud800"])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "0", "a"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def entries(*keys):
    return anything | st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, anything)) | anything, max_size=4)


COCO = st.fixed_dictionaries({}, optional={
    "images": entries("id", "file_name", "width", "height"),
    "annotations": entries("id", "image_id", "category_id", "bbox", "segmentation", "iscrowd"),
    "categories": entries("id", "name"),
})  # fmt: skip
NAMES = st.dictionaries(st.sampled_from(["0", "1", "spleen"]), anything, max_size=3)
MSD = st.fixed_dictionaries({"labels": NAMES}, optional={
    "modality": anything, "channel_names": anything, "training": entries("image", "label"), "test": entries("image"),
    "file_ending": anything,
})  # fmt: skip
CORNERS = "".join(f"<{tag}>{{}}</{tag}>" for tag in ("xmin", "ymin", "xmax", "ymax"))
XML = st.text("<>/&;a \0é", max_size=30) | st.tuples(*[anything.map(str)] * 5).map(
    lambda parts: (
        f"<annotation><filename>{parts[0]}</filename><object><name>x</name><bndbox>{CORNERS.format(*parts[1:])}"
        "</bndbox></object></annotation>"
    )
)
WORDS = st.lists(
    st.lists(st.sampled_from(["0", "1", "0.5", "-1", "nan", "1e999", "x", "9" * 5000]), max_size=9), max_size=4
)
CELLS = st.lists(
    st.lists(st.sampled_from(['"', "a.png", "1", "nan", "-1e400", "", "\0", "é", "../x", "\r"]), max_size=7), max_size=5
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    for folder in ("images", "labels", "JPEGImages", "Annotations", "imagesTr", "labelsTr"):
        (root / folder).mkdir()
    picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x28\0\0\0\x1e\x08\0\0\0\0\0\0\0\0"
    for file in ("a.png", "images/a.png", "JPEGImages/a.png", "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"):
        (root / file).write_bytes(picture)
    return root


def survives(root, converter, params):
    card = SourceCard.model_validate({
        "source": "hostile", "title": "", "licence": "CC0-1.0", "citation": "", "modality": "xray",
        "verified": "layout", "converter": converter, "params": params, "labels": {"x": "x", "spleen": "spleen"},
        "patient": "one per case", "exhaustive": {"labels": True, "regions": True},
    })  # fmt: skip
    for item in load_converter(converter).samples(root, card):
        msgspec.json.encode(item)


quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(COCO | anything)
def test_coco(root, content):
    (root / "coco.json").write_text(json.dumps(content))
    survives(root, "coco", {"annotations": ["coco.json"]})


@quick
@given(MSD | anything)
def test_msd(root, content):
    (root / "dataset.json").write_text(json.dumps(content))
    survives(root, "msd", {})


@quick
@given(XML)
def test_pascal_voc(root, content):
    (root / "Annotations/a.xml").write_bytes(content.encode("utf-8", "surrogatepass"))
    survives(root, "pascal_voc", {})


@quick
@given(WORDS, anything)
def test_yolo(root, lines, names):
    (root / "labels/a.txt").write_text("\n".join(" ".join(words) for words in lines))
    survives(root, "yolo", {"names": {0: "x"}})
    (root / "data.yaml").write_text(json.dumps({"names": names}))
    survives(root, "yolo", {})


@quick
@given(CELLS, st.binary(max_size=20))
def test_tables(root, rows, tail):
    text = "file,x,a,b,c,d,e\n" + "\n".join(",".join(row) for row in rows)
    (root / "t.csv").write_bytes(text.encode() + tail)
    common = {"tables": ["t.csv"], "picture": "{file}"}
    facts = {"acquisition": {"age_years": "a", "sex": "b"}, "visit": {"column": "c"}, "spacing_mm": ["d"]}
    survives(root, "csv_labels", {**common, "one_hot": ["x"], "facts": facts, "merge_rows": True})
    survives(root, "csv_boxes", {**common, "box": list("abcd"), "label": "x", "size": ["d", "e"]})
    survives(root, "csv_boxes", {**common, "box": list("abcd"), "label": "x", "normalised": True, "form": "cxcywh"})
