"""SEG objects against the label files that they were made from, on the series that they were drawn on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread

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


@pytest.fixture
def drawn(tmp_path: Path, scanner):
    """A series of five slices, and a way to draw segments (slice, row, column) on it."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    images = scanner.series(tmp_path / "ct", [8.0, 0.0, 4.0, 2.0, 6.0])

    def draw(pixels: np.ndarray, kind: str, count: int = 1, **more: object) -> tuple[Path, Volume]:
        described = [
            hd.seg.SegmentDescription(
                number, f"s{number}", codes.SCT.Organ, codes.SCT.Liver, hd.seg.SegmentAlgorithmTypeValues.MANUAL
            )
            for number in range(1, count + 1)
        ]
        ids = (scanner.uid("seg"), 2, scanner.uid("seg", 1), 1)
        seg = hd.seg.Segmentation(images, pixels, kind, described, *ids, "us", "m", "1", "1", **more)
        seg.save_as(tmp_path / "seg.dcm")
        return tmp_path / "seg.dcm", read_series(sorted((tmp_path / "ct").iterdir()))

    return draw


def test_a_fractional_segment_is_where_it_is_half_or_more(drawn) -> None:
    share = np.zeros((5, 24, 32))
    share[:, 3, 4], share[:, 3, 5], share[:, 3, 6] = 0.4, 0.6, 1.0
    path, volume = drawn(share, "FRACTIONAL")
    (segment,) = read_seg(path, volume).values()
    assert sorted(map(tuple, np.argwhere(segment.mask[:, :, 2]))) == [(5, 3), (6, 3)]


@pytest.mark.parametrize("omitted", [False, True])
def test_frames_without_content_may_be_left_out(omitted: bool, drawn) -> None:
    mask = np.zeros((5, 24, 32), np.uint8)
    mask[1, 3:5, 7] = 1  # the second image, at z = 0
    path, volume = drawn(mask, "BINARY", omit_empty_frames=omitted)
    frames = int(dcmread(path).NumberOfFrames)
    (segment,) = read_seg(path, volume).values()
    assert np.argwhere(segment.mask).tolist() == [[7, 3, 0], [7, 4, 0]]
    assert frames == (1 if omitted else 5)


def test_a_label_map_on_its_series(drawn) -> None:
    values = np.zeros((5, 24, 32), np.uint8)
    values[0, 1, 2], values[4, 3, 4] = 1, 2  # at z = 8 and z = 6
    path, volume = drawn(values, "LABELMAP", count=2)
    found = read_seg(path, volume)
    assert {number: np.argwhere(one.mask).tolist() for number, one in found.items()} == {
        1: [[2, 1, 4]], 2: [[4, 3, 3]],
    }  # fmt: skip
    assert list(read_seg(path, volume, {2})) == [2]


def test_another_space_is_refused(drawn, tmp_path: Path) -> None:
    path, volume = drawn(np.ones((5, 24, 32), np.uint8), "BINARY")
    moved = dcmread(path)
    moved.FrameOfReferenceUID = "1.2.3"
    moved.save_as(path)
    with pytest.raises(BadInput, match="unknown_series"):
        read_seg(path, volume)
