import json

import highdicom as hd
import pytest
from pydantic import ValidationError
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from medloom.converters.registry import load_converter
from medloom.synthesis.facts import Naming, stated_labels

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


def test_events_are_joined_and_those_without_a_clip_in_the_base_are_refused(tree, make_card, read):
    tools = "Frame\tGrasper\n0\t1\n1\t1\n"
    root = tree({"v1.mp4": b"x", "v2.mp4": b"x", "v1.txt": tools, "v2.txt": tools, "t.csv": "v,lap\nv1.mp4,1\n"})
    labels = {"converter": "clips", "params": {"tables": ["t.csv"], "picture": "{v}", "one_hot": ["lap"]}}
    marks = [{"file": "{name}.txt", "rate": 1, "columns": ["Grasper"], "kind": "tool"}]
    events = {"converter": "clip_files", "params": {"clips": r"(?P<name>v\d)\.mp4", "marks": marks}}
    samples, refusals = read(root, make_card("joined", {"base": labels, "add": [events]}, labels={"lap": "lap"}))
    assert [[(event.name, event.end_s) for event in one.events] for one in samples] == [[("Grasper", 2)]]
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("clip_files:v2.mp4", "not_in_base", True)]


def test_maps_of_points_without_a_volume_in_the_base_are_refused(tree, make_card, read):
    root = tree(dict.fromkeys(("a/t2.nii", "a/discs.nii", "b/t2.nii", "b/discs.nii")))

    def part(clips, **contrast):
        return {"converter": "nifti_pairs", "params": {"volumes": rf"(?P<id>{clips})/t2\.nii", "contrasts": [contrast]}}

    points = part(".", points=[{"file": "{id}/discs.nii", "names": {3: "C3"}}])
    samples, refusals = read(root, make_card("joined", {"base": part("a"), "add": [points]}, labels={"C3": "c3"}))
    assert [[points.file for points in one.landmark_maps] for one in samples] == [["a/discs.nii"]]
    assert [(one.unit, one.reason, one.part) for one in refusals] == [("nifti_pairs:b/t2.nii", "not_in_base", True)]


def test_measurements_are_joined_and_those_without_a_series_in_the_base_are_refused(tmp_path, scanner, make_card, read):
    for name in "ab":
        report_of(scanner.series(tmp_path / name, [0.0, 2.0], name), scanner).save_as(tmp_path / f"{name}.dcm")

    def part(**params):
        return {"converter": "dicom_series", "params": {"states": [], "least": 1, **params}}

    joined = {"base": part(folder="a"), "add": [part(measurements=True)]}
    samples, refusals = read(tmp_path, make_card("joined", joined, modality="ct"))
    assert [[(one.name, one.value) for one in each.measured] for each in samples] == [[("Diameter", 9.5)]]
    assert [(one.reason, one.part) for one in refusals] == [("not_in_base", True)]


def report_of(images, scanner):
    """A report of one diameter, measured on the first of the images."""
    nodule = Code("27925004", "SCT", "Nodule")
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        hd.sr.TrackingIdentifier(scanner.uid("n"), "nodule"),
        finding_type=nodule,
        measurements=[hd.sr.Measurement(name=codes.SCT.Diameter, value=9.5, unit=codes.UCUM.Millimeter)],
        source_images=[hd.sr.SourceImageForMeasurementGroup(images[0].SOPClassUID, images[0].SOPInstanceUID)],
    )
    person = hd.sr.PersonObserverIdentifyingAttributes(name="Reader^Some")
    content = hd.sr.MeasurementReport(
        hd.sr.ObservationContext(hd.sr.ObserverContext(codes.DCM.Person, person)),
        codes.LN.CTUnspecifiedBodyRegion, [group],
    )  # fmt: skip
    uids = scanner.uid("sr"), 3, scanner.uid("sr", images[0].SeriesInstanceUID)
    return hd.sr.ComprehensiveSR(images, content, *uids, 1, "us")


def test_a_picture_that_the_base_refuses_is_refused_once(tree, make_card, read):
    root = tree({"a.png": None, "b.png": None, "t.csv": "f,x,p\na.png,1,\n", "u.csv": "f,x\na.png,1\nb.png,1\n"})
    parts = [
        {"converter": "csv_labels", "params": {"tables": [table], "picture": "{f}", "one_hot": ["x"]}}
        for table in ("t.csv", "u.csv")
    ]
    fields = {"labels": {"x": "x"}, "patient": {"column": "p"}}
    samples, refusals = read(root, make_card("joined", {"base": parts[0], "add": parts[1:]}, **fields))
    assert (samples, [(one.unit, one.reason) for one in refusals]) == (
        [], [("a.png", "no_patient"), ("csv_labels:b.png", "not_in_base")],
    )  # fmt: skip


@pytest.mark.parametrize("names", [["opac"], None])
def test_a_part_may_have_its_own_word_for_a_name(tree, make_card, read, names):
    boxes = "f,x,a,b,c,d\na.png,opac,1,1,5,5\nb.png,,,,,\n"
    root = tree({"t.csv": "f,x\na.png,Opacity\nb.png,None\n", "b.csv": boxes} | {
        f"{name}.png": None for name in "ab"
    })  # fmt: skip
    table = {"picture": "{f}", "tables": ["t.csv"], "columns": ["x"], "nothing": ["None"]}
    drawn = {"picture": "{f}", "tables": ["b.csv"], "box": list("abcd"), "label": "x"}
    part = {"converter": "csv_boxes", "params": drawn, "same": {"opac": "Opacity"}, "exhaustive": {"regions": True}}
    params = {"base": {"converter": "csv_labels", "params": table}, "add": [{**part, "names": names}]}
    card = make_card("joined", params, labels={"Opacity": "lung_opacity", "None": None})
    samples, _ = read(root, card)
    assert [([region.name for region in one.regions], one.complete_regions) for one in samples] == [
        (["Opacity"], ("Opacity",)), ([], ("Opacity",)),
    ]  # fmt: skip
    naming = Naming(card, "a")
    assert [naming.all_of(one.complete_regions) for one in samples] == [{"lung_opacity"}] * 2
    assert [stated_labels(one, naming)[0][0].polarity for one in samples] == ["present", "absent"]


def test_what_a_part_loses_under_its_own_word_is_not_complete(tree, make_card, read):
    root = tree({"a.png": None, "t.csv": "f,x\na.png,Opacity\n", "b.csv": "f,x,a,b,c,d\na.png,opac,1,1,x,5\n"})
    table = {"picture": "{f}", "tables": ["t.csv"], "columns": ["x"]}
    drawn = {"picture": "{f}", "tables": ["b.csv"], "box": list("abcd"), "label": "x"}
    part = {"converter": "csv_boxes", "params": drawn, "same": {"opac": "Opacity"}, "exhaustive": {"regions": True}}
    params = {"base": {"converter": "csv_labels", "params": table}, "add": [part]}
    samples, refusals = read(root, make_card("joined", params, labels={"Opacity": "lung_opacity"}))
    assert ([one.complete_regions for one in samples], [one.reason for one in refusals]) == ([()], ["bad_annotation"])


def test_gives_what_its_parts_give(card):
    assert load_converter("joined").gives(card) == {"labels", "boxes", "masks"}


@pytest.mark.parametrize(
    "part", [{"converter": "no_such"}, {"converter": "coco"}, {"converter": "coco", "params": {"x": 1}}]
)
def test_parts_are_checked_with_the_card(params, part):
    params["add"] = [part]
    with pytest.raises(ValidationError):
        load_converter("joined").Params.model_validate(params)
