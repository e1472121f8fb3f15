"""Closed and open questions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medloom.converters.pixels.mask import rle_encode
from medloom.schemas.sample import Acquisition
from medloom.synthesis.registry import load_task


def made(name, scene, context, **params):
    return list(load_task(name, params).records(scene, context))


def test_a_picture_without_findings_is_asked_too(make_scene, context) -> None:
    healthy = {"pneumonia": "absent", "cardiomegaly": "absent", "pleural_effusion": "absent"}
    (record,) = made("vqa.closed", make_scene(labels=healthy), context)
    assert record.polarity == "absent" and record.evidence[0].polarity == "absent"
    assert len(made("vqa.closed", make_scene(labels=healthy), context, only_no=3)) == 3
    assert made("vqa.closed", make_scene(labels=healthy), context, only_no=0) == []


def test_of_two_classes_the_sick_are_asked_too(make_scene, context) -> None:
    sick = make_scene(labels={"pneumonia": "present", "no_finding": "absent"})
    (record,) = made("vqa.closed", sick, context)
    assert (record.polarity, record.answer.text) == ("present", "yes")
    assert made("vqa.closed", sick, context, only_yes=0) == []
    assert made("vqa.closed", make_scene(labels={"pneumonia": "present"}), context) == []  # nothing is ever denied


def test_projection_is_asked_of_radiographs_that_state_it(make_scene, context) -> None:
    scene = make_scene(acquisition=Acquisition(modality="xray", view="PA", body_part="chest"))
    asked = {record.template.split("@")[0]: record for record in made("vqa.open", scene, context, per_picture=9)}
    assert asked["vqa.open.view"].answer.text == "posteroanterior"
    assert asked["vqa.open.view"].answer.variants == ("PA",)
    assert asked["vqa.open.view"].turns[1].text == "Posteroanterior."


def test_blood_is_no_part_of_the_body(make_scene, context) -> None:
    scene = make_scene(acquisition=Acquisition(modality="microscopy", body_part="blood"))
    assert [r.template.split("@")[0] for r in made("vqa.open", scene, context)] == ["vqa.open.modality"]


def test_one_class_a_picture_is_no_multiple_choice(make_scene, context) -> None:
    labels = {"pneumonia": "present", "cardiomegaly": "absent", "pleural_effusion": "absent"}
    assert made("vqa.multiple_choice", make_scene(labels=labels), context) == []


def beside(disc, concept: str, xy: tuple[int, int], radius: int, hole: tuple[int, int, int] | None = None):
    """A disc whose part right of its middle is cut away, or with a round hole."""
    whole = disc(concept, xy, radius)
    mask = whole.mask().astype(bool)
    if hole is None:
        mask[xy[1] - 20 : xy[1] + 20, xy[0] - 10 :] = False
    else:
        mask &= ~disc(concept, hole[:2], hole[2]).mask().astype(bool)
    return replace(whole, rle=rle_encode(mask.astype(np.uint8)))


def sides(scene, context) -> list[str]:
    records = made("vqa.open", scene, context, per_picture=50)
    return [one.answer.text for one in records if one.template.startswith("vqa.open.side@")]


def test_the_side_is_that_of_the_mask_around_and_not_of_its_box(make_scene, disc, context) -> None:
    fields = {"complete": frozenset({"lung_nodule"}), "orientation": ("L", "P")}
    within = disc("lung_nodule", (60, 80), 6)
    said = ["on the patient's right side"]
    whole = disc("lung_right", (60, 80), 40)
    assert sides(make_scene(instances=(whole, within), **fields), context) == said
    holed = beside(disc, "lung_right", (60, 80), 40, (60, 80, 6))  # as in a label map, where the nodule has the voxels
    assert sides(make_scene(instances=(holed, within), **fields), context) == said
    bent = beside(disc, "lung_right", (60, 80), 40)  # around the nodule on three sides
    assert bent.box[0] < within.box[0] and bent.box[2] > within.box[2]
    assert sides(make_scene(instances=(bent, within), **fields), context) == []
    boxed = replace(whole, rle=None, native_mask=None)
    assert sides(make_scene(instances=(boxed, within), **fields), context) == said


def test_a_vessel_tells_no_side(make_scene, disc, context) -> None:
    found = (disc("brachiocephalic_vein_left", (60, 80), 40), disc("lung_nodule", (60, 80), 6))
    scene = make_scene(instances=found, complete=frozenset({"lung_nodule"}), orientation=("L", "P"))
    assert sides(scene, context) == []
