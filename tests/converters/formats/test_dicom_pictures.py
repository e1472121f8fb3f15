from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file


@pytest.fixture
def card(make_card):
    labels = {"modality:CT": "ct", "modality:MR": "mr", "modality:OT": None, "body_part:HEAD": "head"}
    return make_card("dicom_pictures", labels=labels, exhaustive={"labels": True}, patient={"column": "PatientID"})


def file(name):
    return Path(get_testdata_file(name, download=False)).read_bytes()


def test_headers_become_facts(tree, card, read):
    root = tree({"a/IM0": file("J2K_pixelrep_mismatch.dcm"), "a/IM1.dcm": file("MR_small.dcm")})
    samples, refusals = read(root, card)
    assert not refusals
    head, small = samples
    assert [(label.name, label.pointer) for label in head.labels] == [
        ("modality:CT", "a/IM0#Modality"), ("body_part:HEAD", "a/IM0#BodyPartExamined"),
    ]  # fmt: skip
    assert head.complete_labels == ("modality:CT", "modality:MR")
    assert (head.acquisition.modality, head.acquisition.age_years, head.media[0].kind) == ("ct", 76, "picture")
    assert (small.patient, small.acquisition.sex, small.acquisition.modality) == ("4MR1", "female", "mr")
    assert small.study is not None
    assert "CompressedSamples" not in repr(samples)  # PatientName


def test_files_that_are_no_pictures(tree, card, read):
    root = tree({
        "README": "just words", "empty": b"", "cut.dcm": file("MR_small.dcm")[:200], "plan": file("rtplan.dcm"),
        "dose": file("rtdose.dcm"), "seg": file("liver_1frame.dcm"), "DICOMDIR": file("DICOMDIR"),
    })  # fmt: skip
    samples, refusals = read(root, card)
    assert not samples
    assert {one.unit: one.reason for one in refusals} == {
        "DICOMDIR": "no_pixels", "README": "not_dicom", "cut.dcm": "no_pixels", "dose": "not_a_picture",
        "empty": "empty_file", "plan": "no_pixels", "seg": "not_a_picture",
    }  # fmt: skip


def test_files_without_a_preamble_are_read(tree, card, read):
    root = tree({"bare": file("MR_small.dcm")[132:]})
    samples, refusals = read(root, card)
    assert ([one.acquisition.modality for one in samples], refusals) == (["mr"], [])


def test_several_frames_and_other_modalities(tree, card, read):
    root = tree({"two": file("SC_rgb_rle_2frame.dcm"), "ybr": file("examples_ybr_color.dcm")})
    two, ybr = read(root, card)[0]
    captured = "the object is a secondary capture or a scanned film"
    assert (two.media[0].frame, two.notes) == (0, ("the first of 2 frames", captured))
    assert (two.labels, two.complete_labels) == ((), ())  # OT may be a screenshot of anything
    assert [label.name for label in ybr.labels] == ["modality:US"]


def test_an_empty_patient_is_unknown(tree, card, read):
    samples, refusals = read(tree({"x": file("image_dfl.dcm")}), card)
    assert ([one.patient for one in samples], refusals) == ([None], [])


def test_listing_does_not_read_pixels(tree, card, read):
    data = file("MR_small.dcm")
    at = data.index(b"\xe0\x7f\x10\x00OW") + 12
    root = tree({"x": data[:at] + b"\xff" * 8192 + data[at + 8192 :], "cut": data[: at + 100]})
    samples, _ = read(root, card)
    assert [one.key for one in samples] == ["cut", "x"]  # whoever decodes it finds that it is cut


def test_only_files_that_the_card_means(tree, card, read):
    root = tree({"x.dcm": file("MR_small.dcm"), "notes.txt": "x"})
    samples, refusals = read(root, card.model_copy(update={"params": {"files": r".+\.dcm", "states": ["modality"]}}))
    assert ([one.key for one in samples], refusals) == (["x.dcm"], [])


def test_names_of_people_never_leave_the_file(tree, card, read, tmp_path):
    dataset = pydicom.dcmread(get_testdata_file("MR_small.dcm"))
    dataset.PatientName, dataset.PatientAddress, dataset.InstitutionName = "Doe^Jane", "Main Street", "St Elsewhere"
    dataset.ReferringPhysicianName, dataset.PatientID = "House^Gregory", "MRN-7"
    dataset.save_as(tmp_path / "x")
    samples, _ = read(tree({"x": (tmp_path / "x").read_bytes()}), card)
    text = repr(samples)
    assert not [word for word in ("Doe", "Jane", "Main Street", "Elsewhere", "House") if word in text]
    assert samples[0].patient == "MRN-7"  # which becomes a digest wherever it would reach a record
