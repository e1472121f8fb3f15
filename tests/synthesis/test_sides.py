"""A phantom with a marker on its right goes through every reader, plane and flip: sides are right or absent."""

from __future__ import annotations

import itertools
import re

import cv2
import nibabel as nib
import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from medloom.converters.phantom.grid import Grid
from medloom.converters.pixels.raster import decode
from medloom.converters.registry import load_converter
from medloom.quality.patient_side import naming
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import ViewPolicy
from medloom.schemas.sample import Acquisition, MaskName, Media, Region, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.registry import load_task
from medloom.synthesis.scenes import scenes_of
from medloom.synthesis.task import Census, Context
from medloom.synthesis.template import load_templates
from medloom.synthesis.vocabulary import load_vocabulary

PLANES = ("axial", "coronal", "sagittal")
CODES = [
    "".join(letters) for axes in itertools.permutations(("RL", "AP", "SI")) for letters in itertools.product(*axes)
]
SPACING, SHAPE, CENTRE = (2.0, 2.5, 4.0), (24, 20, 12), (3.0, -7.0, 11.0)
RIGHT = (15.0, -2.0, 9.0)  # RAS mm from the centre: to the patient's right, and off the middle in every direction
NAMES = (MaskName(name="right lung", value=1), MaskName(name="left lung", value=2), MaskName(name="nodule", value=3))
CARD = SourceCard.model_validate(
    {
        "source": "phantom", "title": "t", "licence": "CC0-1.0", "citation": "c", "modality": "ct", "converter": "msd",
        "patient": "unknown", "verified": "layout", "phantom": True, "exhaustive": {"regions": True},
        "labels": {"right lung": "lung_right", "left lung": "lung_left", "nodule": "lung_nodule"},
    }
)  # fmt: skip


def painted(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """(values, labels) on the grid: a lung on each side, and a bright nodule within the right one.

    Both are made in the patient's own axes, so that the nodule is in the right lung whatever the grid's orientation.
    """
    voxels = np.stack(np.meshgrid(*(np.arange(size) for size in grid.shape), indexing="ij"), axis=-1)
    offset = voxels @ grid.affine[:3, :3].T + grid.affine[:3, 3] - np.array(CENTRE)
    labels = np.zeros(grid.shape, np.uint8)
    for value, side in ((1, 1), (2, -1)):
        far = np.abs(offset - np.array((side * 14.0, 0, 4.0))) / np.array((9.0, 18.0, 16.0))
        labels[(far < 1).all(axis=-1)] = value
    values = np.where(labels > 0, -400, 40).astype(np.int16)
    nodule = (np.abs(offset - np.array(RIGHT)) / np.array((4.0, 4.5, 5.0)) < 1).all(axis=-1)
    labels[nodule] = 3
    values[nodule] = 900
    return values, labels


def origin(root, card=CARD) -> Origin:
    views = ViewPolicy(policy="every_label", per_volume=3, planes=PLANES)
    return Origin(card=card, root=root, vocabulary=load_vocabulary(), views=views)


def said(scenes) -> str:
    """Everything that the tasks say of the scenes."""
    census = Census(regions=("lung_left", "lung_right", "lung_nodule"), labels=())
    context = Context(vocabulary=load_vocabulary(), templates=load_templates(), census=census)
    names = ("caption", "vqa.closed", "reasoning.box", "grounding.mask")
    tasks = [load_task("vqa.open", {"per_picture": 50}), *(load_task(name, {}) for name in names)]
    records = [record for scene in scenes for task in tasks for record in task.records(scene, context)]
    return "\n".join(turn.text for record in records for turn in record.turns)


def bright(scene, made) -> tuple[float, float]:
    """(x, y) of the marker's centre in the stored picture, half-open frame."""
    pixels = decode(made.pictures[scene.view.sha256])
    y, x = np.nonzero(pixels > 240)
    assert len(x), "the marker is in the picture"
    return float(x.mean() + 0.5), float(y.mean() + 0.5)


def hold_sides(made) -> int:
    """Every scene that shows the nodule: marker, matrix, letters and words agree. How many there were."""
    seen = 0
    for scene in made.scenes:
        if "lung_nodule" not in scene.by_concept:
            continue
        seen += 1
        view = scene.view
        x, y = bright(scene, made)
        point = np.array(view.to_patient).reshape(3, 3) @ (x - 0.5, y - 0.5, 1.0) - np.array(CENTRE)
        assert point[0] > 5, "the marker's pixel lies on the patient's right"
        right, down = view.orientation
        if view.derivation.plane in ("axial", "coronal"):
            assert (right == "L") == (x < view.width / 2), "radiological: the patient's right is on the left"
            assert right == "L"
        assert down == {"axial": "P", "coronal": "I", "sagittal": "I"}[view.derivation.plane]
    words = said(made.scenes)
    assert not re.search(r"patient's left side", words)
    return seen


@pytest.mark.parametrize("codes", CODES)
def test_nifti_in_every_axis_order_and_flip(tmp_path, codes):
    for tilt in (0.0, 14.0):
        grid = Grid.centred(codes, SPACING, SHAPE, CENTRE, tilt)
        values, labels = painted(grid)
        nib.save(nib.Nifti1Image(values, grid.affine), tmp_path / "ct.nii")
        nib.save(nib.Nifti1Image(labels, grid.affine), tmp_path / "seg.nii")
        region = Region(kind="label_map", pointer="seg.nii", file="seg.nii", names=NAMES)
        sample = Sample(
            key="a", patient=None, split=None, media=(Media(kind="volume", files=("ct.nii",)),), regions=(region,),
            complete_regions=tuple(name.name for name in NAMES),
        )  # fmt: skip
        made = scenes_of(sample, origin(tmp_path))
        assert not made.refused
        assert hold_sides(made) >= 3
    assert "On the patient's right side." in said(made.scenes)


def test_a_nifti_without_orientation_has_no_side(tmp_path):
    grid = Grid.centred("RAS", SPACING, SHAPE, CENTRE)
    values, labels = painted(grid)
    for name, array in (("ct", values), ("seg", labels)):
        image = nib.Nifti1Image(array, None)
        image.header.set_zooms(SPACING)
        image.header["qform_code"] = image.header["sform_code"] = 0
        nib.save(image, tmp_path / f"{name}.nii")
    region = Region(kind="label_map", pointer="seg.nii", file="seg.nii", names=NAMES[2:])
    nodule = np.where(labels == 3, 3, 0).astype(np.uint8)
    image = nib.Nifti1Image(nodule, None)
    image.header["qform_code"] = image.header["sform_code"] = 0
    nib.save(image, tmp_path / "seg.nii")
    sample = Sample(
        key="a", patient=None, split=None, media=(Media(kind="volume", files=("ct.nii",)),), regions=(region,),
        complete_regions=("nodule",),
    )  # fmt: skip
    made = scenes_of(sample, origin(tmp_path))
    assert made.scenes
    assert all(scene.view.orientation is None and scene.view.to_patient is None for scene in made.scenes)
    words = said(made.scenes)
    assert words and not any(re.search(naming(side), words) for side in ("left", "right"))


def dicom(path, pixels, modality="CT", **elements) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = elements.pop("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2")
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.Modality, file.PatientID = modality, "p"
    file.Rows, file.Columns = pixels.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated = file.BitsStored = 16
    file.HighBit, file.PixelRepresentation = 15, 1
    file.RescaleSlope, file.RescaleIntercept = "1", "0"
    for keyword, value in elements.items():
        setattr(file, keyword, value)
    file.PixelData = pixels.astype("<i2").tobytes()
    file.save_as(path, enforce_file_format=True)
    return file


def geometry(grid: Grid, place: int) -> dict[str, object]:
    """Position and orientation in LPS of slice k of the grid; columns run along i, rows along j."""
    lps = np.array((-1.0, -1.0, 1.0))
    unit = grid.affine[:3, :3] / np.array(grid.spacing_mm)
    corner = (grid.affine[:3, 3] + place * grid.affine[:3, 2]) * lps
    return {
        "ImagePositionPatient": [f"{value:.8g}" for value in corner],
        "ImageOrientationPatient": [f"{value:.8g}" for axis in (0, 1) for value in unit[:, axis] * lps],
        "PixelSpacing": [f"{grid.spacing_mm[1]:.8g}", f"{grid.spacing_mm[0]:.8g}"],
        "SliceThickness": f"{grid.spacing_mm[2]:.8g}",
    }


def of_series(root, grid: Grid, labels: np.ndarray) -> Sample:
    """The Sample that the converter makes of the folder, with the labels beside it as NIfTI."""
    card = CARD.model_copy(update={"converter": "dicom_series", "params": {"states": []}})
    samples = list(load_converter("dicom_series").samples(root, card))
    assert len(samples) == 1 and isinstance(samples[0], Sample), samples
    nib.save(nib.Nifti1Image(labels, grid.affine), root / "seg.nii")
    region = Region(
        kind="label_map", pointer="seg.nii", file="seg.nii", names=NAMES, media=samples[0].media[0].key, resample=True
    )
    return replace(samples[0], regions=(region,), complete_regions=tuple(name.name for name in NAMES))


@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("enhanced", (False, True), ids=("series", "enhanced"))
def test_dicom_series_and_enhanced_objects_in_every_orientation(tmp_path, codes, enhanced):
    grid = Grid.centred(codes, SPACING, SHAPE, CENTRE, 9.0)
    values, labels = painted(grid)
    uid, space = generate_uid(), generate_uid()
    shared = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": uid, "FrameOfReferenceUID": space}
    folder = tmp_path / "series"
    folder.mkdir()
    if not enhanced:
        for place in range(grid.shape[2]):
            dicom(folder / f"{(place * 7) % 31:03d}.dcm", values[:, :, place].T, **shared, **geometry(grid, place))
    else:
        frames, groups = [], []
        for place in range(grid.shape[2]):
            at = geometry(grid, place)
            position, plane, measures, group = Dataset(), Dataset(), Dataset(), Dataset()
            position.ImagePositionPatient = at["ImagePositionPatient"]
            plane.ImageOrientationPatient = at["ImageOrientationPatient"]
            measures.PixelSpacing, measures.SliceThickness = at["PixelSpacing"], at["SliceThickness"]
            group.PlanePositionSequence, group.PlaneOrientationSequence = Sequence([position]), Sequence([plane])
            group.PixelMeasuresSequence = Sequence([measures])
            groups.append(group)
            frames.append(values[:, :, place].T)
        dicom(
            folder / "all.dcm", np.stack(frames), SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1",
            NumberOfFrames=len(frames), PerFrameFunctionalGroupsSequence=Sequence(groups), **shared,
        )  # fmt: skip
    sample = of_series(tmp_path, grid, labels)
    made = scenes_of(sample, origin(tmp_path))
    assert not made.refused, made.refused
    assert hold_sides(made) >= 3


FILMS = [  # PatientOrientation of the file (row, column), and where the patient's right then is
    (("L", "F"), "left"), (("R", "F"), "right"), (("L", "H"), "left"), (("LA", "FA"), "left"),
    (("A", "F"), None), (("F", "L"), None), (None, None),
]  # fmt: skip


@pytest.mark.parametrize("position", ("PA", "AP", "LL", None))
@pytest.mark.parametrize("stated,right", FILMS)
def test_radiographs_have_the_side_that_patient_orientation_states(tmp_path, stated, right, position):
    pixels = np.full((40, 50), 300, np.int16)
    pixels[5:10, 4:9] = 1000
    extra = {"ViewPosition": position} if position else {}
    if stated is not None:
        extra["PatientOrientation"] = list(stated)
    dicom(tmp_path / "film.dcm", pixels, "DX", SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1", **extra)
    card = CARD.model_copy(update={"modality": "xray", "converter": "dicom_pictures"})
    sample = next(load_converter("dicom_pictures").samples(tmp_path, card))
    assert isinstance(sample, Sample)
    (scene,) = scenes_of(sample, origin(tmp_path, card)).scenes
    shown = None if scene.view.orientation is None else {"L": "left", "R": "right"}.get(scene.view.orientation[0])
    assert shown == right
    assert (scene.view.orientation is None) == (stated is None)


def film(tmp_path, *, statement=None, view=None, exif=None, modality="xray"):
    """The scene of a PNG or JPEG radiograph under a card that states, or doesn't, how it is shown."""
    picture = Image.fromarray(
        cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (60, 70), np.uint8), (0, 0), 5)
    )
    tags = Image.Exif()
    if exif:
        tags[0x0112] = exif
    picture.save(tmp_path / "film.jpg", quality=95, exif=tags)
    card = CARD.model_copy(update={"modality": modality, "orientation": statement})
    known = Acquisition(view=view)
    sample = Sample(key="f", patient=None, split=None, media=(Media(files=("film.jpg",)),), acquisition=known)
    (scene,) = scenes_of(sample, origin(tmp_path, card)).scenes
    return scene


@pytest.mark.parametrize(
    "asked,orientation",
    [
        ({}, None),
        ({"view": "PA"}, None),
        ({"statement": "radiological"}, ("L", "I")),
        ({"statement": "radiological", "view": "PA"}, ("L", "I")),
        ({"statement": "radiological", "view": "AP Supine"}, ("L", "I")),
        ({"statement": "radiological", "view": "LATERAL"}, None),
        ({"statement": "radiological", "view": "oblique"}, None),
        ({"statement": "radiological", "modality": "dermoscopy"}, None),
        ({"statement": "radiological", "exif": 3}, ("L", "I")),
    ],
)
def test_other_radiographs_have_the_side_that_their_card_states_or_none(tmp_path, asked, orientation):
    scene = film(tmp_path, **asked)
    assert scene.view.orientation == orientation
    words = said([scene])
    assert not any(re.search(naming(side), words) for side in ("left", "right"))


@pytest.mark.parametrize(
    "part,side,words",
    [("KNEE", "L", "left knee"), ("BREAST", "R", "right breast"), ("CHEST", "L", "chest"), ("KNEE", "", "knee"),
     ("KNEE", "B", "knee"), ("HAND", "U", "hand")],
)  # fmt: skip
def test_image_laterality_names_the_one_of_a_pair(tmp_path, part, side, words):
    extra = {"ImageLaterality": side} if side else {}
    pixels = np.full((40, 50), 300, np.int16)
    pixels[5:10, 4:9] = 1000
    dicom(tmp_path / "film.dcm", pixels, "DX", BodyPartExamined=part, **extra)
    card = CARD.model_copy(update={"modality": "xray", "converter": "dicom_pictures", "labels": {}})
    sample = next(load_converter("dicom_pictures").samples(tmp_path, card))
    assert isinstance(sample, Sample)
    spoken = said(scenes_of(sample, origin(tmp_path, card)).scenes)
    assert re.search(rf"\b{words}\b", spoken, re.IGNORECASE), spoken
    other = {"left": "right", "right": "left"}.get(words.split()[0])
    assert not re.search(rf"\b{other or 'left|right'}\b {part.lower()}", spoken)
