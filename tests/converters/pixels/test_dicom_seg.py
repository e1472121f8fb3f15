"""SEG objects against the label files that they were made from, on the series that they were drawn on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from medloom.converters.pixels.dicom_seg import read_seg
from medloom.converters.pixels.dicom_series import read_series
from medloom.converters.pixels.volume import Volume
from medloom.schemas.errors import BadInput

FOLDER = "dcmqi_seg/data/segmentations"


@pytest.fixture(scope="module")
def ct(data_dir: Path) -> Volume:
    return read_series(sorted((data_dir / FOLDER / "ct-3slice").glob("*.dcm"), reverse=True))


def _on_grid(path: Path, volume: Volume) -> np.ndarray:
    """A NRRD label file on the volume's grid, by world coordinates, with SimpleITK."""
    image = sitk.ReadImage(str(path))
    grid = np.zeros(volume.shape, int)
    array = sitk.GetArrayFromImage(image)
    for k, j, i in np.argwhere(array):
        lps = image.TransformIndexToPhysicalPoint((int(i), int(j), int(k)))
        voxel = np.linalg.inv(volume.affine) @ (-lps[0], -lps[1], lps[2], 1)
        grid[tuple(np.rint(voxel[:3]).astype(int))] = array[k, j, i]
    return grid


def _grid_of(path: Path) -> Volume:
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    affine[:2] *= -1
    spacing = (image.GetSpacing()[0], image.GetSpacing()[1], image.GetSpacing()[2])
    return Volume(data=np.zeros(image.GetSize(), np.uint8), affine=affine, spacing=spacing)


def test_a_binary_segment_is_the_label_that_it_was_made_from(data_dir: Path, ct: Volume) -> None:
    found = read_seg(data_dir / FOLDER / "liver.dcm", ct)
    truth = _on_grid(data_dir / FOLDER / "liver_seg.nrrd", ct)
    assert len(found) == 1
    (segment,) = found.values()
    assert np.array_equal(segment.mask, truth > 0) and segment.mask.sum() > 1000
    assert segment.kind == "Liver"


def test_segments_may_overlap(data_dir: Path, ct: Volume) -> None:
    found = read_seg(data_dir / FOLDER / "partial_overlaps.dcm", ct)
    truths = [_on_grid(data_dir / FOLDER / f"partial_overlaps-{n}.nrrd", ct) for n in (1, 2, 3)]
    wanted = [truth == value for truth in truths for value in np.unique(truth[truth > 0])]
    matched = [any(np.array_equal(segment.mask, one) for one in wanted) for segment in found.values()]
    assert all(matched) and len(found) == len(wanted)
    total = sum(segment.mask.astype(int) for segment in found.values())
    assert total.max() > 1, "some voxel belongs to two"


@pytest.mark.parametrize("name", ["sparse-labelmap-noppv", "sparse-labelmap-ppv5"])
def test_label_maps_are_read_by_value(name: str, data_dir: Path) -> None:
    file = data_dir / FOLDER / f"{name.replace('-', '_')}_seg.nrrd"
    grid = _grid_of(file)  # the series that it was drawn on isn't here
    found = read_seg(data_dir / FOLDER / f"{name}.dcm", grid)
    truth = _on_grid(file, grid)
    truth[truth == 5] = 0  # the padding value where there is one
    assert sum(int(segment.mask.sum()) for segment in found.values()) == int((truth > 0).sum())
    for segment in found.values():
        values = np.unique(truth[segment.mask])
        assert len(values) == 1 and values[0] > 0


@pytest.mark.parametrize("phantom", ["23x38x3", "24x38x3"])
def test_bit_packing_that_doesnt_end_at_a_byte(phantom: str, data_dir: Path) -> None:
    folder = data_dir / FOLDER / phantom
    volume = read_series(sorted((folder / "image").glob("*.dcm")))
    found = read_seg(folder / "seg" / "label.seg", volume)
    truth = _on_grid(folder / "nrrd" / "label.nrrd", volume)
    assert np.array_equal(np.any([one.mask for one in found.values()], axis=0), truth > 0)


def test_a_segment_of_slices_that_arent_here_is_refused(data_dir: Path) -> None:
    one = read_series([data_dir / FOLDER / "ct-3slice" / "01.dcm"])
    with pytest.raises(BadInput, match=r"missing here|off the grid"):
        read_seg(data_dir / FOLDER / "liver.dcm", one)


def test_what_is_no_seg_is_refused(data_dir: Path, ct: Volume) -> None:
    with pytest.raises(BadInput) as caught:
        read_seg(data_dir / FOLDER / "ct-3slice" / "01.dcm", ct)
    assert caught.value.reason == "not_a_seg"
