"""RTSTRUCT contours: the same structure as its NIfTI mask, holes, and references to what isn't there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from medloom.converters.pixels.dicom_series import read_series
from medloom.converters.pixels.rtstruct import inside_polygons, read_rtstruct
from medloom.converters.pixels.volume import read_nifti
from medloom.schemas.errors import BadInput

PAGE = Path(__file__).parents[3] / "docs" / "dicom.md"
LEAST_DICE = {"CT": 0.98, "PET": 0.95, "MR_T1": 0.97}


@pytest.mark.parametrize("modality", sorted(LEAST_DICE))
def test_contours_are_their_nifti_mask(modality: str, data_dir: Path) -> None:
    folder = data_dir / "sts_002" / "STS_002" / modality
    volume = read_series(sorted((folder / "dicom" / "image").glob("*.dcm")))
    path = folder / "dicom" / "mask" / "RS.dcm"
    number = int(dcmread(path).StructureSetROISequence[0].ROINumber)
    with pytest.raises(BadInput, match="aren't here"):  # the images were written anew: their UIDs are others
        read_rtstruct(path, volume, number)
    roi = read_rtstruct(path, volume, number, by_place=True)
    truth = read_nifti(folder / "nifti" / "mask" / "mask.nii.gz")
    voxels = np.argwhere(truth.data > 0)
    ras = (truth.affine @ np.c_[voxels, np.ones(len(voxels))].T)[:3]
    here = np.rint((np.linalg.inv(volume.affine) @ np.r_[ras, np.ones((1, len(voxels)))])[:3]).astype(int).T
    grid = np.zeros(volume.shape, bool)
    within = ((here >= 0) & (here < volume.shape)).all(axis=1)
    grid[tuple(here[within].T)] = True
    dice = 2 * (grid & roi.mask).sum() / (grid.sum() + roi.mask.sum())
    assert dice >= LEAST_DICE[modality]
    line = f"| {modality} | {int(roi.mask.sum())} | {int(grid.sum())} | {dice:.4f} |"
    assert line in PAGE.read_text("utf-8"), line


@pytest.mark.parametrize(
    ("rt", "image"),
    [
        ("rt-utils/mock_data/invalid_reference_rt.dcm", "rt-utils/mock_data/ct_1.dcm"),
        ("rt-utils/mock_data/non_existent_reference_rt.dcm", "rt-utils/mock_data/ct_1.dcm"),
        ("dicompyler-core/example_data/rtss.dcm", "dicompyler-core/example_data/ct.0.dcm"),
        ("rt-utils/empty/dummy_rt.dcm", "rt-utils/mock_data/ct_1.dcm"),
    ],
)
def test_references_to_what_isnt_here_are_refused(rt: str, image: str, data_dir: Path) -> None:
    volume = read_series([data_dir / "rt_small" / image])
    path = data_dir / "rt_small" / rt
    rois = [int(item.ROINumber) for item in dcmread(path, force=True).get("StructureSetROISequence") or ()]
    for number in rois or [1]:
        with pytest.raises(BadInput) as caught:
            read_rtstruct(path, volume, number)
        assert caught.value.reason in ("unknown_series", "missing_slices", "no_contour", "not_an_rtstruct")


def _circle(radius: float, i: float = 20.0, j: float = 15.0) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    return np.c_[i + radius * np.cos(turn), j + radius * np.sin(turn)]


def test_a_circle_has_its_area_and_a_nested_one_is_a_hole() -> None:
    full = inside_polygons([_circle(10.3)], (40, 30))
    ring = inside_polygons([_circle(10.3), _circle(4.2)], (40, 30))
    assert full.sum() == pytest.approx(np.pi * 10.3**2, rel=0.03)
    assert ring.sum() == full.sum() - inside_polygons([_circle(4.2)], (40, 30)).sum()
    assert full[20, 15] and not ring[20, 15]


def test_a_keyhole_is_a_ring_too() -> None:
    outer, inner = _circle(10.3), _circle(4.2)[::-1]
    keyhole = np.r_[outer, outer[:1], inner[-1:], inner, inner[:1], outer[:1]]
    ring = inside_polygons([outer, inner], (40, 30))
    assert (inside_polygons([keyhole], (40, 30)) != ring).sum() <= 2


@given(st.integers(0, 8), st.integers(0, 6), st.integers(9, 18), st.integers(7, 12))
def test_a_box_holds_the_centres_within_it(i0: int, j0: int, i1: int, j1: int) -> None:
    box = np.array([[i0 - 0.5, j0 - 0.5], [i1 - 0.5, j0 - 0.5], [i1 - 0.5, j1 - 0.5], [i0 - 0.5, j1 - 0.5]])
    found = inside_polygons([box], (20, 14))
    expected = np.zeros((20, 14), bool)
    expected[i0:i1, j0:j1] = True
    assert np.array_equal(found, expected)
    assert np.array_equal(inside_polygons([box[::-1]], (20, 14)), expected)


def _structure(tmp_path: Path, images, contours: dict[float, list[np.ndarray]], kind: str = "CLOSED_PLANAR") -> Path:
    """An RTSTRUCT of one ROI: polygons of (x, y) mm by z, on the images of a series."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID, one.SOPInstanceUID, one.Modality = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.7", "RTSTRUCT"
    roi, drawn = Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = 1, "mass"
    roi.ReferencedFrameOfReferenceUID = images[0].FrameOfReferenceUID
    drawn.ReferencedROINumber, drawn.ContourSequence = 1, []
    by_place = {float(image.ImagePositionPatient[2]): image for image in images}
    for z, polygons in contours.items():
        for polygon in polygons:
            contour, image = Dataset(), Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(polygon)
            contour.ContourData = [f"{value:.6g}" for x, y in polygon for value in (x, y, z)]
            if z in by_place:
                image.ReferencedSOPInstanceUID = by_place[z].SOPInstanceUID
                contour.ContourImageSequence = [image]
            drawn.ContourSequence.append(contour)
    one.StructureSetROISequence, one.ROIContourSequence = [roi], [drawn]
    one.save_as(tmp_path / "rs.dcm", enforce_file_format=True)
    return tmp_path / "rs.dcm"


def _square(x: float, y: float, half: float) -> np.ndarray:
    return np.array([(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)])


@pytest.fixture
def ct(tmp_path: Path, scanner):
    images = scanner.series(tmp_path / "ct", [0.0, 2.0, 4.0, 6.0, 8.0])
    return images, read_series(sorted((tmp_path / "ct").iterdir()))


def test_contours_land_where_they_were_drawn_with_their_hole(tmp_path: Path, ct) -> None:
    images, volume = ct  # x from -10, y from -20, 1 mm
    path = _structure(
        tmp_path, images, {2.0: [_square(0, -10, 4.5), _square(0, -10, 1.5)], 4.0: [_square(0, -10, 2.5)]}
    )
    roi = read_rtstruct(path, volume, 1)
    assert roi.mask.sum(axis=(0, 1)).tolist() == [0, 81 - 9, 25, 0, 0]
    assert not roi.mask[10, 10, 1] and roi.mask[7, 10, 1] and roi.mask[10, 10, 2]
    assert (roi.gaps, roi.name) == ((), "mass")


def test_slices_between_contours_without_one_are_told(tmp_path: Path, ct) -> None:
    images, volume = ct
    path = _structure(tmp_path, images, {0.0: [_square(0, -10, 3)], 6.0: [_square(0, -10, 3)]})
    assert read_rtstruct(path, volume, 1).gaps == (1, 2)


@pytest.mark.parametrize(
    ("contours", "kind", "reason"),
    [
        ({10.0: [_square(0, -10, 3)]}, "CLOSED_PLANAR", "missing_slices"),
        ({2.0: [_square(40, -10, 3)]}, "CLOSED_PLANAR", "missing_slices"),
        ({2.0: [_square(0, -10, 3)]}, "OPEN_PLANAR", "no_contour"),
        ({}, "CLOSED_PLANAR", "no_contour"),
    ],
)
def test_contours_that_make_no_mask_here(contours, kind: str, reason: str, tmp_path: Path, ct) -> None:
    images, volume = ct
    with pytest.raises(BadInput) as caught:
        read_rtstruct(_structure(tmp_path, images, contours, kind), volume, 1)
    assert caught.value.reason == reason


def test_points_are_kept_beside_contours(tmp_path: Path, ct) -> None:
    images, volume = ct
    path = _structure(tmp_path, images, {2.0: [_square(0, -10, 3)]})
    rs = dcmread(path)
    from copy import deepcopy

    point = deepcopy(rs.ROIContourSequence[0].ContourSequence[0])
    point.ContourGeometricType, point.NumberOfContourPoints, point.ContourData = "POINT", 1, [-7, -12, 4]
    rs.ROIContourSequence[0].ContourSequence.append(point)
    rs.save_as(path)
    assert read_rtstruct(path, volume, 1).points == ((3.0, 8.0, 2.0),)


def test_an_roi_without_a_number_is_none(tmp_path: Path, ct) -> None:
    images, volume = ct
    path = _structure(tmp_path, images, {2.0: [_square(0, -10, 3)]})
    rs = dcmread(path)
    del rs.StructureSetROISequence[0].ROINumber
    rs.save_as(path)
    with pytest.raises(BadInput, match="no_contour"):
        read_rtstruct(path, volume, 1)
