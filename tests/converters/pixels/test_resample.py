"""Resampling and ITK's transforms, against SimpleITK."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from medloom.converters.pixels.itk_transform import read_itk_transform
from medloom.converters.pixels.resample import resampled, resampled_labels
from medloom.converters.pixels.volume import read_nifti
from medloom.schemas.errors import BadInput

SMALL = st.floats(-0.4, 0.4)
MM = st.floats(-60, 60)
THREE = st.tuples(MM, MM, MM)


def made(kind: str, angles, shift, centre) -> sitk.Transform:
    if kind == "translation":
        return sitk.TranslationTransform(3, shift)
    transform = {"euler": sitk.Euler3DTransform, "versor": sitk.VersorRigid3DTransform, "affine": sitk.AffineTransform}[
        kind
    ](*((3,) if kind == "affine" else ()))
    transform.SetCenter(centre)
    if kind == "affine":
        transform.SetMatrix((np.eye(3) + np.outer(angles, (0.3, -0.2, 0.1))).ravel().tolist())
    elif kind == "euler":
        transform.SetRotation(*angles)
    else:
        transform.SetRotation((0.0, 0.6, 0.8), angles[0])
    transform.SetTranslation(shift)
    return transform


@settings(max_examples=40)
@given(
    kinds=st.lists(st.sampled_from(["translation", "euler", "versor", "affine"]), min_size=1, max_size=2),
    angles=st.tuples(SMALL, SMALL, SMALL), shift=THREE, centre=THREE, point=THREE,
)  # fmt: skip
def test_points_go_where_itk_takes_them(tmp_path_factory, kinds, angles, shift, centre, point) -> None:
    several = [made(kind, angles, shift, centre) for kind in kinds]
    transform = several[0] if len(several) == 1 else sitk.CompositeTransform(several)
    path = tmp_path_factory.mktemp("itk") / "t.txt"
    sitk.WriteTransform(transform, str(path))
    x, y, z = point
    lps = transform.TransformPoint((-x, -y, z))
    expected = (-lps[0], -lps[1], lps[2])
    assert np.allclose((read_itk_transform(path) @ (*point, 1.0))[:3], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "not_a_transform"), ("#Insight Transform File V1.0\n", "not_a_transform"),
        ("#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\nParameters: 1 x\n", "not_a_transform"),
        ("#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\nParameters: 0 0 0 0 0 0 0 0 0 1 2 3\n"
         "FixedParameters: 0 0 0\n", "unsupported_transform"),
        ("#Insight Transform File V1.0\nTransform: BSplineTransform_double_3_3\nParameters: 1 2 3\n"
         "FixedParameters: 4 4 4\n", "unsupported_transform"),
    ],
)  # fmt: skip
def test_what_is_no_affine_transform(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(BadInput) as caught:
        read_itk_transform(tmp_path / "t.txt")
    assert caught.value.reason == reason


@pytest.mark.parametrize("study", [1, 2])
def test_a_real_pair_meets_in_its_common_space(data_dir: Path, study: int) -> None:
    """The change mask, drawn in a common space, comes to lie where SimpleITK puts it; and so does the volume there."""
    folder = data_dir / "open_ms_long_p12/longitudinal/raw/patient12"
    flair, common = folder / f"study{study}_FLAIR.nii.gz", folder / "gt.nii.gz"
    to_common = folder / f"study{study}_FLAIR_to_common_space.txt"
    itk = sitk.ReadTransform(str(to_common))
    image, mask = sitk.ReadImage(str(flair), sitk.sitkFloat32), sitk.ReadImage(str(common))
    ours = read_itk_transform(to_common)

    drawn = resampled_labels(read_nifti(common), read_nifti(flair), np.linalg.inv(ours))
    theirs = sitk.GetArrayFromImage(sitk.Resample(mask, image, itk.GetInverse(), sitk.sitkNearestNeighbor)).T
    assert (drawn != theirs).sum() <= 0.003 * theirs.sum()  # voxels that lie between two
    volumes = [np.count_nonzero(array) * np.prod(nibabel.load(file).header.get_zooms()) for array, file in (
        (drawn, flair), (np.asanyarray(nibabel.load(common).dataobj), common))]  # fmt: skip
    assert volumes[0] == pytest.approx(volumes[1], rel=0.03)

    seen = resampled(read_nifti(flair), read_nifti(common), ours)
    told = sitk.GetArrayFromImage(sitk.Resample(image, mask, itk, sitk.sitkLinear)).T
    inside = seen.data > 0
    assert np.abs(seen.data - told)[inside].max() < 1.0
    assert (~inside & (told > 0)).sum() < 0.015 * inside.sum()  # ITK also fills half a voxel around the outermost
    assert np.array_equal(seen.affine, read_nifti(common).affine)


def test_what_lies_elsewhere_is_told(tmp_path: Path) -> None:
    ones, far = np.ones((4, 5, 6), np.uint8), np.diag([1.0, 1, 1, 1])
    far[:3, 3] = 500
    for name, affine in (("a", np.eye(4)), ("b", far)):
        nibabel.save(nibabel.Nifti1Image(ones, affine), tmp_path / f"{name}.nii")
    a, b = read_nifti(tmp_path / "a.nii"), read_nifti(tmp_path / "b.nii")
    with pytest.raises(BadInput) as caught:
        resampled_labels(b, a)
    assert caught.value.reason == "outside_picture"
    assert np.array_equal(resampled_labels(a, a), ones)
    shift = np.eye(4)
    shift[:3, 3] = 500
    assert np.array_equal(resampled_labels(b, a, shift), ones)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 2.0), (2.0, 2.0, 2.0), (0.7, 1.3, 3.1), (-2.0, 1.0, -4.0)])
@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.4, 0.4, 0.4), (-0.4, 0.3, 0.9)])
def test_the_outermost_voxels_of_a_mask_reach_to_their_edges(tmp_path: Path, spacing, shift) -> None:
    """A mask that fills its own cropped grid comes to lie where SimpleITK puts it, edges and all."""
    whole, cropped = np.diag([1.0, 1.0, 2.0, 1.0]), np.diag([*spacing, 1.0])
    cropped[:3, 3] = np.array((20.0, 16.0, 20.0)) + shift + 1e-3  # no voxel's centre right on an edge
    nibabel.save(nibabel.Nifti1Image(np.zeros((48, 40, 24), np.int16), whole), tmp_path / "a.nii")
    nibabel.save(nibabel.Nifti1Image(np.full((6, 5, 4), 3, np.uint8), cropped), tmp_path / "b.nii")
    drawn = resampled_labels(read_nifti(tmp_path / "b.nii"), read_nifti(tmp_path / "a.nii"))
    image, mask = (sitk.ReadImage(str(tmp_path / f"{name}.nii")) for name in ("a", "b"))
    theirs = sitk.GetArrayFromImage(sitk.Resample(mask, image, sitk.Transform(), sitk.sitkNearestNeighbor)).T
    assert theirs.any() and np.array_equal(drawn, theirs)
