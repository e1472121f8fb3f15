"""From files to scenes: EXIF, wrong grids, resizing, and what real volumes show."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from medloom.converters.pixels.mask import bounding_box
from medloom.converters.pixels.picture import PicturePolicy
from medloom.flows.check import load_card
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import ViewPolicy
from medloom.schemas.sample import MaskName, Media, Region, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.scenes import Made, scenes_of
from medloom.synthesis.vocabulary import load_vocabulary

CARD = SourceCard(
    source="src", title="t", licence="CC0-1.0", citation="c", modality="microscopy", converter="coco",
    patient="unknown", labels={"cell": "red_blood_cell"}, exhaustive={"regions": True}, verified="layout",
)  # fmt: skip
RAW_BOX = (10.0, 20.0, 30.0, 60.0)


def picture(path: Path, orientation: int = 1) -> None:
    """100 × 80 as stored, white in RAW_BOX."""
    array = np.zeros((80, 100), np.uint8)
    array[20:60, 10:30] = 255
    image = Image.fromarray(array).convert("RGB")
    exif = Image.Exif()
    exif[274] = orientation
    data = io.BytesIO()
    image.save(data, "JPEG", quality=95, exif=exif)
    path.write_bytes(data.getvalue())


def made(root: Path, region: Region, size: tuple[int, int] | None = None, **policy: object) -> Made:
    sample = Sample(
        key="a", patient=None, split=None, media=(Media(files=("a.jpg",), size=size),), regions=(region,),
        complete_regions=("cell",),
    )  # fmt: skip
    origin = Origin(card=CARD, root=root, vocabulary=load_vocabulary(), pictures=PicturePolicy(**policy))  # type: ignore[arg-type]
    return scenes_of(sample, origin)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_box_on_raw_pixels_turns_with_the_picture(tmp_path: Path, orientation: int) -> None:
    picture(tmp_path / "a.jpg", orientation)
    found = made(tmp_path, Region(kind="box", name="cell", box=RAW_BOX, pointer="p"), size=(100, 80))
    (scene,) = found.scenes
    assert (scene.view.width, scene.view.height) == (80, 100)
    shown = np.asarray(Image.open(io.BytesIO(found.pictures[scene.view.sha256])).convert("L")) > 128
    assert np.abs(np.subtract(scene.instances[0].box, bounding_box(shown))).max() <= 1


@pytest.mark.parametrize(("orientation", "size"), [(3, (100, 80)), (6, None), (2, None)])
def test_a_box_that_may_be_either_way_up_is_refused_and_nothing_is_complete(
    tmp_path: Path, orientation: int, size: tuple[int, int] | None
) -> None:
    picture(tmp_path / "a.jpg", orientation)
    found = made(tmp_path, Region(kind="box", name="cell", box=RAW_BOX, pointer="p"), size)
    assert [(row.reason, row.part) for row in found.refused] == [("ambiguous_orientation", True)]
    assert found.scenes[0].instances == () and found.scenes[0].complete == frozenset()


def test_a_picture_of_another_size_than_annotated_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    found = made(tmp_path, Region(kind="box", name="cell", box=RAW_BOX, pointer="p"), size=(200, 160))
    assert found.scenes == [] and [row.reason for row in found.refused] == ["size_mismatch"]


def test_a_mask_on_another_grid_is_refused_alone(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    Image.fromarray(np.full((40, 50), 255, np.uint8)).save(tmp_path / "m.png")
    found = made(tmp_path, Region(kind="mask", name="cell", file="m.png", pointer="m.png"))
    assert [row.reason for row in found.refused] == ["grid_mismatch"]
    assert found.scenes[0].complete == frozenset()


def test_what_is_resized_keeps_its_regions_in_place(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    Image.fromarray((np.asarray(Image.open(tmp_path / "a.jpg").convert("L")) > 128).astype(np.uint8)).save(
        tmp_path / "m.png"
    )
    found = made(
        tmp_path, Region(kind="mask", name="cell", file="m.png", pointer="m.png", instance=True), short_side=40
    )
    (scene,) = found.scenes
    assert (scene.view.width, scene.view.height) == (50, 40)
    assert scene.instances[0].box == bounding_box(scene.instances[0].mask())
    assert np.abs(np.array(scene.instances[0].box) * 2 - RAW_BOX).max() <= 1.5
    assert scene.instances[0].native_mask.sum() == pytest.approx(800, rel=0.02)


def test_a_name_that_the_card_does_not_know_is_told_once(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    found = made(tmp_path, Region(kind="box", name="thing", box=RAW_BOX, pointer="p"))
    assert [(row.reason, row.part) for row in found.refused] == [("unmapped_label", True)]


@pytest.fixture(scope="module")
def ct(data_dir: Path) -> tuple[Made, np.ndarray, SourceCard]:
    card = load_card("totalseg_ct")
    from medloom.converters.registry import load_converter

    (sample,) = load_converter(card.converter).samples(data_dir / "totalseg_ref", card)
    origin = Origin(
        card=card, root=data_dir / "totalseg_ref", vocabulary=load_vocabulary(),
        views=ViewPolicy(policy="largest_area", per_volume=8),
    )  # fmt: skip
    labels = nib.load(data_dir / "totalseg_ref" / "example_seg.nii.gz")
    return scenes_of(sample, origin), np.asarray(labels.dataobj), card


def test_real_sections_agree_with_the_label_map(ct: tuple[Made, np.ndarray, SourceCard]) -> None:
    found, labels, _ = ct
    assert found.refused == [] and len(found.scenes) == 8
    for scene in found.scenes:
        # RAS file: array k is the axial index; rows run to posterior, columns to the patient's left.
        plane = labels[::-1, ::-1, scene.view.derivation.slice_index].T
        for one in scene.instances:
            value = int(one.fact.pointer.split("value=")[1].split(";")[0])
            drawn = one.mask()
            assert (plane[drawn] == value).all() and one.box == bounding_box(drawn)
            assert one.volume_mm3 is not None and one.volume_mm3 % 27 == pytest.approx(0, abs=1e-3)


def test_the_liver_lies_on_the_left_of_the_picture_and_is_as_large_as_its_voxels(
    ct: tuple[Made, np.ndarray, SourceCard],
) -> None:
    found, labels, _ = ct
    livers = [one for scene in found.scenes for one in scene.by_concept.get("liver", ())]
    spleens = [one for scene in found.scenes for one in scene.by_concept.get("spleen", ())]
    assert min(one.centroid[0] for one in spleens) > max(one.centroid[0] for one in livers if one.area_fraction > 0.02)
    volumes = {volume.concept: volume.mm3 for volume in found.scenes[0].volumes}
    assert volumes["liver"] == pytest.approx((labels == 5).sum() * 27.0)


def test_a_name_of_several_values_covers_all_of_them(ct: tuple[Made, np.ndarray, SourceCard], data_dir: Path) -> None:
    _, labels, card = ct
    from medloom.converters.registry import load_converter

    (sample,) = load_converter(card.converter).samples(data_dir / "totalseg_ref", card)
    (region,) = sample.regions
    both = MaskName(name="both", value=1, also=(5,))
    sample = msgspec.structs.replace(sample, regions=(msgspec.structs.replace(region, names=(both, *region.names)),))
    card = card.model_copy(update={"labels": {**card.labels, "both": "lesion"}})
    origin = Origin(
        card=card, root=data_dir / "totalseg_ref", vocabulary=load_vocabulary(),
        views=ViewPolicy(policy="largest_area", per_volume=8),
    )  # fmt: skip
    found = scenes_of(sample, origin)
    assert found.refused == []
    volumes = {volume.concept: volume.mm3 for volume in found.scenes[0].volumes}
    assert volumes["lesion"] == pytest.approx(np.isin(labels, (1, 5)).sum() * 27.0)
    assert volumes["spleen"] == pytest.approx((labels == 1).sum() * 27.0)
    pointers = {one.fact.pointer for scene in found.scenes for one in scene.by_concept.get("lesion", ())}
    assert pointers and all(";value=1,5" in pointer for pointer in pointers)


def test_a_picture_shows_a_name_of_several_values_as_one(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    drawn = np.zeros((80, 100), np.uint8)
    drawn[20:60, 10:30] = 1
    drawn[30:40, 15:20] = 2
    Image.fromarray(drawn).save(tmp_path / "m.png")
    whole = (MaskName(name="cell", value=1, also=(2,)),)
    found = made(tmp_path, Region(kind="label_map", names=whole, file="m.png", pointer="m.png"))
    (one,) = found.scenes[0].instances
    assert (one.box, int(one.mask().sum())) == (RAW_BOX, 800)


def test_a_largest_section_is_the_largest(ct: tuple[Made, np.ndarray, SourceCard]) -> None:
    found, labels, _ = ct
    numbered, _ = ndimage.label(labels == 1, np.ones((3, 3, 3)))  # the spleen
    areas = [(numbered == 1 + np.bincount(numbered[numbered > 0])[1:].argmax())[:, :, k].sum() for k in range(30)]
    for scene in found.scenes:
        for one in scene.by_concept.get("spleen", ()):
            if one.component == 1 and len(scene.by_concept["spleen"]) == 1:
                assert one.largest_section == (scene.view.derivation.slice_index == int(np.argmax(areas)))
