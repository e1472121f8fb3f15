"""CT and MR volumes, read by nibabel and measured again, against the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from medloom.converters.phantom.clinic import Clinic
from medloom.converters.phantom.truth import VolumeObject, VolumeTruth


def load(path: Path) -> tuple[NDArray[Any], NDArray[np.float64], tuple[float, ...]]:
    image = nib.load(path)
    return np.asanyarray(image.dataobj), image.affine, image.header.get_zooms()[:3]


def labelled(clinic: Clinic) -> list[VolumeTruth]:
    return [one for one in clinic.truth.volumes if one.labels is not None]


def mask_of(clinic: Clinic, volume: VolumeTruth, found: VolumeObject) -> NDArray[np.bool_]:
    """Voxels of a label, as they stand in the files."""
    place = clinic.root / str(volume.labels)
    if place.is_dir():
        return load(place / f"{found.name}.nii.gz")[0] > 0
    return load(place)[0] == found.value


def test_there_is_something_of_everything(clinic: Clinic) -> None:
    found = {(one.source, one.orientation) for one in clinic.truth.volumes}
    assert {source for source, _ in found} == {"ct_msd", "mr_per_class", "ct_dicom"}
    assert len({codes for _, codes in found}) >= 3
    assert {one.split for one in clinic.truth.volumes if one.source == "ct_msd"} == {"train", "test"}
    lesions = {one.concept for volume in clinic.truth.volumes for one in volume.objects if one.lesion}
    assert lesions == {"liver_lesion", "brain_tumour", "lung_nodule"}
    assert any("liver_lesion" in volume.absent for volume in clinic.truth.volumes)


def test_every_label_is_as_large_and_where_the_truth_says(clinic: Clinic) -> None:
    for volume in labelled(clinic):
        for one in volume.objects:
            if one.lesion is not None:
                continue
            mask = mask_of(clinic, volume, one)
            affine = nib.load(_any_label(clinic, volume)).affine
            voxel = abs(np.linalg.det(affine[:3, :3]))
            where = np.argwhere(mask)
            assert len(where) == one.voxels
            assert one.voxel_volume_mm3 == pytest.approx(len(where) * voxel, rel=1e-4)
            centroid = nib.affines.apply_affine(affine, where.mean(axis=0))
            assert np.allclose(centroid, one.centroid_ras_mm, atol=0.01)
            assert (*where.min(axis=0), *(where.max(axis=0) + 1)) == one.box_ijk
            assert mask.sum(axis=tuple({0, 1, 2} - {volume.axial_axis})).argmax() == one.largest_slice


def _any_label(clinic: Clinic, volume: VolumeTruth) -> Path:
    place = clinic.root / str(volume.labels)
    return place / f"{volume.objects[0].name}.nii.gz" if place.is_dir() else place


def test_what_is_absent_has_no_voxel(clinic: Clinic) -> None:
    for volume in labelled(clinic):
        place = clinic.root / str(volume.labels)
        if place.is_dir():
            empty = {path.name.split(".")[0] for path in place.iterdir() if not load(path)[0].any()}
            assert len(empty) == len(volume.absent) >= 1
            assert "hemorrhage" in empty
        else:
            written = set(np.unique(load(place)[0])) - {0}
            assert written == {one.value for one in volume.objects if one.lesion is None}


def test_left_is_left(clinic: Clinic) -> None:
    for volume in clinic.truth.volumes:
        for one in volume.objects:
            if one.concept.endswith("_left"):
                assert one.centroid_ras_mm[0] < 0
                assert one.side == "left"
            if one.concept.endswith("_right"):
                assert one.centroid_ras_mm[0] > 0
                assert one.side == "right"
    liver = {
        volume.situs_inversus: one.centroid_ras_mm[0]
        for volume in clinic.truth.volumes
        for one in volume.objects
        if one.concept == "liver" and one.lesion is None and volume.source == "ct_msd"
    }
    assert liver[True] < -20 < 20 < liver[False]


def test_lesions_are_as_large_as_their_formula(clinic: Clinic) -> None:
    """Volume within what voxels can tell; centre within half a voxel; long axis measured on the largest slice."""
    seen = 0
    for volume in labelled(clinic):
        for one in (found for found in volume.objects if found.lesion is not None):
            lesion = one.lesion
            assert lesion is not None
            seen += 1
            radius = lesion.volume_mm3 ** (1 / 3) * 0.62
            assert one.voxel_volume_mm3 == pytest.approx(lesion.volume_mm3, rel=0.5 * max(volume.spacing_mm) / radius)
            affine = nib.load(_any_label(clinic, volume)).affine
            step = np.linalg.norm(affine[:3, :3], axis=0)
            offset = (np.array(one.centroid_ras_mm) - lesion.centre_ras_mm) @ (affine[:3, :3] / step)
            assert (np.abs(offset) < 0.5 * step).all()
            box = tuple(slice(one.box_ijk[axis], one.box_ijk[axis + 3]) for axis in range(3))
            mask = np.zeros(volume.shape, bool)
            mask[box] = mask_of(clinic, volume, one)[box]
            where = np.argwhere(mask)
            where = where[where[:, volume.axial_axis] == one.largest_slice]
            points = nib.affines.apply_affine(affine, where)
            plane = [volume.spacing_mm[axis] for axis in range(3) if axis != volume.axial_axis]
            assert pdist(points).max() == pytest.approx(lesion.long_axis_mm, abs=1.6 * float(np.hypot(*plane)))
            assert lesion.side == ("left" if lesion.centre_ras_mm[0] < 0 else "right")
            assert (
                2 * lesion.semi_axes_mm[0]
                >= lesion.long_axis_mm
                >= lesion.short_axis_mm
                >= 2 * lesion.semi_axes_mm[2] - 1e-3
            )
    assert seen >= 6


def test_the_dataset_json_lists_what_is_there(root: Path) -> None:
    index = json.loads((root / "ct_msd" / "dataset.json").read_text())
    assert index["modality"] == {"0": "CT"}
    assert index["numTraining"] == len(index["training"]) == 3
    assert index["numTest"] == len(index["test"]) == 1
    for pair in index["training"]:
        image, label = (nib.load(root / "ct_msd" / pair[kind]) for kind in ("image", "label"))
        assert image.shape == label.shape
        assert np.array_equal(image.affine, label.affine)
        assert label.get_data_dtype() == np.uint8
        assert set(np.unique(np.asanyarray(label.dataobj))) <= {int(value) for value in index["labels"]}
    assert all((root / "ct_msd" / case).is_file() for case in index["test"])


def test_hounsfield_units_are_those_of_the_tissue(clinic: Clinic) -> None:
    for volume in clinic.truth.volumes:
        if volume.source != "ct_msd" or volume.labels is None:
            continue
        image = nib.load(clinic.root / volume.files[0])
        values = image.get_fdata()
        assert values.min() >= -1000
        expected = {"liver": (112, 12), "spleen": (124, 12), "lung_right": (-825, 40), "liver_lesion": (48, 22)}
        for one in volume.objects:
            if one.lesion is None and one.concept in expected:
                middle, off = expected[one.concept]
                assert np.median(values[mask_of(clinic, volume, one)]) == pytest.approx(middle, abs=off)
        corner = values[:3, :3, :3]
        assert (corner < -900).all()


def test_an_intercept_is_needed_where_voxels_are_stored_without_a_sign(tmp_path: Path) -> None:
    from medloom.converters.phantom.course import patients
    from medloom.converters.phantom.msd_folder import _case

    third = patients(5, 3)[2]
    _case(tmp_path, 5, third)
    image = nib.load(tmp_path / "imagesTr" / f"phantom_{third.key}.nii.gz")
    assert image.get_data_dtype() == np.uint16
    assert np.asarray(image.dataobj.get_unscaled()).min() >= 0
    assert image.get_fdata().min() < -900


def test_mr_has_another_scale_in_each_case_and_masks_that_overlap(clinic: Clinic) -> None:
    white = []
    for volume in clinic.truth.volumes:
        if volume.modality != "mr":
            continue
        values = nib.load(clinic.root / volume.files[0]).get_fdata()
        masks = {path.name.split(".")[0]: load(path)[0] > 0 for path in (clinic.root / str(volume.labels)).iterdir()}
        assert all(mask.shape == values.shape for mask in masks.values())
        white.append(np.median(values[masks["brain"]]))
        for name in ("ventricle", "tumor", "edema"):
            assert not (masks[name] & ~masks["brain"]).any()
        assert np.median(values[masks["ventricle"]]) < 0.5 * white[-1]
        if masks["tumor"].any():
            assert not (masks["tumor"] & ~masks["edema"]).any()
            assert not (masks["tumor"] & masks["ventricle"]).any()
    assert len(white) == 2
    assert max(white) > 4 * min(white)
