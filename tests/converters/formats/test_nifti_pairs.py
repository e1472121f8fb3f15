import pytest
from pydantic import ValidationError

from medloom.converters.registry import load_converter


def test_volume_and_label_map(tree, make_card, read):
    root = tree({"imgs/p1_v2.nii.gz": None, "segs/p1_v2_seg.nii.gz": None, "segs/p9_v1_seg.nii.gz": None})
    params = {
        "volumes": r"imgs/(?P<sub>p\d+)_v(?P<visit>\d+)\.nii\.gz", "key": "{sub}/{visit}", "visit": "v{visit}",
        "day": "{visit}", "study": "{sub}-{visit}",
        "contrasts": [{"masks": [{"file": "segs/{sub}_v{visit}_seg.nii.gz", "names": {1: "liver", 2: "spleen"}}]}],
    }  # fmt: skip
    card = make_card(
        "nifti_pairs", params, patient={"match": r"(p\d+)_"}, labels={"liver": "liver", "spleen": None},
        exhaustive={"regions": True},
    )  # fmt: skip
    samples, refusals = read(root, card)
    one = samples[0]
    assert (one.key, one.patient, one.study, one.visit.key, one.visit.day) == ("p1/2", "p1", "p1-2", "v2", 2.0)
    assert (one.media[0].kind, one.media[0].files) == ("volume", ("imgs/p1_v2.nii.gz",))
    assert (one.regions[0].kind, [name.name for name in one.regions[0].names]) == ("label_map", ["liver", "spleen"])
    assert one.complete_regions == ("liver",)
    assert [(one.unit, one.reason) for one in refusals] == [("segs/p9_v1_seg.nii.gz", "missing_picture")]


def test_contrasts_of_one_subject(tree, make_card, read):
    root = tree({
        "t2/t2.nii.gz": None, "t2/cord.nii.gz": None, "t2/discs.nii.gz": None, "t1/t1.nii": None,
        "t1/cord.nii.gz": None, "t1/grey.nii.gz": None,
    })  # fmt: skip
    params = {"volumes": r"t2/t2\.nii\.gz", "key": "one", "contrasts": [
        {"key": "t2", "role": "T2w", "masks": [{"file": "t2/cord.nii.gz", "name": "cord"}],
         "points": [{"file": "t2/discs.nii.gz", "names": {3: "C3"}},
                    {"file": "t2/more", "names": {1: "x"}, "optional": True}]},
        {"key": "t1", "file": "t1/t1.nii", "role": "T1w", "frame": 2, "masks": [
            {"file": "t1/cord.nii.gz", "name": "cord"}, {"file": "t1/grey.nii.gz", "name": "grey"}]},
        {"key": "pd", "file": "pd/pd.nii.gz", "optional": True},
    ]}  # fmt: skip
    card = make_card(
        "nifti_pairs", params, patient="one per case", labels={"cord": "cord", "grey": "grey", "C3": "c3"},
        exhaustive={"regions": True},
    )  # fmt: skip
    samples, refusals = read(root, card)
    assert not refusals
    assert [(media.key, media.role, media.frame) for media in samples[0].media] == [
        ("t2", "T2w", None),
        ("t1", "T1w", 2),
    ]
    assert [(region.name, region.media) for region in samples[0].regions] == [
        ("cord", "t2"),
        ("cord", "t1"),
        ("grey", "t1"),
    ]
    assert [(points.file, points.media) for points in samples[0].landmark_maps] == [("t2/discs.nii.gz", "t2")]
    assert samples[0].complete_regions == ("cord",)  # grey matter was drawn on one contrast only
    assert load_converter("nifti_pairs").gives(card) == {
        "spacing", "masks", "boxes", "landmarks", "volumes", "contrasts",
    }  # fmt: skip


def test_what_is_missing_is_refused_and_the_rest_stays(tree, make_card, read):
    root = tree({"a.nii.gz": None, "b.nii.gz": b""})
    params = {"volumes": r"(?P<id>[ab])\.nii\.gz", "contrasts": [
        {"masks": [{"file": "{id}_seg.nii.gz", "name": "cord"}],
         "points": [{"file": "{id}_points.nii.gz", "names": {1: "x"}}]},
        {"key": "flair", "file": "{id}_flair.nii.gz"},
    ]}  # fmt: skip
    card = make_card("nifti_pairs", params, labels={"cord": "cord"}, exhaustive={"regions": True})
    samples, refusals = read(root, card)
    assert [(one.key, one.regions, one.complete_regions, len(one.media)) for one in samples] == [
        ("a.nii.gz", (), (), 1)
    ]
    assert [(one.unit, one.reason, one.part) for one in refusals] == [
        ("a.nii.gz#a_seg.nii.gz", "missing_file", True), ("a.nii.gz#a_points.nii.gz", "missing_file", True),
        ("a.nii.gz#a_flair.nii.gz", "missing_file", True), ("b.nii.gz", "missing_file", False),
    ]  # fmt: skip


def test_days_that_are_no_number(tree, make_card, read):
    params = {"volumes": r"(?P<id>.+)\.nii", "visit": "{id}", "day": "{id}"}
    _, refusals = read(tree({"x.nii": None}), make_card("nifti_pairs", params))
    assert [one.reason for one in refusals] == ["bad_visit"]


@pytest.mark.parametrize(
    "params",
    [
        {"volumes": "x", "contrasts": [{}, {}]},
        {"volumes": "x", "contrasts": [{"file": "{id}"}]},
        {"volumes": "x", "key": "{id}"},
        {"volumes": "x", "contrasts": [{"masks": [{"file": "m", "colours": {"a": [1, 2, 3]}}]}]},
    ],
)
def test_mistakes_of_the_card(params):
    with pytest.raises(ValidationError):
        load_converter("nifti_pairs").Params.model_validate(params)


def test_two_visits_with_what_changed(tree, make_card, read):
    root = tree({
        "p07/a.nii.gz": None, "p07/b.nii.gz": None, "p07/change.nii.gz": None, "p07/a.txt": None, "p07/b.txt": None,
        "p08/a.nii.gz": None, "p08/b.nii.gz": None, "p08/change.nii.gz": None, "p08/a.txt": None, "p08/b.txt": None,
        "people.csv": b"id,sex,age,days\n7,F,33,81\n",
    })  # fmt: skip
    params = {
        "volumes": r"p(?P<number>\d+)/b\.nii\.gz", "key": "{number}",
        "table": {
            "file": "people.csv", "by": "id", "row": "{number}", "columns": ["days"], "sex": "sex", "age_years": "age",
        },
        "contrasts": [
            {"key": "first", "file": "p{number}/a.nii.gz", "transform": "p{number}/a.txt", "onto": "second",
             "day": "0"},
            {"key": "second", "transform": "p{number}/b.txt", "day": "{days}", "masks": [
                {"file": "p{number}/change.nii.gz", "name": "lesion", "resample": True, "since": "first"}]},
        ],
    }  # fmt: skip
    card = make_card(
        "nifti_pairs", params, patient="one per case", labels={"lesion": "white_matter_lesion"},
        exhaustive={"regions": True},
    )  # fmt: skip
    (one, other), refusals = read(root, card)
    assert [(media.onto, media.transform, media.day) for media in one.media] == [
        ("second", "p07/a.txt", 0), (None, "p07/b.txt", 81),
    ]  # fmt: skip
    (region,) = one.regions
    assert (region.media, region.since, region.resample, region.transform) == ("second", "first", True, None)
    assert one.complete_regions == () and (one.acquisition.sex, one.acquisition.age_years) == ("female", 33)
    assert [media.day for media in other.media] == [0, None] and other.acquisition.sex is None
    assert [(each.reason, each.part) for each in refusals] == [("missing_row", True)]
    assert load_converter("nifti_pairs").gives(card) == {"spacing", "volumes", "changes", "contrasts"}
