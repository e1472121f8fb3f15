import gzip
import json

import nibabel as nib
import numpy as np
import pytest


def decathlon(**more):
    return json.dumps({
        "modality": {"0": "CT"}, "labels": {"0": "background", "1": "spleen", "2": "tumour"},
        "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}], "test": ["./imagesTs/t.nii.gz"],
        **more,
    })  # fmt: skip


@pytest.fixture
def card(make_card):
    labels = {"spleen": "spleen", "tumour": "tumour"}
    return make_card("msd", {"folder": "Task09"}, labels=labels, exhaustive={"regions": True}, patient="one per case")


def test_decathlon(tree, card, read):
    root = tree({
        "Task09/dataset.json": decathlon(), "Task09/imagesTr/a.nii.gz": None, "Task09/labelsTr/a.nii.gz": None,
        "Task09/imagesTs/t.nii.gz": None, "Task09/imagesTr/._a.nii.gz": b"junk", "Task09/labelsTr/orphan.nii.gz": None,
    })  # fmt: skip
    samples, refusals = read(root, card)
    train, test = samples
    assert (train.key, train.patient, train.split, train.media[0].role) == ("a", "a", "train", "CT")
    assert [(name.value, name.name) for name in train.regions[0].names] == [(1, "spleen"), (2, "tumour")]
    assert (train.regions[0].file, train.complete_regions) == ("Task09/labelsTr/a.nii.gz", ("spleen", "tumour"))
    assert (test.key, test.split, test.regions, test.complete_regions) == ("t", "test", (), ())
    assert [(one.unit, one.reason) for one in refusals] == [("Task09/labelsTr/orphan.nii.gz", "missing_picture")]


def test_cases_of_validation_and_images_of_no_case(tree, card, read):
    """As AMOS lists its cases; the label map of a case that is a path alone is that of its name."""
    lists = decathlon(validation=[{"image": "./imagesVa/v.nii.gz", "label": "./labelsVa/v.nii.gz"}])
    names = ("imagesTr/a", "labelsTr/a", "imagesVa/v", "labelsVa/v", "imagesTs/t", "labelsTs/t", "imagesVa/w")
    root = tree({"Task09/dataset.json": lists, **{f"Task09/{name}.nii.gz": None for name in names}})
    samples, refusals = read(root, card)
    assert [(one.key, one.split, one.regions[0].file) for one in samples] == [
        ("a", "train", "Task09/labelsTr/a.nii.gz"), ("v", "validation", "Task09/labelsVa/v.nii.gz"),
        ("t", "test", "Task09/labelsTs/t.nii.gz"),
    ]  # fmt: skip
    assert [(one.unit, one.reason, one.part) for one in refusals] == [
        ("Task09/imagesVa/w.nii.gz", "missing_case", True)
    ]


def test_channels_of_a_4d_file(tree, card, read):
    index = decathlon(modality={"0": "FLAIR", "1": "T1w", "10": "late", "2": "T2w"}, test=[])
    files = {"Task09/imagesTr/a.nii.gz": None, "Task09/labelsTr/a.nii.gz": None}
    root = tree({"Task09/dataset.json": index, **files})
    samples, _ = read(root, card)
    assert [(one.key, one.role, one.frame) for one in samples[0].media] == [
        ("image", "FLAIR", 0), ("channel_1", "T1w", 1), ("channel_2", "T2w", 2), ("channel_3", "late", 3),
    ]  # fmt: skip
    assert [region.media for region in samples[0].regions] == ["image", "channel_1", "channel_2", "channel_3"]
    chosen = card.model_copy(update={"params": {"folder": "Task09", "leave_out": ["FLAIR", "T1w", "late"]}})
    samples, _ = read(root, chosen)
    assert [(one.key, one.role, one.frame) for one in samples[0].media] == [("image", "T2w", 2)]


@pytest.mark.parametrize(("shape", "refused"), [((4, 3, 2, 2), False), ((4, 3, 2), True), ((4, 3, 2, 3), True)])
def test_a_file_has_as_many_volumes_as_there_are_channels(tree, card, read, shape, refused):
    image = nib.Nifti1Image(np.zeros(shape, np.int16), np.eye(4)).to_bytes()
    files = {"Task09/imagesTr/a.nii.gz": gzip.compress(image), "Task09/labelsTr/a.nii.gz": None}
    root = tree({"Task09/dataset.json": decathlon(modality={"0": "T2w", "1": "ADC"}, test=[]), **files})
    samples, refusals = read(root, card)
    assert len(samples) == (not refused)
    assert [(one.unit, one.reason) for one in refusals] == ([("a", "which_frame")] if refused else [])


def test_nnunet_v2(tree, make_card, read):
    index = {
        "channel_names": {"0": "T2", "1": "ADC"},
        "labels": {"background": 0, "PZ": 1, "ignore": 2},
        "file_ending": ".nii.gz",
    }
    root = tree({
        "dataset.json": json.dumps(index), "imagesTr/p_01_0000.nii.gz": None, "imagesTr/p_01_0001.nii.gz": None,
        "labelsTr/p_01.nii.gz": None, "imagesTr/p_02_0000.nii.gz": None, "labelsTr/p_02.nii.gz": None,
        "imagesTs/p_03_0000.nii.gz": None, "imagesTs/p_03_0001.nii.gz": None, "imagesTr/p_04_0000.nii.gz": None,
        "imagesTr/p_04_0001.nii.gz": None,
    })  # fmt: skip
    samples, refusals = read(root, make_card("msd", labels={"PZ": "pz"}, exhaustive={"regions": True}))
    assert [(one.key, one.split, [media.files[0][-8:-7] for media in one.media]) for one in samples] == [
        ("p_01", "train", ["0", "1"]), ("p_03", "test", ["0", "1"]),
    ]  # fmt: skip
    assert [media.frame for media in samples[0].media] == [None, None]
    assert samples[0].complete_regions == ()  # what is ignored may hold anything
    assert [(one.unit, one.reason) for one in refusals] == [("p_02", "missing_file"), ("p_04", "missing_file")]


def test_a_name_of_region_based_training_has_all_of_its_values(tree, make_card, read):
    index = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "kidney": [1, 3, 2], "mass": [2, 3], "tumour": 2},
        "file_ending": ".nii.gz",
        "regions_class_order": [1, 3, 2],
    }
    root = tree({"dataset.json": json.dumps(index), "imagesTr/k_0000.nii.gz": None, "labelsTr/k.nii.gz": None})
    samples, refusals = read(root, make_card("msd", labels={"kidney": "kidney"}, exhaustive={"regions": True}))
    assert [(name.name, name.values, name.told) for name in samples[0].regions[0].names] == [
        ("kidney", (1, 2, 3), "value=1,2,3"), ("tumour", (2,), "value=2"), ("mass", (2, 3), "value=2,3"),
    ]  # fmt: skip
    assert (samples[0].complete_regions, refusals) == (("kidney",), [])


def test_nnunet_v2_of_2d_pictures(tree, make_card, read):
    index = {"channel_names": {"0": "rgb"}, "labels": {"background": 0, "road": 1}, "file_ending": ".png"}
    root = tree({"dataset.json": json.dumps(index), "imagesTr/x_0000.png": None, "labelsTr/x.png": None})
    samples, refusals = read(root, make_card("msd"))
    assert ([media.kind for media in samples[0].media], refusals) == (["picture"], [])


def test_nnunet_v1_numbers_what_the_index_does_not(tree, card, read):
    root = tree({
        "Task09/dataset.json": decathlon(test=[]), "Task09/imagesTr/a_0000.nii.gz": None,
        "Task09/labelsTr/a.nii.gz": None,
    })  # fmt: skip
    samples, refusals = read(root, card)
    assert ([media.files for media in samples[0].media], refusals) == ([("Task09/imagesTr/a_0000.nii.gz",)], [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not_json"),
        ("[]", "not_msd"),
        ("{}", "not_msd"),
        (decathlon(labels={"1": "a", "b": 1}), "not_msd"),
        (decathlon(labels={"a": [1, 2], "b": [2, 1]}), "not_msd"),
        (decathlon(labels={"a": [1, "x"]}), "not_msd"),
        (decathlon(labels={"a": "b"}), "not_msd"),
        (decathlon(modality=["CT"]), "not_msd"),
        (None, "missing_file"),
    ],
)
def test_an_index_that_is_none_is_one_refusal(tree, card, read, content, reason):
    files = {"Task09/imagesTr/a.nii.gz": None} | ({} if content is None else {"Task09/dataset.json": content})
    samples, refusals = read(tree(files), card)
    assert (samples, [(one.unit, one.reason) for one in refusals]) == ([], [("Task09/dataset.json", reason)])


def test_an_index_that_lists_nothing_needs_folders(tree, make_card, read):
    root = tree({"dataset.json": json.dumps({"labels": {"background": 0, "x": 1}})})
    samples, refusals = read(root, make_card("msd"))
    assert (samples, [(one.unit, one.reason) for one in refusals]) == ([], [("imagesTr", "missing_folder")])


def test_cases_that_are_wrong(tree, card, read):
    training = [
        {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}, {"image": "./imagesTr/a.nii.gz"},
        {"image": "../../x.nii.gz"}, {}, 3, {"image": "imagesTr/nolabel.nii.gz", "label": "labelsTr/gone.nii.gz"},
    ]  # fmt: skip
    root = tree({
        "Task09/dataset.json": decathlon(training=training, test=[]), "Task09/imagesTr/a.nii.gz": None,
        "Task09/labelsTr/a.nii.gz": None, "Task09/imagesTr/nolabel.nii.gz": None,
    })  # fmt: skip
    samples, refusals = read(root, card)
    assert [one.key for one in samples] == ["a"]
    assert [one.reason for one in refusals] == [
        "duplicate_key", "unsafe_path", "missing_file", "missing_file", "missing_file",
    ]  # fmt: skip
