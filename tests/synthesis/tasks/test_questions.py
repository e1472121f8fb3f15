"""Closed and open questions."""

from __future__ import annotations

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
