"""Regions of a picture: turned with it, and never lost without a word."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from medloom.converters.pixels.mask import rle_encode
from medloom.converters.pixels.picture import PicturePolicy
from medloom.converters.pixels.raster import upright
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import MaskName, Media, Region, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.scenes import Made, scenes_of
from medloom.synthesis.vocabulary import load_vocabulary

CARD = SourceCard(
    source="src", title="t", licence="CC0-1.0", citation="c", modality="microscopy", converter="coco",
    patient="unknown", labels={"cell": "red_blood_cell", "thing": "platelet"}, exhaustive={"regions": True},
    verified="layout",
)  # fmt: skip
RAW = np.zeros((80, 100), bool)
RAW[20:60, 10:30] = True
RAW[50:60, 30:45] = True
OUTLINE = ((10.0, 20.0, 30.0, 20.0, 30.0, 50.0, 45.0, 50.0, 45.0, 60.0, 10.0, 60.0),)


def picture(path: Path, orientation: int = 1, array: np.ndarray = RAW) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(array.astype(np.uint8) * 255).convert("RGB").save(path, "JPEG", quality=95, exif=exif)


def made(root: Path, *regions: Region, size: tuple[int, int] | None = None, **policy: object) -> Made:
    sample = Sample(
        key="a", patient=None, split=None, media=(Media(files=("a.jpg",), size=size),), regions=regions,
        complete_regions=("cell", "thing"),
    )  # fmt: skip
    origin = Origin(card=CARD, root=root, vocabulary=load_vocabulary(), pictures=PicturePolicy(**policy))  # type: ignore[arg-type]
    return scenes_of(sample, origin)


def saved(root: Path, array: np.ndarray) -> Region:
    Image.fromarray(array.astype(np.uint8)).save(root / "m.png")
    return Region(kind="mask", name="cell", file="m.png", pointer="m.png", instance=True)


POLYGON = Region(kind="polygon", name="cell", polygons=OUTLINE, pointer="p", instance=True)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("kind", ["polygon", "rle"])
def test_what_was_drawn_on_raw_pixels_turns_with_the_picture(tmp_path: Path, orientation: int, kind: str) -> None:
    picture(tmp_path / "a.jpg", orientation)
    region = POLYGON
    if kind == "rle":
        region = Region(kind="rle", name="cell", rle=rle_encode(RAW.astype(np.uint8)), pointer="p", instance=True)
    found = made(tmp_path, region, size=(100, 80))
    (one,) = found.scenes[0].instances
    assert found.refused == [] and np.array_equal(one.mask(), upright(RAW, orientation))
    pixels = np.asarray(Image.open(io.BytesIO(found.pictures[found.scenes[0].view.sha256])).convert("L"))
    assert np.array_equal(one.mask(), pixels > 127)


def test_what_was_drawn_on_the_displayed_picture_stays(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", 6, RAW.T)
    (one,) = made(tmp_path, POLYGON, size=(100, 80)).scenes[0].instances
    assert np.array_equal(one.mask(), RAW)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_masks_own_size_tells_how_it_lies(tmp_path: Path, orientation: int) -> None:
    picture(tmp_path / "a.jpg", orientation)
    shown = upright(RAW, orientation)
    for array in (RAW, shown):
        found = made(tmp_path, saved(tmp_path, array))
        (one,) = found.scenes[0].instances
        assert found.refused == [] and np.array_equal(one.mask(), shown)


@pytest.mark.parametrize(("orientation", "side"), [(3, 100), (6, 80)])
def test_a_mask_that_may_lie_either_way_is_refused(tmp_path: Path, orientation: int, side: int) -> None:
    array = RAW[:, :side]
    picture(tmp_path / "a.jpg", orientation, array)
    found = made(tmp_path, saved(tmp_path, array))
    assert [(row.reason, row.part) for row in found.refused] == [("ambiguous_orientation", True)]
    assert found.scenes[0].complete == {"platelet"}


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"kind": "polygon", "polygons": ((10.1, 10.1, 10.3, 10.1, 10.3, 30.0),)}, "empty_region"),
        ({"kind": "polygon", "polygons": ((120.0, 10.0, 130.0, 10.0, 130.0, 30.0),)}, "box_outside"),
        ({"kind": "rle", "rle": rle_encode(np.zeros((80, 100), np.uint8))}, "empty_region"),
    ],
)
def test_a_region_without_a_pixel_is_told_and_its_name_not_complete(tmp_path: Path, shape: dict, reason: str) -> None:
    picture(tmp_path / "a.jpg")
    found = made(tmp_path, Region(name="cell", pointer="p", instance=True, **shape))
    assert [(row.reason, row.part) for row in found.refused] == [(reason, True)]
    assert found.scenes[0].instances == () and found.scenes[0].complete == {"platelet"}


@pytest.mark.parametrize("instance", [False, True])
def test_what_resizing_leaves_no_pixel_of_is_told_and_nothing_is_complete(tmp_path: Path, instance: bool) -> None:
    picture(tmp_path / "a.jpg")
    dot = np.zeros_like(RAW)
    dot[4, 4] = True
    region = saved(tmp_path, dot if instance else RAW | dot)
    found = made(tmp_path, msgspec.structs.replace(region, instance=instance), short_side=20)
    (scene,) = found.scenes
    assert [(row.reason, row.part, row.file) for row in found.refused] == [("too_small_shown", True, "m.png")]
    assert (len(scene.instances), scene.complete) == (0 if instance else 1, {"platelet"})


def test_names_of_a_file_with_unnamed_values_are_shown_but_not_complete(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    array = RAW * 1
    array[70:75, 70:75] = 7
    saved(tmp_path, array)
    region = Region(
        kind="label_map", file="m.png", pointer="m.png",
        names=(MaskName(name="cell", value=1), MaskName(name="thing", value=2)),
    )  # fmt: skip
    found = made(tmp_path, region)
    assert [(row.reason, row.part, row.file) for row in found.refused] == [("unnamed_value", True, "m.png")]
    assert len(found.scenes[0].instances) == 1 and found.scenes[0].complete == frozenset()
