"""From members of container files to scenes: the same pixels, masks where they lie, no millimetre that is made up."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from medloom.converters.pixels.picture import PicturePolicy
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import TilePolicy, ViewPolicy
from medloom.schemas.sample import Acquisition, MaskName, Media, Region, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.scenes import Made, scenes_of
from medloom.synthesis.vocabulary import load_vocabulary

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (3, 80, 100), np.uint8)


@pytest.fixture
def made(tmp_path: Path):
    """What one medium gives, with regions and an acquisition."""

    def run(media: Media, regions=(), modality="ct", policy=None, views=None, **acquisition) -> Made:
        card = SourceCard(
            source="src", title="t", licence="CC0-1.0", citation="c", modality=modality, converter="npz",
            patient="unknown", labels={"liver": "liver"}, exhaustive={"regions": True}, verified="layout",
        )  # fmt: skip
        sample = Sample(
            key="s", patient=None, split=None, media=(media,), regions=tuple(regions), complete_regions=("liver",),
            acquisition=Acquisition(**acquisition),
        )  # fmt: skip
        origin = Origin(
            card=card, root=tmp_path, vocabulary=load_vocabulary(), pictures=policy or PicturePolicy(),
            views=views or ViewPolicy(),
        )  # fmt: skip
        return scenes_of(sample, origin)

    return run


def pixels(found: Made, number: int = 0) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(found.pictures[found.scenes[number].view.sha256])))


def test_a_row_of_an_archive(tmp_path: Path, made) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=GREY, masks=(GREY > 250).astype(np.uint8))
    mask = Region(kind="mask", pointer="p", name="liver", file="a.npz", member="masks", frame=2)
    found = made(Media(files=("a.npz",), member="images", frame=2), [mask], spacing_mm=(0.5, 2.0))
    assert not found.refused
    assert np.array_equal(pixels(found), GREY[2])
    (scene,) = found.scenes
    view = scene.view
    assert (view.derivation.member, view.derivation.frame, view.derivation.window) == ("images", 2, None)
    assert (view.spacing_mm, view.source_file, view.passthrough) == ((0.5, 2.0), "a.npz", False)
    drawn = sum(one.mask() for one in scene.instances)
    assert np.array_equal(drawn > 0, GREY[2] > 250)
    assert scene.complete == {"liver"}
    other = made(Media(files=("a.npz",), member="images", frame=1)).scenes[0].view
    assert (other.id == view.id, other.source_sha256) == (False, view.source_sha256)


def test_what_is_not_there_is_refused(tmp_path: Path, made) -> None:
    np.savez(tmp_path / "a.npz", images=GREY, flat=np.zeros(4))
    for media, reason in (
        (Media(files=("a.npz",), member="images", frame=3), "which_frame"),
        (Media(files=("a.npz",), member="nothing", frame=0), "missing_array"),
        (Media(files=("a.npz",), member="flat"), "unsupported_array"),
        (Media(files=("a.npz",), member="images", frame=0, crop=(0, 0, 101, 8)), "outside_picture"),
        (Media(files=("b.npz",), member="images", frame=0), "missing_file"),
        (Media(files=("../a.npz",), member="images", frame=0), "unsafe_path"),
    ):
        found = made(media)
        assert ([row.reason for row in found.refused], found.scenes) == ([reason], [])
    small = Region(kind="mask", pointer="p", name="liver", file="a.npz", member="flat")
    found = made(Media(files=("a.npz",), member="images", frame=0), [small])
    assert [(row.reason, row.part) for row in found.refused] == [("unsupported_array", True)]
    assert found.scenes[0].complete == frozenset()


def test_windows_of_more_than_8_bits(tmp_path: Path, made) -> None:
    hounsfield = np.linspace(-200, 300, 8000).reshape(80, 100).astype(np.int16)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["hu"], file["unit"], file["yes"] = hounsfield, (hounsfield + 200) / 500, hounsfield > 0
    found = made(Media(files=("a.h5",), member="hu"), body_part="abdomen")
    assert found.scenes[0].view.derivation.window == (40, 400)
    stated = made(Media(files=("a.h5",), member="unit"), modality="mr", window=(0.5, 1.0))
    level = pixels(stated).astype(float)
    assert np.abs(level - (hounsfield + 200) / 500 * 255).max() <= 0.5
    spread = made(Media(files=("a.h5",), member="unit"), modality="mr")
    assert (spread.scenes[0].view.derivation.window_how, pixels(spread).max()) == ("percentile", 255)
    assert set(np.unique(pixels(made(Media(files=("a.h5",), member="yes"))))) == {0, 255}


def test_crops_of_any_picture(tmp_path: Path, made) -> None:
    colour = RNG.integers(0, 255, (90, 120, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), colour[:, :, ::-1])
    tifffile.imwrite(tmp_path / "a.tif", colour, tile=(32, 32), compression="deflate")
    for name in ("a.png", "a.tif"):
        found = made(Media(files=(name,), crop=(10, 20, 70, 80)), policy=PicturePolicy(short_side=60))
        assert np.array_equal(pixels(found), colour[20:80, 10:70])
        assert found.scenes[0].view.derivation.crop == (10, 20, 70, 80)
    box = Region(kind="box", pointer="p", name="liver", box=(1, 2, 3, 4))
    assert [row.reason for row in made(Media(files=("a.png",), crop=(0, 0, 9, 9)), [box]).refused] == [
        "region_not_for_crop"
    ]


def test_pages_know_their_microns(tmp_path: Path, made) -> None:
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", GREY, imagej=True, resolution=(4.0, 2.0), metadata=metadata)
    found = made(Media(files=("a.tif",), member="0", frame=1), policy=PicturePolicy(short_side=40))
    assert found.scenes[0].view.spacing_mm == pytest.approx((0.001, 0.0005))
    assert made(Media(files=("a.tif",), member="0")).refused[0].reason == "which_frame"


def test_an_encoded_picture_keeps_its_bytes(tmp_path: Path, made) -> None:
    data = cv2.imencode(".jpg", GREY[0])[1].tobytes()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.void(data)
    found = made(Media(files=("a.h5",), member="x"))
    (stored,) = found.pictures.values()
    assert stored == data
    assert not found.scenes[0].view.passthrough


def volume_region(member: str, **more) -> Region:
    names = (MaskName(name="liver", value=1),)
    return Region(kind="label_map", pointer="p", file="a.npz", names=names, member=member, **more)


def test_a_volume_without_orientation_or_spacing(tmp_path: Path, made) -> None:
    labels = np.zeros((5, 40, 50), np.uint8)
    labels[2, 10:20, 30:45] = 1
    scan = RNG.integers(0, 255, (5, 40, 50), np.uint8)
    np.savez_compressed(tmp_path / "a.npz", scan=scan, seg=labels, small=labels[:3], half=labels / 2)
    media = Media(kind="volume", files=("a.npz",), member="scan")
    found = made(media, [volume_region("seg")])
    assert not found.refused
    (scene,) = found.scenes
    assert np.array_equal(pixels(found), scan[2])
    (one,) = scene.instances
    assert one.box == (30, 10, 45, 20)
    assert (one.native_spacing_mm, one.volume_mm3, scene.volumes) == (None, None, ())
    assert (scene.view.spacing_mm, scene.view.orientation, scene.view.derivation.plane) == (None, None, None)
    assert scene.view.derivation.member == "scan"
    for member, reason in (("small", "grid_mismatch"), ("half", "not_a_label_map"), ("gone", "missing_array")):
        told = made(media, [volume_region(member)])
        assert [row.reason for row in told.refused] == [reason]
        assert all(not scene.complete for scene in told.scenes)


def test_a_stack_with_spacing_is_measured(tmp_path: Path, made) -> None:
    labels = np.zeros((5, 40, 50), np.uint8)
    labels[1:4, 10:20, 30:45] = 1
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "mm"}
    tifffile.imwrite(tmp_path / "a.tif", labels * 90, imagej=True, resolution=(2.0, 2.0), metadata=metadata)
    np.savez(tmp_path / "a.npz", seg=labels)
    found = made(Media(kind="volume", files=("a.tif",), member="0"), [volume_region("seg")], modality="mr")
    assert found.scenes[0].volumes[0].mm3 == pytest.approx(3 * 10 * 15 * 2 * 0.5 * 0.5)
    assert found.scenes[0].view.spacing_mm == pytest.approx((0.5, 0.5))


def test_tiles_of_a_pyramidal_tiff(tmp_path: Path, made) -> None:
    slide = np.full((600, 900, 3), 244, np.uint8)
    cv2.circle(slide, (220, 330), 60, (150, 60, 160), -1)
    options = {"tile": (128, 128), "photometric": "rgb", "compression": "deflate"}
    sizes = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        file.write(slide, subifds=1, metadata=sizes, **options)
        file.write(np.ascontiguousarray(slide[::2, ::2]), subfiletype=1, **options)
    views = ViewPolicy(tiles=TilePolicy(size=128, per_picture=1, microns=0.5))
    found = made(Media(kind="slide", files=("a.ome.tif",), member="0"), modality="histopathology", views=views)
    (scene,) = found.scenes
    x0, y0, x1, y1 = (int(edge) for edge in scene.view.derivation.crop)
    assert np.array_equal(pixels(found), slide[y0:y1, x0:x1])
    assert (pixels(found) != 244).mean() > 0.3
    assert scene.view.spacing_mm == pytest.approx((0.0005, 0.0005))


def test_a_big_archive_is_hashed_once(tmp_path: Path, made, monkeypatch) -> None:
    from medloom.synthesis import origin

    np.savez(tmp_path / "a.npz", images=GREY)
    monkeypatch.setattr(origin, "BIG", 1)
    origin._digest_of.cache_clear()
    each = (made(Media(files=("a.npz",), member="images", frame=row)) for row in range(3))  # as units: their own Origin
    assert len({found.scenes[0].view.source_sha256 for found in each}) == 1
    assert origin._digest_of.cache_info().misses == 1
