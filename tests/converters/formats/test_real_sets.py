"""Real sets, counted by other means than the converters'."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pydicom
from ruamel.yaml import YAML

from medloom.converters.registry import load_converter
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Refusal, Sample

CARDS = Path(__file__).parents[3] / "catalogs/sources"
PLACES = {
    "totalseg_ct": "totalseg_ref", "totalseg_ct_classes": "totalseg_ref", "totalseg_mr": "totalseg_ref",
    "sct_spinal_cord": "sct_testing",
}  # fmt: skip


def card_of(name):
    return SourceCard.model_validate(YAML(typ="safe").load((CARDS / f"{name}.yaml").read_text("utf-8")))


def root_of(name, data_dir):
    if name == "pydicom_samples":
        return Path(pydicom.__file__).parent / "data/test_files"
    return data_dir / PLACES.get(name, name)


def listed(name, data_dir):
    card = card_of(name)
    found = list(load_converter(card.converter).samples(root_of(name, data_dir), card))
    return [one for one in found if isinstance(one, Sample)], [one for one in found if isinstance(one, Refusal)]


def test_blood_cells(data_dir):
    samples, refusals = listed("bccd_voc", data_dir)
    folder = data_dir / "bccd_voc/BCCD"
    text = "".join(path.read_text() for path in folder.glob("Annotations/*.xml"))
    written = re.findall(r"<name>(\w+)</name>", text)
    assert len(samples) == len(list(folder.glob("JPEGImages/*.jpg"))) == 364
    assert len(written) == 4888
    assert sorted((one.unit, one.reason, one.part) for one in refusals) == [
        ("BloodImage_00338#object=12", "box_degenerate", True), ("BloodImage_00343#object=3", "box_degenerate", True),
    ]  # fmt: skip
    kept = Counter(region.name for one in samples for region in one.regions)
    assert kept == Counter(written) - Counter({"RBC": 2})
    lines = {split: (folder / f"ImageSets/Main/{split}.txt").read_text().split() for split in ("train", "val", "test")}
    assert Counter(one.split for one in samples) == {
        "train": len(lines["train"]), "validation": len(lines["val"]), "test": len(lines["test"]),
    }  # fmt: skip
    first = next(one for one in samples if one.key == "BloodImage_00000")
    assert first.regions[0].box == (259, 176, 491, 376)  # 260 177 491 376, inclusive from 1
    assert all(one.complete_regions == () for one in samples)


def test_nuclei(data_dir):
    samples, refusals = listed("dsb2018_nuclei", data_dir)
    root = data_dir / "dsb2018_nuclei/stage1_train"
    assert (len(samples), refusals) == (len(list(root.iterdir())), [])
    assert len(samples) == 24
    for one in samples:
        assert len(one.regions) == len(list((root / one.key / "masks").iterdir()))
        assert one.complete_regions == ("nucleus",)
        assert all(region.instance for region in one.regions)


def test_chest_radiographs(data_dir):
    samples, refusals = listed("covid_cxr_gb", data_dir)
    root = data_dir / "covid_cxr_gb"
    with (root / "metadata.csv").open(newline="") as handle:
        rows = {f"images/{row['filename']}": row for row in csv.DictReader(handle)}
    boxes = json.loads((root / "annotations/annotations.json").read_text())
    assert (len(samples), len(rows), refusals) == (52, 52, [])
    assert len({one.patient for one in samples}) == len({row["patientid"] for row in rows.values()}) == 29
    kinds = Counter(region.kind for one in samples for region in one.regions)
    assert kinds == {"box": len(boxes["annotations"]), "mask": len(list(root.glob("semantic_masks_v7labs_lungs/*")))}
    assert kinds == {"box": 104, "mask": 28}
    assert sum(len(one.texts) for one in samples) == sum(bool(row["clinical_notes"]) for row in rows.values())
    words = Counter(row["license"] for row in rows.values())
    assert Counter(one.licence for one in samples) == {
        "CC-BY-3.0": words["CC BY 3.0"], "CC-BY-4.0": words["CC BY 4.0"], "CC-BY-NC-SA-4.0": words["CC BY-NC-SA 4.0"],
        "LicenseRef-CC-BY-unversioned": words["CC BY"], "LicenseRef-CC-BY-NC-SA-unversioned": words["CC BY-NC-SA"],
    }  # fmt: skip
    for one in samples:
        row = rows[one.key]
        assert [label.name for label in one.labels] == ([] if row["finding"] == "todo" else [row["finding"]])
        nothing = ("COVID-19", "Pneumonia", "Pneumocystis", "Bacterial") if row["finding"] == "No Finding" else ()
        assert one.complete_labels == nothing
        assert one.complete_regions[:2] == ("Right Lung", "Left Lung")
    by_patient: dict[str, list[float]] = {}
    for one in samples:
        if one.visit is not None:
            by_patient.setdefault(one.patient, []).append(one.visit.day)
    assert all(min(days) == 0 for days in by_patient.values())
    assert sorted(by_patient["339"]) == [0, 180, 210]
    assert sorted(by_patient["251"]) == [0, 24]


def test_right_is_the_patients_right(data_dir):
    """In these frontal views the right lung lies in the left of the picture: the names are the patient's sides."""
    for one in listed("covid_cxr_gb", data_dir)[0]:
        boxes = {region.name: region.box for region in one.regions if region.kind == "box"}
        assert boxes["Right Lung"][0] < boxes["Left Lung"][0]


def test_volumes(data_dir):
    import nibabel
    import numpy as np

    for name, count, classes in (("totalseg_ct", 117, 41), ("totalseg_mr", 50, 23)):
        (one,), refusals = listed(name, data_dir)
        assert not refusals
        region = one.regions[0]
        names = {name.value: name.name for name in region.names}
        assert (len(names), len(one.complete_regions)) == (count, count)
        labels = np.asanyarray(nibabel.load(root_of(name, data_dir) / region.file).dataobj)
        picture = nibabel.load(root_of(name, data_dir) / one.media[0].files[0])
        assert labels.shape == picture.shape
        values = set(np.unique(labels).tolist()) - {0}
        assert len(values) == classes
        assert values <= set(names)


def test_class_names_by_value_are_those_of_the_class_files(data_dir):
    """The one volume was labelled twice, by map and by file: where both see a structure they see it in one place."""
    import nibabel
    import numpy as np

    root = root_of("totalseg_ct", data_dir)
    (by_map,), _ = listed("totalseg_ct", data_dir)
    (by_file,), refusals = listed("totalseg_ct_classes", data_dir)
    assert not refusals
    assert len(by_file.regions) == 117
    assert {region.name for region in by_file.regions} == {name.name for name in by_map.regions[0].names}
    fast = np.asanyarray(nibabel.load(root / "example_seg_fast.nii.gz").dataobj)
    for name in by_map.regions[0].names:
        file = next(region.file for region in by_file.regions if region.name == name.name)
        mask = np.asanyarray(nibabel.load(root / file).dataobj) != 0
        assert np.array_equal(mask, fast == name.value), name.name


def test_spinal_cord(data_dir):
    (one,), refusals = listed("sct_spinal_cord", data_dir)
    assert not refusals
    assert [media.role for media in one.media][:2] == ["T2w", "T2*w"]
    assert Counter(region.name for region in one.regions) == {"cord": 5, "grey matter": 1}
    assert one.complete_regions == ("cord",)
    assert [name.name for name in one.landmark_maps[0].names] == ["C3", "C4", "C5"]


def test_messy_pictures_are_listed_whatever_is_wrong_inside(data_dir, make_card, read):
    samples, refusals = read(data_dir / "pillow_messy", make_card("class_folders", {"levels": []}))
    assert len(samples) == 21
    assert not refusals


def test_pydicoms_files(data_dir):
    samples, refusals = listed("pydicom_samples", data_dir)
    labels = Counter(label.name for one in samples for label in one.labels)
    assert len(samples) + len(refusals) == 109
    assert (labels["modality:CT"], labels["modality:MR"], labels["modality:US"]) == (14, 27, 5)
    reasons = Counter(one.reason for one in refusals)
    assert set(reasons) == {"no_pixels", "not_a_picture", "not_dicom"}
