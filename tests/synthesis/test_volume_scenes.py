"""What a volume's masks prove in each slice: how many objects, and where nothing of them is."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medloom.schemas.card import AreaRule, SourceCard
from medloom.schemas.catalog import ViewPolicy
from medloom.schemas.sample import MaskName, Media, Region, Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.scenes import Made, scenes_of
from medloom.synthesis.vocabulary import load_vocabulary

SHAPE = (30, 26, 12)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
CARD = SourceCard(
    source="src", title="t", licence="CC0-1.0", citation="c", modality="ct", converter="nifti_pairs",
    patient="unknown", exhaustive={"regions": True}, verified="layout", components="objects",
    labels={"lesion": "liver_lesion", "core": "brain_tumour", "rim": "brain_tumour", "liver": "liver",
            "upper": "vertebra", "lower": "vertebra"},
)  # fmt: skip


def box(*spans: tuple[int, int], value: int = 1) -> np.ndarray:
    found = np.zeros(SHAPE, np.uint8)
    found[tuple(slice(*span) for span in spans)] = value
    return found


def save(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    nib.save(nib.Nifti1Image(array, affine), path)


def made(root: Path, regions: list[Region], card: SourceCard = CARD, **media: object) -> Made:
    """Every slice of a volume, axial."""
    save(root / "ct.nii", np.random.default_rng(1).normal(40, 9, SHAPE).astype(np.int16))
    sample = Sample(
        key="a", patient=None, split=None, media=(Media(kind="volume", files=("ct.nii",), **media),),  # type: ignore[arg-type]
        regions=tuple(regions), complete_regions=tuple(CARD.labels),
    )  # fmt: skip
    views = ViewPolicy(policy="even", per_volume=99, planes=("axial",))
    return scenes_of(sample, Origin(card=card, root=root, vocabulary=load_vocabulary(), views=views))


def mask(root: Path, array: np.ndarray, name: str = "lesion", file: str = "m.nii", **more: object) -> Region:
    save(root / file, array)
    return Region(kind="mask", pointer=file, file=file, name=name, **more)  # type: ignore[arg-type]


def maps(root: Path, array: np.ndarray, **names: tuple[int, ...]) -> Region:
    save(root / "l.nii", array)
    found = tuple(MaskName(name=name, value=value) for name, values in names.items() for value in values)
    return Region(kind="label_map", pointer="l.nii", file="l.nii", names=found)


def test_a_bent_object_is_not_counted_where_it_is_cut_twice(tmp_path: Path) -> None:
    bent = box((5, 9), (5, 20), (3, 6)) | box((18, 22), (5, 20), (3, 6)) | box((5, 22), (5, 20), (6, 8))
    scenes = made(tmp_path, [mask(tmp_path, bent)]).scenes
    for index, pieces in ((4, 2), (7, 1)):
        scene = scenes[index]
        assert len(scene.by_concept["liver_lesion"]) == pieces
        assert scene.countable("liver_lesion") == (pieces == 1)
        assert {one.component for one in scene.instances} == {1}


def test_values_of_one_name_are_one_object(tmp_path: Path) -> None:
    labels = box((5, 9), (5, 20), (3, 9), value=1) + box((9, 12), (8, 12), (4, 7), value=4)
    scenes = made(tmp_path, [maps(tmp_path, labels, core=(1, 4))]).scenes
    (one,) = scenes[5].instances
    assert one.fact.pointer.startswith("l.nii;value=1,4;") and one.fact.source_name == "core"
    assert one.native_mask is not None and one.native_mask.sum() == 4 * 15 + 3 * 4
    assert scenes[5].countable("brain_tumour") and one.volume_mm3 == np.count_nonzero(labels) * 2


def test_names_of_one_finding_are_one_object_but_those_of_a_structure_are_not(tmp_path: Path) -> None:
    labels = box((5, 9), (5, 20), (3, 9), value=1) + box((9, 12), (8, 12), (4, 7), value=2)
    (one,) = made(tmp_path, [maps(tmp_path, labels, core=(1,), rim=(2,))]).scenes[5].instances
    assert (one.concept, one.fact.source_name) == ("brain_tumour", "core, rim")
    assert len(made(tmp_path, [maps(tmp_path, labels, upper=(1,), lower=(2,))]).scenes[5].instances) == 2


@pytest.mark.parametrize("components", ["objects", "pieces"])
def test_a_file_for_each_object_is_one_object_whatever_its_parts(tmp_path: Path, components: str) -> None:
    two_parts = box((5, 9), (5, 9), (3, 9)) | box((5, 9), (15, 19), (3, 9))
    touching = box((9, 12), (5, 9), (3, 9))
    regions = [
        mask(tmp_path, two_parts, file="1.nii", instance=True), mask(tmp_path, touching, file="2.nii", instance=True)
    ]  # fmt: skip
    scene = made(tmp_path, regions, CARD.model_copy(update={"components": components})).scenes[3]
    assert sorted(int(one.native_mask.sum()) for one in scene.instances) == [12, 32]
    assert scene.countable("liver_lesion") and all(one.largest_section for one in scene.instances)
    assert sorted(one.volume_mm3 for one in scene.instances) == [12 * 6 * 2, 32 * 6 * 2]


@pytest.mark.parametrize("rule", [{"mm3": 100}, {"mm2": 10}, {"px": 10}])
def test_what_is_drawn_but_too_small_is_not_said_to_be_nowhere(tmp_path: Path, rule: dict[str, float]) -> None:
    drawn = box((5, 11), (5, 11), (2, 5)) | box((20, 22), (20, 22), (8, 9))
    card = CARD.model_copy(update={"min_area": AreaRule.model_validate(rule)})
    scenes = made(
        tmp_path, [mask(tmp_path, drawn), mask(tmp_path, box((1, 29), (1, 25), (1, 11)), "liver", "o.nii")], card
    )
    known = ["liver_lesion" in scene.complete for scene in scenes.scenes]
    assert known == [index != 8 for index in range(SHAPE[2])]
    assert all("liver" in scene.complete for scene in scenes.scenes)
    assert ("liver_lesion" in scenes.scenes[0].partial) == ("mm3" in rule)


def test_nothing_is_said_to_be_nowhere_beyond_the_grid_of_its_mask(tmp_path: Path) -> None:
    shift = AFFINE.copy()
    shift[2, 3] = 2.0 * 4  # the mask's grid begins on slice 4
    save(tmp_path / "m.nii", box((5, 9), (5, 9), (1, 3))[..., :5], shift)
    region = Region(kind="mask", pointer="m.nii", file="m.nii", name="lesion", resample=True)
    found = made(tmp_path, [region])
    assert found.refused == []
    assert [len(scene.instances) for scene in found.scenes] == [int(index in (5, 6)) for index in range(SHAPE[2])]
    assert ["liver_lesion" in scene.complete for scene in found.scenes] == [4 <= k < 9 for k in range(SHAPE[2])]
    assert all("liver_lesion" in scene.partial for scene in found.scenes)


@pytest.mark.parametrize(("frame", "there"), [(None, True), (0, True), (1, False), (3, False)])
def test_a_frame_that_is_not_there_is_not_shown(tmp_path: Path, frame: int | None, there: bool) -> None:
    found = made(tmp_path, [], frame=frame)
    assert bool(found.scenes) == there
    assert [row.reason for row in found.refused] == ([] if there else ["which_frame"])


@pytest.mark.parametrize("shape", [(30, 26), (30, 26, 1), (1, 30, 26), (30, 1, 26)])
def test_a_file_of_one_slice_is_a_picture(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).normal(40, 9, (30, 26)).astype(np.int16)
    drawn = np.zeros((30, 26), np.uint8)
    drawn[5:9, 5:20] = 1
    save(tmp_path / "ct.nii", pixels.reshape(shape))
    sample = Sample(
        key="a", patient=None, split=None, media=(Media(kind="volume", files=("ct.nii",)),),
        complete_regions=("lesion",), regions=(mask(tmp_path, drawn.reshape(shape)),),
    )  # fmt: skip
    views = ViewPolicy(policy="every_label", per_volume=9, planes=("axial", "coronal", "sagittal"))
    found = scenes_of(sample, Origin(card=CARD, root=tmp_path, vocabulary=load_vocabulary(), views=views))
    (scene,) = found.scenes
    assert found.refused == [] and {scene.view.width, scene.view.height} == {30, 26}
    assert scene.view.derivation.plane is None and scene.view.orientation is None and scene.view.to_patient is None
    (one,) = scene.instances
    assert one.native_mask is not None and one.native_mask.sum() == 60 and one.native_spacing_mm is not None
    assert scene.volumes == () and one.volume_mm3 is None
