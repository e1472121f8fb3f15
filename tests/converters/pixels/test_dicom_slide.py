"""DICOM slide microscopy: tiles in order, tiles in places of their own, levels, and what is no level."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

from medloom.converters.formats.dicom_series import DicomSeries
from medloom.converters.pixels.dicom_slide import DicomSlide
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import TilePolicy, ViewPolicy
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Refusal, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.scenes import scenes_of
from medloom.synthesis.vocabulary import load_vocabulary

TILE = 64


def specimen() -> np.ndarray:
    """A stained disc on glass, 200 × 300, that is the same nowhere."""
    rows, columns = np.mgrid[:200, :300]
    slide = np.full((200, 300, 3), 244, np.uint8)
    inside = (rows - 110) ** 2 + (columns - 190) ** 2 < 50**2
    slide[inside] = np.stack([columns % 200, rows % 190, (rows + columns) % 180], axis=2)[inside]
    return slide


def tiles_of(picture: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Whole tiles at their (column, row); beyond the edge they are white."""
    high, wide = (-(-size // TILE) * TILE for size in picture.shape[:2])
    padded = np.full((high, wide, 3), 255, np.uint8)
    padded[: picture.shape[0], : picture.shape[1]] = picture
    return {
        (x, y): padded[y : y + TILE, x : x + TILE] for y in range(0, high, TILE) for x in range(0, wide, TILE)
    }  # fmt: skip


def write(path: Path, picture: np.ndarray, mm: float, kind: str = "VOLUME", sparse: bool = False, jpeg: bool = False,
          only: slice = slice(None), planes: int = 1) -> None:  # fmt: skip
    """One file of a slide. `only` keeps some tiles; `sparse` states where each lies, in an order of its own."""
    places = list(tiles_of(picture).items())
    places = (places[::-1] if sparse else places)[only]
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    one.SOPClassUID, one.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", generate_uid()
    one.SeriesInstanceUID, one.StudyInstanceUID, one.PatientID, one.Modality = "1.2.9", "1.2.8", "P", "SM"
    one.ImageType = ["ORIGINAL", "PRIMARY", kind, "NONE"]
    one.Rows = one.Columns = TILE
    one.TotalPixelMatrixRows, one.TotalPixelMatrixColumns = picture.shape[:2]
    one.SamplesPerPixel, one.PhotometricInterpretation, one.PlanarConfiguration = (
        3,
        "YBR_FULL_422" if jpeg else "RGB",
        0,
    )
    one.BitsAllocated = one.BitsStored = 8
    one.HighBit, one.PixelRepresentation, one.NumberOfFrames = 7, 0, planes * len(places)
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing = [mm, mm]
    shared.PixelMeasuresSequence = [measures]
    one.SharedFunctionalGroupsSequence = [shared]
    one.DimensionOrganizationType = "TILED_SPARSE" if sparse else "TILED_FULL"
    if not sparse and only.start:
        one.ConcatenationFrameOffsetNumber = only.start
    if sparse:
        one.PerFrameFunctionalGroupsSequence = []
        for (x, y), _ in places:
            at, group = Dataset(), Dataset()
            at.ColumnPositionInTotalImagePixelMatrix, at.RowPositionInTotalImagePixelMatrix = x + 1, y + 1
            group.PlanePositionSlideSequence = [at]
            one.PerFrameFunctionalGroupsSequence.append(group)
    pixels = [tile for _, tile in places] + [np.zeros_like(tile) for _, tile in places] * (planes - 1)
    if jpeg:
        encoded = [
            cv2.imencode(".jpg", tile[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 97])[1].tobytes() for tile in pixels
        ]
        one.PixelData = encapsulate(encoded)
    else:
        one.PixelData = b"".join(tile.tobytes() for tile in pixels)
    one["PixelData"].VR = "OB"
    one.save_as(path, enforce_file_format=True)


def whole(slide: DicomSlide, level: int = 0) -> np.ndarray:
    at = slide.levels[level]
    return slide.read(level, (0, 0, at.width, at.height))


@pytest.mark.parametrize("sparse", [False, True])
def test_tiles_become_the_whole(tmp_path: Path, sparse: bool) -> None:
    write(tmp_path / "a.dcm", specimen(), 0.0005, sparse=sparse)
    slide = DicomSlide([tmp_path / "a.dcm"])
    assert np.array_equal(whole(slide), specimen())
    assert np.array_equal(slide.read(0, (150, 70, 231, 165)), specimen()[70:165, 150:231])
    assert slide.levels[0].microns == pytest.approx((0.5, 0.5))


def test_encoded_tiles(tmp_path: Path) -> None:
    write(tmp_path / "a.dcm", specimen(), 0.0005, jpeg=True)
    apart = np.abs(whole(DicomSlide([tmp_path / "a.dcm"])).astype(int) - specimen())
    assert apart.mean() < 2


def test_levels_go_from_the_largest_and_what_shows_no_specimen_is_none(tmp_path: Path) -> None:
    small = np.ascontiguousarray(specimen()[::2, ::2])
    write(tmp_path / "small.dcm", small, 0.001)
    write(tmp_path / "large.dcm", specimen(), 0.0005)
    write(tmp_path / "label.dcm", np.zeros((90, 90, 3), np.uint8), 0.01, kind="LABEL")
    slide = DicomSlide(sorted(tmp_path.iterdir()))
    assert [(one.width, one.height) for one in slide.levels] == [(300, 200), (150, 100)]
    assert np.array_equal(whole(slide, 1), small)
    with pytest.raises(BadInput, match="no_level"):
        DicomSlide([tmp_path / "label.dcm"])


def test_parts_of_a_concatenation_are_one_level(tmp_path: Path) -> None:
    write(tmp_path / "b.dcm", specimen(), 0.0005, only=slice(0, 7))
    write(tmp_path / "a.dcm", specimen(), 0.0005, only=slice(7, None))
    assert np.array_equal(whole(DicomSlide(sorted(tmp_path.iterdir()))), specimen())


def test_where_no_tile_is_the_slide_is_white(tmp_path: Path) -> None:
    write(tmp_path / "a.dcm", specimen(), 0.0005, sparse=True, only=slice(0, 1))
    shown = whole(DicomSlide([tmp_path / "a.dcm"]))
    assert np.array_equal(shown[192:, 256:], specimen()[192:, 256:])
    assert (shown[:192] == 255).all()


def test_of_several_focal_planes_the_first_is_shown_and_told(tmp_path: Path) -> None:
    write(tmp_path / "a.dcm", specimen(), 0.0005, planes=2)
    slide = DicomSlide([tmp_path / "a.dcm"])
    assert np.array_equal(whole(slide), specimen())
    assert any("first is shown" in note for note in slide.notes)


def test_a_folder_of_slide_files_becomes_tiles(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write(root / "large.dcm", specimen(), 0.0005)
    write(root / "small.dcm", np.ascontiguousarray(specimen()[::2, ::2]), 0.001)
    write(root / "label.dcm", np.zeros((90, 90, 3), np.uint8), 0.01, kind="LABEL")
    card = SourceCard.model_validate(
        {"source": "s", "title": "", "licence": "CC0-1.0", "citation": "", "modality": "histopathology",
         "verified": "layout", "converter": "dicom_series", "patient": "unknown", "params": {"states": []}}
    )  # fmt: skip
    found = list(DicomSeries().samples(root, card))
    (sample,) = (one for one in found if isinstance(one, Sample))
    (refusal,) = (one for one in found if isinstance(one, Refusal))
    assert (refusal.unit, refusal.reason) == ("label.dcm", "not_an_image")
    assert sample.media[0].kind == "slide" and len(sample.media[0].files) == 2
    views = ViewPolicy(tiles=TilePolicy(size=64, per_picture=2, microns=0.5))
    made = scenes_of(sample, Origin(card, root, load_vocabulary(), views))
    assert not made.refused
    for scene in made.scenes:
        x0, y0, x1, y1 = (int(edge) for edge in scene.view.derivation.crop)
        shown = cv2.imdecode(np.frombuffer(made.pictures[scene.view.sha256], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert np.array_equal(shown, specimen()[y0:y1, x0:x1]) and (shown != 244).mean() > 0.3
        assert scene.view.spacing_mm == pytest.approx((0.0005, 0.0005))
    assert len(made.scenes) == 2
