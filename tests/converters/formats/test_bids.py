"""BIDS: names as the specification writes them, the phantom's tree, and trees that are odd."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.formats.bids import Bids
from medloom.converters.formats.bids_name import bids_name
from medloom.converters.phantom.bids_folder import FOLDER, write_bids_folder
from medloom.converters.phantom.course import patients
from medloom.flows.cards import load_card
from medloom.schemas.card import PatientRule
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Refusal, Sample

LABEL = st.text("abcXYZ0189", min_size=1, max_size=5)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("heads")
    return root / FOLDER, write_bids_folder(root, 7, patients(7, 13))


@given(pairs=st.dictionaries(LABEL, LABEL, max_size=4), suffix=LABEL, session=st.none() | LABEL, subject=LABEL)
def test_a_name_comes_back(pairs, suffix, session, subject) -> None:
    entities = {"sub": subject, **({"ses": session} if session else {})}
    entities |= {key: value for key, value in pairs.items() if key not in ("sub", "ses")}
    stem = "_".join(f"{key}-{value}" for key, value in entities.items())
    folder = f"sub-{subject}/" + (f"ses-{session}/" if session else "")
    found = bids_name(f"{folder}anat/{stem}_{suffix}.nii.gz")
    assert (found.entities, found.suffix, found.datatype, found.of) == (entities, suffix, "anat", ())


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("sub-01/anat/T1w.nii.gz", "not_bids"), ("sub-01/anat/sub-01.nii.gz", "not_bids"),
        ("sub-01/anat/sub-01_acq-a_acq-b_T1w.nii.gz", "not_bids"), ("sub-01/anat/sub-01__T1w.nii.gz", "not_bids"),
        ("sub-01/anat/sub-02_T1w.nii.gz", "bids_mismatch"),
        ("sub-01/ses-1/anat/sub-01_T1w.nii.gz", "bids_mismatch"),
        ("sub-01/ses-1/anat/sub-01_ses-2_T1w.nii.gz", "bids_mismatch"),
    ],
)  # fmt: skip
def test_what_is_no_name(path: str, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        bids_name(path)
    assert caught.value.reason == reason


def listed(root: Path, **params: object) -> tuple[list[Sample], list[Refusal]]:
    rule = PatientRule(match="^sub-([^/]+)/")
    card = load_card("phantom_bids").model_copy(update={"params": params, "patient": rule})
    found = list(Bids().samples(root, card))
    return [one for one in found if isinstance(one, Sample)], [one for one in found if isinstance(one, Refusal)]


def test_the_phantom_by_session(heads) -> None:
    root, truth = heads
    samples, refusals = listed(root)
    assert not refusals
    assert [(one.patient, one.visit.key, one.visit.day) for one in samples] == [
        (one.patient, one.session, one.day) for one in truth
    ]
    for one in samples:
        assert [media.role for media in one.media] == ["T1w", "T2w"]
        assert {(region.media, region.kind) for region in one.regions} == {("T1w", "label_map"), ("T2w", "mask")}
        assert one.complete_regions == ("brain", "ventricle", "tumor", "edema")
        assert one.acquisition.sex in ("female", "male") and one.acquisition.age_years > 30


def test_the_phantoms_masks_are_as_large_as_its_truth_says(heads) -> None:
    root, truth = heads
    samples, refusals = listed(root, each="image")
    assert not refusals and len(samples) == 2 * len(truth)
    known = {file.removeprefix(f"{FOLDER}/"): one for one in truth for file in one.files}
    for one in samples:
        (region,) = (each for each in one.regions if each.name in ("tumor", None))
        image = nibabel.load(root / region.file)
        value = next((name.value for name in region.names if name.name == "tumor"), 1)
        voxels = np.count_nonzero(np.asanyarray(image.dataobj) == value)
        volume = voxels * abs(np.linalg.det(image.affine[:3, :3]))
        assert volume == pytest.approx(known[one.key].tumour_mm3, rel=1e-4)


def touched(root: Path, *files: str, **contents: object) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    for file, content in contents.items():
        (root / file).write_text(content if isinstance(content, str) else json.dumps(content))
    return root


def test_masks_as_other_sets_name_them(tmp_path: Path) -> None:
    """spine-generic's names, masks beside their images, template spaces, soft masks, points, and 4D images."""
    root = touched(
        tmp_path, "sub-a/anat/sub-a_T1w.nii.gz", "sub-a/anat/sub-a_T2w.nii.gz", "sub-a/dwi/sub-a_dwi.nii.gz",
        "derivatives/labels/sub-a/anat/sub-a_T2w_label-SC_mask.nii.gz",
        "derivatives/labels/sub-a/anat/sub-a_T1w_seg-manual.nii.gz",
        "derivatives/labels/sub-a/anat/sub-a_T2w_label-disc_dlabel.nii.gz",
        "derivatives/labels/sub-a/anat/sub-a_space-MNI152_label-SC_mask.nii.gz",
        "derivatives/labels/sub-a/anat/sub-a_space-T1w_label-GM_probseg.nii.gz",
        "derivatives/labels/sub-a/anat/sub-a_label-lesion_mask.nii.gz",
        "sub-a/anat/sub-a_space-T1w_dseg.nii.gz",
    )  # fmt: skip
    params = {"marks": {"seg-manual": "cord"}, "points": {"dlabel": {3: "C3"}}}
    (one,), refusals = listed(root, **params)
    assert sorted((each.reason, each.file.rpartition("/")[2]) for each in refusals) == [
        ("ambiguous_source", "sub-a_label-lesion_mask.nii.gz"),
        ("other_space", "sub-a_space-MNI152_label-SC_mask.nii.gz"),
        ("soft_mask", "sub-a_space-T1w_label-GM_probseg.nii.gz"), ("unnamed_mask", "sub-a_space-T1w_dseg.nii.gz"),
    ]  # fmt: skip
    assert sorted((each.media, each.name) for each in one.regions) == [("T1w", "cord"), ("T2w", "SC")]
    assert [(points.media, points.names[0].name) for points in one.landmark_maps] == [("T2w", "C3")]
    assert one.visit is None and one.patient is not None
    (one,), refusals = listed(root, of="T2w", values={1: "cord"}, **params)
    assert {each.reason for each in refusals} == {"other_space", "soft_mask"}
    assert sorted((each.media, each.name or each.names[0].name) for each in one.regions) == [
        ("T1w", "cord"), ("T1w", "cord"), ("T2w", "SC"), ("T2w", "lesion"),
    ]  # fmt: skip
    (one,), _ = listed(root, suffixes=("dwi",), datatypes=("dwi",), frame=0)
    assert [(media.key, media.frame) for media in one.media] == [("dwi", 0)]


def test_runs_and_acquisitions_are_told_apart(tmp_path: Path) -> None:
    root = touched(
        tmp_path, "sub-1/anat/sub-1_acq-a_run-1_T1w.nii.gz", "sub-1/anat/sub-1_acq-a_run-2_T1w.nii.gz",
        "sub-1/anat/sub-1_acq-b_T1w.nii.gz", "derivatives/x/sub-1/anat/sub-1_acq-a_run-2_desc-brain_mask.nii.gz",
        "derivatives/x/sub-1/anat/sub-1_acq-c_desc-brain_mask.nii.gz",
    )  # fmt: skip
    (one,), refusals = listed(root)
    assert [media.key for media in one.media] == ["acq-a_run-1_T1w", "acq-a_run-2_T1w", "acq-b_T1w"]
    assert [(each.media, each.name) for each in one.regions] == [("acq-a_run-2_T1w", "brain")]
    assert [each.reason for each in refusals] == ["missing_picture"]
    (one,), _ = listed(root, entities={"acq": ["b"]})
    assert [media.key for media in one.media] == ["acq-b_T1w"]


def test_masks_of_a_session_without_images_are_told(tmp_path: Path) -> None:
    mask = "derivatives/x/sub-1/ses-b/anat/sub-1_ses-b_desc-brain_mask.nii.gz"
    images = "sub-1/ses-a/anat/sub-1_ses-a_T1w.nii.gz", "sub-1/ses-b/anat/sub-1_ses-b_UNIT1.nii.gz"
    root = touched(tmp_path, *images, mask)
    samples, refusals = listed(root)
    assert [one.key for one in samples] == ["sub-1/ses-a"]
    assert [(each.file, each.reason, each.part) for each in refusals] == [(mask, "missing_picture", True)]


def test_people_and_visits(tmp_path: Path) -> None:
    files = (f"sub-1/ses-{session}/anat/sub-1_ses-{session}_T1w.nii.gz" for session in "ab")
    root = touched(tmp_path, *files)
    (root / "participants.tsv").write_text("participant_id\tage\tsex\tgroup\nsub-1\tn/a\tF\tcontrol\n")
    (root / "sub-1/sub-1_sessions.tsv").write_text(
        "session_id\tacq_time\nses-b\t1901-03-02T10:00:00\nses-a\t1901-03-12T22:00:00\n"
    )
    samples, refusals = listed(root, labels=["group"])
    assert not refusals
    assert [(one.key, one.visit.day) for one in samples] == [("sub-1/ses-a", 10.5), ("sub-1/ses-b", 0)]
    assert [label.pointer for label in samples[0].labels] == ["participants.tsv#row=0,column=group"]
    assert (samples[0].acquisition.sex, samples[0].acquisition.age_years) == ("female", None)
    (root / "sub-1/sub-1_sessions.tsv").write_text("session_id\tacq_time\nses-a\ttoday\n")
    samples, refusals = listed(root)
    assert [each.reason for each in refusals] == ["bad_visit"] and [one.visit for one in samples] == [None, None]
    (root / "participants.tsv").write_text("id\nsub-1\n")
    assert [each.reason for each in listed(root)[1]] == ["missing_column"]


def test_no_subjects(tmp_path: Path) -> None:
    assert [each.reason for each in listed(tmp_path)[1]] == ["not_bids"]
