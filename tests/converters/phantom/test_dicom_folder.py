"""DICOM series, read by pydicom and by SimpleITK's series reader, against the NIfTI label map beside them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK

from medloom.converters.phantom.chest import Chest
from medloom.converters.phantom.clinic import Clinic
from medloom.converters.phantom.course import Patient, patients
from medloom.converters.phantom.dicom_folder import _series, uid
from medloom.converters.phantom.truth import VolumeTruth


def sitk_affine(image: SimpleITK.Image) -> np.ndarray:
    """Index to RAS mm, from SimpleITK's LPS."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return np.diag([-1, -1, 1, 1]) @ affine


def read_series(folder: Path) -> SimpleITK.Image:
    (series,) = SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series))
    return reader.Execute()


def check_series(root: Path, volume: VolumeTruth) -> None:
    image = read_series((root / volume.files[0]).parent)
    label = nib.load(root / str(volume.labels))
    assert image.GetSize() == label.shape == volume.shape
    assert np.allclose(sitk_affine(image), label.affine, atol=1e-3)
    values = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    codes = np.asanyarray(label.dataobj)
    by_concept = {one.concept: one.value for one in volume.objects}
    expected = {"lung_left": (-825, 60), "lung_right": (-825, 60), "heart": (150, 40), "lung_nodule": (40, 90)}
    for concept, (middle, off) in expected.items():
        assert np.median(values[codes == by_concept[concept]]) == pytest.approx(middle, abs=off)


def test_simpleitk_reads_the_series_onto_the_grid_of_its_labels(clinic: Clinic) -> None:
    series = [one for one in clinic.truth.volumes if one.source == "ct_dicom"]
    assert len(series) == 1
    for volume in series:
        check_series(clinic.root, volume)


def test_an_oblique_series_keeps_its_geometry(tmp_path: Path) -> None:
    eighth = patients(5, 8)[7]
    volume = _series(tmp_path, 5, eighth)
    orientation = pydicom.dcmread(tmp_path / volume.files[0]).ImageOrientationPatient
    assert max(abs(float(value)) for value in orientation[1:3]) > 0.01
    check_series(tmp_path, volume)


def test_every_file_is_a_whole_ct_image(clinic: Clinic) -> None:
    (volume,) = (one for one in clinic.truth.volumes if one.source == "ct_dicom")
    seen = set()
    numbers = []
    for place, file in enumerate(volume.files):
        image = pydicom.dcmread(clinic.root / file)
        assert image.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
        assert image.SOPClassUID == image.file_meta.MediaStorageSOPClassUID == pydicom.uid.CTImageStorage
        assert image.SOPInstanceUID == image.file_meta.MediaStorageSOPInstanceUID
        for one in (image.SOPInstanceUID, image.SeriesInstanceUID, image.StudyInstanceUID, image.FrameOfReferenceUID):
            assert one.is_valid
        seen.add(image.SOPInstanceUID)
        assert image.pixel_array.shape == (volume.shape[1], volume.shape[0])
        assert (image.Modality, image.PatientID, image.BodyPartExamined) == ("CT", volume.patient, "CHEST")
        corner = np.array([float(value) for value in image.ImagePositionPatient]) * [-1, -1, 1]
        assert corner[2] == pytest.approx(96 + (place - (volume.shape[2] - 1) / 2) * volume.spacing_mm[2], abs=1e-3)
        numbers.append(image.InstanceNumber)
        assert Path(file).name == f"IM{image.InstanceNumber:04d}.dcm"
    assert len(seen) == volume.shape[2]
    assert sorted(numbers) == list(range(1, volume.shape[2] + 1))
    assert numbers != sorted(numbers)


def test_nodules_of_the_ct_are_those_of_the_first_film(clinic: Clinic) -> None:
    (volume,) = (one for one in clinic.truth.volumes if one.source == "ct_dicom")
    person = next(one for one in clinic.truth.patients if one.key == volume.patient)
    in_ct = {one.lesion.key: one.lesion.centre_ras_mm for one in volume.objects if one.lesion}
    on_film = {one.key: one.lesion.centre_ras_mm for one in person.visits[0].objects if one.lesion}
    assert in_ct == on_film
    assert len(in_ct) == 2


def test_uids_depend_on_their_parts_alone() -> None:
    assert uid(1, "a") == uid(1, "a") != uid(2, "a")
    assert len(uid(1, "a")) <= 64


@pytest.mark.parametrize("patient", patients(11, 16), ids=lambda one: one.key)
def test_nodules_lie_in_lung_at_every_visit(patient: Patient) -> None:
    chest = Chest.of(patient, 11)
    for nodule in chest.nodules:
        for shape in nodule.shapes:
            if shape is not None:
                x, y, z = (np.array(value) for value in shape.centre)
                assert (
                    min(
                        body.radius(x, y, z)
                        for side in ("left", "right")
                        for body in chest.scene.shapes(f"lung_{side}")
                    )
                    < 1
                )
                assert all(body.radius(x, y, z) > 1 for body in chest.scene.shapes("heart"))
