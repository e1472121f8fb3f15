"""Arrays as sources ship them: MedMNIST, HDF5 with rows or with one dataset each, stacks and slides in TIFF."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from pydantic import ValidationError

from medloom.converters.formats.arrays import ArrayParams
from medloom.schemas.sample import Label

CLASSES = {"labels": {"array": "{split}_labels", "classes": ["a", "b", "c"]}}
LABELS = {"a": "red_blood_cell", "b": "white_blood_cell", "c": None}


def npz(**arrays: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)
    return data.getvalue()


def hdf5(**datasets: object) -> bytes:
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for name, value in datasets.items():
            file[name.replace("__", "/")] = value
    return data.getvalue()


def tiff(array: np.ndarray, **options: object) -> bytes:
    data = io.BytesIO()
    tifffile.imwrite(data, array, **options)
    return data.getvalue()


def reasons(refusals):
    return Counter((one.reason, one.part) for one in refusals)


def test_medmnist(tree, make_card, read):
    files = {
        "some/bloodmnist.npz": npz(
            train_images=np.zeros((4, 28, 28, 3), np.uint8), train_labels=np.array([[0], [1], [2], [0]], np.uint8),
            val_images=np.zeros((1, 28, 28, 3), np.uint8), val_labels=np.array([[1]]),
            test_images=np.zeros((0, 28, 28, 3), np.uint8), test_labels=np.zeros((0, 1), np.uint8),
        ),
        "README.md": "no array",
    }  # fmt: skip
    card = make_card("npz", CLASSES, labels=LABELS, exhaustive={"labels": True})
    samples, refusals = read(tree(files), card)
    assert (len(samples), refusals) == (5, [])
    first, _, third, _, last = samples
    assert first.key == "some/bloodmnist.npz#array=train_images,row=0"
    assert (first.media[0].kind, first.media[0].member, first.media[0].frame) == ("picture", "train_images", 0)
    assert first.labels == (Label(name="a", pointer="some/bloodmnist.npz#array=train_labels,row=0"),)
    assert first.complete_labels == ("a", "b")
    assert (third.labels, third.complete_labels) == ((), ())  # the card says that "c" is no class
    assert ([one.split for one in samples], last.labels[0].name) == (["train"] * 4 + ["validation"], "b")


def test_several_findings_and_volumes(tree, make_card, read):
    archive = npz(
        train_images=np.zeros((2, 28, 28, 28), np.uint8), train_labels=np.array([[1, 0, 1], [0, 0, 255]], np.uint8)
    )
    params = {"labels": CLASSES["labels"] | {"several": True}}
    samples, refusals = read(tree({"x.npz": archive}), make_card("npz", params, labels=LABELS | {"c": "platelet"}))
    assert not refusals
    assert [one.media[0].kind for one in samples] == ["volume", "volume"]
    assert [(one.name, one.polarity) for one in samples[0].labels] == [
        ("a", "present"),
        ("b", "absent"),
        ("c", "present"),
    ]
    assert [(one.name, one.polarity) for one in samples[1].labels] == [("a", "absent"), ("b", "absent")]


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"train_images": np.zeros((2, 8, 8)), "train_labels": np.zeros((3, 1))}, ("labels_mismatch", False, 1)),
        ({"train_images": np.zeros((2, 8, 8))}, ("missing_array", False, 1)),
        ({"pictures": np.zeros((2, 8, 8))}, ("missing_array", False, 1)),
        ({"train_images": np.zeros((2, 8, 8)), "train_labels": np.array([[0], [7]])}, ("unknown_value", False, 1)),
        ({"train_images": np.zeros((2, 8, 8)), "train_labels": np.array([[0.5], [0]])}, ("unknown_value", False, 1)),
        ({"train_images": np.zeros((2, 8, 8)), "train_labels": np.zeros((2, 4))}, ("labels_mismatch", False, 1)),
        ({"odd_images": np.zeros((2, 8, 8)), "odd_labels": np.zeros((2, 1))}, ("unknown_split", False, 2)),
        ({"train_images": np.zeros(9), "train_labels": np.zeros((9, 1))}, ("unsupported_array", False, 1)),
    ],
)  # fmt: skip
def test_archives_that_do_not_fit(tree, make_card, read, arrays, expected):
    _, refusals = read(tree({"x.npz": npz(**arrays)}), make_card("npz", CLASSES, labels=LABELS))
    reason, part, count = expected
    assert reasons(refusals) == {(reason, part): count}


def test_a_broken_archive_is_one_refusal(tree, make_card, read):
    objects = io.BytesIO()
    np.savez(objects, train_images=np.array([None], object))
    files = {"a.npz": b"PK\x03\x04", "b.npz": b"no zip", "c.npz": b"", "d.npz": objects.getvalue()}
    samples, refusals = read(tree(files), make_card("npz", CLASSES, labels=LABELS))
    assert (samples, sorted(one.reason for one in refusals)) == (
        [],
        ["corrupt", "empty_file", "not_an_array", "pickled"],
    )


def test_labels_in_another_file(tree, make_card, read):
    """PatchCamelyon's way: pictures in one file, labels N×1×1×1 in another."""
    files = {
        "pcam_train_x.h5": hdf5(x=np.zeros((3, 96, 96, 3), np.uint8)),
        "pcam_train_y.h5": hdf5(y=np.array([0, 1, 1], np.uint8).reshape(3, 1, 1, 1)),
    }
    params = {
        "files": r"(?P<name>.+)_(?P<split>train|valid|test)_x\.h5", "array": "x",
        "labels": {"file": "{name}_{split}_y.h5", "array": "y", "classes": ["a", "b"]}, "key": "{split}/{row}",
    }  # fmt: skip
    samples, refusals = read(tree(files), make_card("hdf5", params, labels=LABELS))
    assert not refusals
    assert [(one.key, one.labels[0].name, one.split) for one in samples] == [
        ("train/0", "a", "train"), ("train/1", "b", "train"), ("train/2", "b", "train"),
    ]  # fmt: skip
    assert samples[1].labels[0].pointer == "pcam_train_y.h5#array=y,row=1"


def test_one_dataset_each_with_masks_and_words(tree, make_card, read):
    file = hdf5(
        case1__volume=np.zeros((5, 20, 30), np.int16), case1__seg=np.zeros((5, 20, 30), np.uint8), case1__class="b",
        case2__volume=np.zeros((5, 20, 30), np.int16), case2__seg=np.zeros((5, 20, 30), np.uint8), case2__class="",
        case3__volume=np.zeros((5, 20, 30), np.int16), case3__class="a",
    )  # fmt: skip
    params = {
        "files": ".*", "array": r"(?P<case>case\d)/volume", "items": "whole", "key": "{case}",
        "labels": {"array": "{case}/class"}, "masks": [{"array": "{case}/seg", "names": {1: "liver"}}],
    }  # fmt: skip
    card = make_card(
        "hdf5", params, labels={**LABELS, "liver": "liver"}, patient="one per case", exhaustive={"regions": True}
    )
    (first, second), refusals = read(tree({"all.h5": file}), card)
    assert [(one.reason, one.unit) for one in refusals] == [("missing_array", "all.h5#array=case3/volume")]
    assert (first.key, first.patient, first.media[0].kind, first.media[0].frame) == ("case1", "case1", "volume", None)
    assert ([one.name for one in first.labels], second.labels) == (["b"], ())
    region = first.regions[0]
    assert (region.kind, region.file, region.member, region.frame) == ("label_map", "all.h5", "case1/seg", None)
    assert "liver" in first.complete_regions


def test_encoded_pictures(tree, make_card, read):
    """ISIC's way: a dataset for each picture, which holds the bytes of a JPEG."""
    file = hdf5(ISIC_1=np.void(b"\xff\xd8\xff\xe0"), ISIC_2=np.void(b"\xff\xd8\xff\xe0"))
    params = {"files": ".*", "array": "(?P<id>ISIC_.*)", "items": "whole", "key": "{id}"}
    samples, refusals = read(tree({"train-image.hdf5": file}), make_card("hdf5", params))
    assert ([one.key for one in samples], refusals) == (["ISIC_1", "ISIC_2"], [])
    assert samples[0].media[0].kind == "picture"


def test_pages_of_tiffs(tree, make_card, read):
    stack, marked = np.zeros((4, 20, 30), np.uint16), np.zeros((4, 20, 30), np.uint8)
    files = {
        "train/a_image.TIF": tiff(stack, photometric="minisblack"),
        "train/a_mask.tif": tiff(marked, photometric="minisblack"),
        "test/b_image.tif": tiff(stack, photometric="minisblack"),
        "test/b_mask.tif": tiff(marked[:3], photometric="minisblack"), "test/c_image.tif": b"II*\0broken",
    }  # fmt: skip
    params = {
        "files": r"(?P<split>[a-z]+)/(?P<name>.+)_image\.tif", "pages": "slices",
        "masks": [{"file": "{split}/{name}_mask.tif", "array": "0", "name": "nucleus"}],
    }  # fmt: skip
    card = {"labels": {"nucleus": "cell_nucleus"}, "exhaustive": {"regions": True}}
    (second, first), refusals = read(tree(files), make_card("tiff_stack", params, **card))
    assert reasons(refusals) == {("masks_mismatch", True): 1, ("corrupt", False): 1}
    assert (first.key, first.split, first.media[0].kind, first.media[0].member) == (
        "train/a_image.TIF", "train", "volume", "0",
    )  # fmt: skip
    assert (first.complete_regions, second.complete_regions, second.regions) == (("nucleus",), (), ())
    samples, _ = read(tree({}), make_card("tiff_stack", params | {"pages": "pictures"}, **card))
    assert [one.media[0].frame for one in samples] == [0, 1, 2, 3] * 2
    assert samples[5].key == "train/a_image.TIF#page=1"
    assert (samples[5].regions[0].member, samples[5].regions[0].frame) == ("0", 1)


def test_slides_and_axes(tree, make_card, read):
    data = tiff(np.zeros((2, 3, 20, 30), np.uint8), imagej=True, metadata={"axes": "ZCYX"})
    params = {"files": r"(?P<label>[ab])/.+", "pages": "slices"}
    root = tree({"a/x.tif": data})
    samples, refusals = read(root, make_card("tiff_stack", params, labels=LABELS))
    assert (samples, [one.reason for one in refusals]) == ([], ["several_axes"])
    (one,), _ = read(root, make_card("tiff_stack", params | {"pages": "slide"}, labels=LABELS))
    assert (one.media[0].kind, one.labels[0].name) == ("slide", "a")


@pytest.mark.parametrize(
    "params",
    [
        {"files": ".*", "array": "x", "labels": {"array": "{nobody}"}}, {"files": ".*", "array": "x", "key": "{id}"},
        {"files": ".*", "array": "x", "masks": [{"array": "m"}]},
    ],
)  # fmt: skip
def test_cards_that_cannot_be_filled(params):
    with pytest.raises(ValidationError):
        ArrayParams.model_validate(params)


def test_listing_inflates_labels_and_no_picture(tmp_path: Path, make_card, read):
    pictures = np.random.default_rng(0).integers(0, 255, (400, 200, 200), np.uint8)
    (tmp_path / "x.npz").write_bytes(npz(train_images=pictures, train_labels=np.zeros((400, 1), np.uint8)))
    samples, _ = read(tmp_path, make_card("npz", CLASSES, labels=LABELS))
    from medloom.converters.pixels.npz_file import npy_file

    assert len(samples) == 400
    assert npy_file(tmp_path / "x.npz").array("train_images")._source._done <= 8 << 20
