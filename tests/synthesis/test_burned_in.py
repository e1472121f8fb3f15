"""Text in pixels of a Scene: masked, refused or left as the catalog says; what lies under it is not said to be seen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from medloom.converters.identity.burned_in import text_in
from medloom.converters.identity.dicom_profile import DECLARED
from medloom.converters.pixels.picture import PicturePolicy
from medloom.converters.pixels.raster import decode
from medloom.converters.video.clip import open_clip
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import FramePolicy, IdentitySettings, TilePolicy, ViewPolicy
from medloom.schemas.sample import Media, Region, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.scenes import scenes_of
from medloom.synthesis.vocabulary import load_vocabulary

NAME = "WINTERBOTTOM, ADA 1951-04-17"
DX, CAPTURE = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.7"


def card(**more) -> SourceCard:
    return SourceCard.model_validate(
        {
            "source": "films", "title": "t", "licence": "CC0-1.0", "citation": "c", "modality": "xray",
            "converter": "coco", "patient": "unknown", "verified": "layout", "labels": {"nodule": "lung_nodule"},
            **more,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    noise = np.random.default_rng(3).normal(70, 15, (400, 560)).clip(0, 255).astype(np.uint8)
    plain = cv2.GaussianBlur(noise, (0, 0), 2)
    named = plain.copy()
    cv2.putText(named, NAME, (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 250, 1, cv2.LINE_AA)
    cv2.putText(named, "R", (510, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 250, 2, cv2.LINE_AA)
    for name, picture in (("plain", plain), ("named", named)):
        cv2.imwrite(str(folder / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return folder


def made_of(root, name="named", settings=None, policy=None, card=card(), notes=()):
    boxes = {"under": (20.0, 12.0, 200.0, 34.0), "clear": (200.0, 200.0, 300.0, 300.0)}
    regions = tuple(Region(kind="box", pointer=f"a.json#{key}", name="nodule", box=box) for key, box in boxes.items())
    sample = Sample(
        key=name, patient=None, split=None, media=(Media(files=(f"{name}.jpg",)),), regions=regions,
        complete_regions=("nodule",), notes=notes,
    )  # fmt: skip
    origin = Origin(card=card, root=root, vocabulary=load_vocabulary(), identity=settings or IdentitySettings(),
                    pictures=policy or PicturePolicy())  # fmt: skip
    return scenes_of(sample, origin)


def test_a_name_is_blackened_and_the_view_says_where(root):
    made = made_of(root)
    (scene,) = made.scenes
    view = scene.view
    assert not view.passthrough and view.derivation.reencoded == "png" and view.derivation.masked
    stored = decode(made.pictures[view.sha256])
    for box in view.derivation.masked:
        x0, y0, x1, y1 = (int(edge) for edge in box)
        assert not stored[y0:y1, x0:x1].any()
    assert stored[30:60, 510:540].max() > 200, "the side mark stays"
    assert made.found["pixels", "TEXT"] >= 1


def test_what_lies_under_black_is_refused_and_nothing_counts_as_complete(root):
    made = made_of(root)
    (scene,) = made.scenes
    assert [one.fact.pointer for one in scene.instances] == ["a.json#clear"]
    assert [(row.reason, row.part) for row in made.refused] == [("region_under_mask", True)]
    assert scene.complete == frozenset()
    untouched = made_of(root, "plain").scenes[0]
    assert len(untouched.instances) == 2 and untouched.complete == {"lung_nodule"}


def test_boxes_are_in_stored_pixels_after_resizing(root):
    made = made_of(root, policy=PicturePolicy(short_side=300))
    (scene,) = made.scenes
    view = scene.view
    assert (view.width, view.height) == (420, 300)
    assert view.derivation.scale == pytest.approx((0.75, 0.75))
    right = max(box[2] for box in view.derivation.masked)
    assert 200 < right <= 420
    assert [one.fact.pointer for one in scene.instances] == ["a.json#clear"]


def test_the_catalog_may_want_such_pictures_quarantined(root):
    made = made_of(root, settings=IdentitySettings(burned_in="quarantine"))
    assert not made.scenes
    assert [row.reason for row in made.refused] == ["burned_in_text"]
    assert "WINTERBOTTOM" not in str(made.refused)
    assert made_of(root, "plain", IdentitySettings(burned_in="quarantine")).scenes


@pytest.mark.parametrize(
    "settings,more",
    [
        (IdentitySettings(burned_in="keep"), {}),
        (IdentitySettings(options=()), {}),
        (IdentitySettings(), {"modality": "dermoscopy"}),
        (IdentitySettings(), {"phantom": True}),
    ],
    ids=("keep", "without the option", "not a modality that carries text", "phantom"),
)
def test_where_nobody_looks_bytes_pass_through(root, settings, more):
    (scene,) = made_of(root, settings=settings, card=card(**more)).scenes
    assert scene.view.passthrough and not scene.view.derivation.masked


def test_a_file_that_says_so_itself_is_looked_at_whatever_its_modality(root):
    (scene,) = made_of(root, card=card(modality="dermoscopy"), notes=(DECLARED,)).scenes
    assert scene.view.derivation.masked


def test_pictures_without_text_pass_as_they_are(root):
    made = made_of(root, "plain")
    assert made.scenes[0].view.passthrough and not made.found


def picture(named: bool) -> np.ndarray:
    noise = np.random.default_rng(3).normal(70, 15, (240, 480)).clip(0, 255).astype(np.uint8)
    plain = cv2.GaussianBlur(noise, (0, 0), 2)
    return cv2.putText(plain, NAME, (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 250, 1, cv2.LINE_AA) if named else plain


def dicom(path, pixels, sop=DX, **elements) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, sop
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID, file.Modality = sop, meta.MediaStorageSOPInstanceUID, "DX"
    file.Rows, file.Columns = pixels.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation, file.PixelRepresentation = 1, "MONOCHROME2", 0
    file.BitsAllocated = file.BitsStored = 8
    file.HighBit = 7
    for keyword, value in elements.items():
        setattr(file, keyword, value)
    file.PixelData = pixels.tobytes()
    file["PixelData"].VR = "OB"
    file.save_as(path, enforce_file_format=True)


def shown(root, media, settings=None, **views):
    """What becomes of DICOM files that a table named: nobody has read their headers before."""
    sample = Sample(key="a", patient=None, split=None, media=(media,))
    origin = Origin(card=card(), root=root, vocabulary=load_vocabulary(), identity=settings or IdentitySettings(),
                    views=ViewPolicy(**views))  # fmt: skip
    return scenes_of(sample, origin)


def masked(made) -> list[bool]:
    return [bool(scene.view.derivation.masked) for scene in made.scenes]


SAYS_SO = pytest.mark.parametrize(
    "sop,elements,looked",
    [
        (DX, {"BurnedInAnnotation": "YES"}, True),
        (CAPTURE, {}, True),
        (DX, {"ConversionType": "DF"}, True),
        (DX, {"BurnedInAnnotation": "NO"}, False),
    ],
    ids=("declared", "captured", "a scanned film", "says that there is none"),
)


@SAYS_SO
def test_a_dicom_file_is_asked_as_its_pixels_are_read(sop, elements, looked, tmp_path):
    dicom(tmp_path / "a.dcm", picture(named=True), sop, **elements)
    made = shown(tmp_path, Media(files=("a.dcm",)))
    assert masked(made) == [looked]
    (stored,) = made.pictures.values()
    assert any(line.identifying for line in text_in(decode(stored))) is not looked


@SAYS_SO
def test_so_is_a_cine_object_and_it_isnt_kept_whole(sop, elements, looked, tmp_path):
    frames = np.stack([picture(named=True)] * 3)
    dicom(tmp_path / "a.dcm", frames, sop, NumberOfFrames=3, FrameTime="40", **elements)
    clip = Media(kind="clip", files=("a.dcm",))
    made = shown(tmp_path, clip, frames=FramePolicy(policy="even", per_clip=2), keep_whole=True)
    assert masked(made) == [looked] * 2
    assert len(made.whole) == (not looked)
    assert [row.reason for row in made.refused] == ["burned_in_text"] * looked


def test_video_in_dicom_is_asked_too(tmp_path):
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 480, 240, "yuv420p"
        for _ in range(4):
            rgb = np.repeat(picture(named=True)[..., None], 3, 2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode())
    wrapped = tmp_path / "a.dcm"
    dicom(wrapped, np.zeros((240, 480), np.uint8), NumberOfFrames=4, BurnedInAnnotation="YES")
    file = dcmread(wrapped)
    file.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
    file.PixelData = encapsulate([(tmp_path / "a.mp4").read_bytes()])
    file["PixelData"].is_undefined_length = True
    file.save_as(wrapped, enforce_file_format=True)
    assert DECLARED in open_clip([wrapped]).notes


@SAYS_SO
def test_so_are_the_slices_of_a_series(sop, elements, looked, tmp_path):
    """Only one slice says so, and it isn't the first."""
    for number in range(3):
        placed = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, 2 * number],
                  "PixelSpacing": [1, 1], **(elements if number == 1 else {})}  # fmt: skip
        dicom(tmp_path / f"{number}.dcm", picture(number == 1), sop if number == 1 else DX, **placed)
    series = Media(kind="series", files=tuple(f"{number}.dcm" for number in range(3)))
    made = shown(tmp_path, series, policy="even", per_volume=3, keep_whole=True)
    assert masked(made).count(True) == looked
    assert len(made.whole) == (not looked)


@pytest.mark.parametrize("says", ["YES", "NO"])
def test_a_volume_isnt_kept_whole_for_a_slice_that_isnt_shown(says, tmp_path):
    for number in range(3):
        placed = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, 2 * number],
                  "PixelSpacing": [1, 1], "BurnedInAnnotation": says}  # fmt: skip
        dicom(tmp_path / f"{number}.dcm", picture(number == 2), **placed)
    series = Media(kind="series", files=tuple(f"{number}.dcm" for number in range(3)))
    made = shown(tmp_path, series, policy="centre", keep_whole=True)
    assert masked(made) == [False]
    assert [row.reason for row in made.refused] == (["burned_in_text"] if says == "YES" else [])
    assert len(made.whole) == (says == "NO")


@pytest.mark.parametrize("says", ["YES", "NO"])
def test_tiles_of_a_slide_that_says_so_are_looked_at(says, tmp_path):
    grey = picture(named=True)
    stained = np.stack([grey + np.uint8(5), grey // 3, grey], -1)
    sizes = {"Rows": 240, "Columns": 480, "TotalPixelMatrixRows": 240, "TotalPixelMatrixColumns": 480}
    colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    whole_slide = "1.2.840.10008.5.1.4.1.1.77.1.6"
    dicom(tmp_path / "a.dcm", stained, whole_slide, **sizes, **colour, BurnedInAnnotation=says)
    made = shown(tmp_path, Media(kind="slide", files=("a.dcm",)), tiles=TilePolicy(size=480))
    assert masked(made) == [says == "YES"], made.refused
