"""What the tasks say, what they keep silent about, and that every word has its fact."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from scipy.stats import chisquare

from medloom.schemas.record import Record
from medloom.schemas.sample import Acquisition
from medloom.schemas.view import Derivation
from medloom.synthesis.registry import load_task, task_names
from medloom.synthesis.scene import Point, Scene, WholeVolume
from medloom.synthesis.task import CaseTask, Context, PatientTask

EVERY = (
    "caption", "caption.knowledge", "counting", "counting.boxes", "counting.points", "grounding.box", "grounding.mask",
    "grounding.point", "grounding.region", "measurement.angle", "measurement.area", "measurement.distance",
    "measurement.size", "measurement.volume", "reasoning.box", "vqa.closed", "vqa.multiple_choice", "vqa.open",
    "vqa.single_choice",
)  # fmt: skip


def made(name: str, scene: Scene, context: Context, **params: object) -> list[Record]:
    return list(load_task(name, params).records(scene, context))


@pytest.fixture
def blood(make_scene, disc) -> Scene:
    """Three red cells and a white one, every one of them known; platelets are known to be nowhere."""
    cells = (
        disc("red_blood_cell", (30, 30)), disc("red_blood_cell", (100, 40)), disc("red_blood_cell", (40, 110)),
        disc("white_blood_cell", (150, 110), 20),
    )  # fmt: skip
    complete = frozenset({"red_blood_cell", "white_blood_cell", "platelet"})
    return make_scene(instances=cells, complete=complete, acquisition=Acquisition(modality="microscopy"))


@pytest.fixture
def chest(make_scene) -> Scene:
    labels = {"pneumonia": "present", "pleural_effusion": "absent", "cardiomegaly": "absent", "lung_nodule": "absent"}
    return make_scene(labels=labels, key="chest", acquisition=Acquisition(modality="xray", body_part="chest"))


@pytest.fixture
def lesion(make_scene, disc) -> Scene:
    one = disc("liver_lesion", (60, 60), 12, (0.8, 2.5), component=1, volume_mm3=4321.0)
    return make_scene(
        key="lesion",
        instances=(one,),
        complete=frozenset({"liver_lesion"}),
        volumes=(WholeVolume("liver_lesion", 4321.0, one.fact),),
        spacing_mm=(0.8, 2.5),
        orientation=("L", "P"),
        acquisition=Acquisition(modality="ct", body_part="abdomen"),
        derivation=Derivation(plane="axial", slice_index=3),
    )


def test_the_tasks_are_the_ones_of_the_record_types() -> None:
    """Those of one picture; those of a whole case or patient have tests of their own."""
    of_scenes = [name for name in task_names() if not isinstance(load_task(name, {}), CaseTask | PatientTask)]
    assert tuple(of_scenes) == EVERY


def every_record(scenes: list[Scene], context: Context) -> list[Record]:
    return [record for scene in scenes for name in EVERY for record in made(name, scene, context)]


def test_every_record_hangs_together(blood, chest, lesion, context) -> None:
    records = every_record([blood, chest, lesion], context)
    assert {record.task for record in records} >= set(EVERY) - {"measurement.angle", "measurement.distance"}
    assert len({record.id for record in records}) == len(records)
    for record in records:
        asked, said = record.turns
        assert asked.text.count("<image>") == 1 == len(record.views) and asked.role == "user" and said.text
        assert not re.search(
            r"[{}]\w|\bNone\b|\b[a-z]+_[a-z]+\b", re.sub(r'"(bbox|point)_2d"', "", said.text + asked.text)
        )
        assert record.evidence and all(0 <= place.fact < len(record.evidence) for place in record.places)
        for place in record.places:
            assert place.concept in record.concepts
            assert record.evidence[place.fact].concept == place.concept
            if place.box is not None:
                x0, y0, x1, y1 = place.box
                assert 0 <= x0 < x1 <= 200 and 0 <= y0 < y1 <= 160


def test_the_same_scene_gives_the_same_records_and_another_sample_others(blood, make_scene, disc, context) -> None:
    assert every_record([blood], context) == every_record([blood], context)
    other = make_scene(instances=blood.instances, complete=blood.complete, key="s2")
    assert {r.id for r in every_record([other], context)}.isdisjoint({r.id for r in every_record([blood], context)})


def test_captions_are_a_list_of_texts_that_are_never_joined(blood, context) -> None:
    (record,) = made("caption", blood, context)
    assert len(record.texts) == 3 == len(set(record.texts))
    for text in record.texts:
        assert "hree red blood cells" in text and "one white blood cell" in text and "platelet" not in text
        assert text.count(".") == 1


def test_an_uncounted_concept_is_not_counted(make_scene, disc, context) -> None:
    scene = make_scene(instances=(disc("red_blood_cell", (30, 30)), disc("red_blood_cell", (90, 90))))
    (record,) = made("caption", scene, context)
    assert "red blood cells" in record.texts[0] and "two" not in record.texts[0]
    assert made("counting", scene, context) == [] == made("grounding.box", scene, context)


def test_a_closed_question_is_never_asked_of_what_is_uncertain_and_is_balanced(make_scene, context) -> None:
    labels = {
        "pneumonia": "present",
        "lung_nodule": "uncertain",
        "cardiomegaly": "absent",
        "pleural_effusion": "absent",
    }
    records = made("vqa.closed", make_scene(labels=labels), context)
    assert Counter(record.polarity for record in records) == {"present": 1, "absent": 1}
    assert all("lung_nodule" not in record.concepts for record in records)
    for record in records:
        assert record.answer.text == ("yes" if record.polarity == "present" else "no")
        assert record.turns[1].text.lower().startswith(record.answer.text)


def test_nothing_but_yes_is_not_asked_at_all(make_scene, context) -> None:
    assert made("vqa.closed", make_scene(labels={"pneumonia": "present"}), context) == []


def test_single_choice_takes_distractors_that_are_right_elsewhere_and_wrong_here(chest, context) -> None:
    (record,) = made("vqa.single_choice", chest, context)
    wrong = {option.concept for option in record.options if not option.correct}
    assert wrong == {"cardiomegaly", "lung_nodule", "pleural_effusion"}
    assert [option.key for option in record.options if option.correct] == list(record.answer.keys)
    assert all(f"{option.key}. {option.text}" in record.turns[0].text for option in record.options)
    assert {fact.concept for fact in record.evidence} == {"pneumonia", *wrong}


def test_two_findings_are_no_single_choice(make_scene, context) -> None:
    labels = {"pneumonia": "present", "cardiomegaly": "present", "lung_nodule": "absent", "pleural_effusion": "absent"}
    assert made("vqa.single_choice", make_scene(labels=labels), context) == []


def test_the_right_letter_is_uniform(make_scene, context) -> None:
    labels = {"pneumonia": "present", "cardiomegaly": "absent", "lung_nodule": "absent", "pleural_effusion": "absent"}
    letters = Counter(
        made("vqa.single_choice", make_scene(labels=labels, key=f"k{number}"), context)[0].answer.keys[0]
        for number in range(800)
    )
    assert chisquare([letters[letter] for letter in "ABCD"]).pvalue > 0.001


def test_multiple_choice_names_every_right_key(make_scene, context) -> None:
    labels = {"pneumonia": "present", "cardiomegaly": "present", "lung_nodule": "absent", "pleural_effusion": "absent"}
    for number in range(20):
        (record,) = made("vqa.multiple_choice", make_scene(labels=labels, key=f"k{number}"), context)
        right = {option.key for option in record.options if labels[option.concept] == "present"}
        assert right == {option.key for option in record.options if option.correct} == set(record.answer.keys)
        assert 0 < len(right) < len(record.options)


def test_boxes_in_words_are_the_boxes_of_the_places(blood, context) -> None:
    for name in ("grounding.box", "counting.boxes", "grounding.mask"):
        for record in made(name, blood, context):
            if record.polarity == "absent":
                continue
            said = json.loads(re.search(r"\[.*\]", record.turns[1].text).group())
            assert [row["bbox_2d"] for row in said] == [list(place.box) for place in record.places]
            found = blood.by_concept[record.concepts[0]]
            assert len(record.places) == len(found), "every instance, in reading order"


def test_no_box_is_said_only_of_what_is_proved_to_be_nowhere(blood, make_scene, disc, context) -> None:
    nothing = [record for record in made("grounding.box", blood, context) if record.polarity == "absent"]
    assert [record.concepts for record in nothing] == [("platelet",)]
    assert nothing[0].places == () and nothing[0].evidence[0].polarity == "absent"
    unsure = make_scene(instances=blood.instances, complete=frozenset({"red_blood_cell"}))
    assert all(record.polarity != "absent" for record in made("grounding.box", unsure, context))


def test_what_a_label_is_unsure_of_is_not_said_to_be_nowhere(make_scene, disc, context) -> None:
    complete = frozenset({"heart", "lung_left"})
    unsure = make_scene(labels={"heart": "uncertain"}, instances=(disc("lung_left", (50, 50)),), complete=complete)
    for name in ("grounding.box", "counting", "vqa.closed", "vqa.multiple_choice", "reasoning.box"):
        assert all("heart" not in {o.concept for o in r.options} | set(r.concepts) for r in made(name, unsure, context))


def test_counts_are_the_number_of_instances_and_zero_where_proved(blood, context) -> None:
    counts = {record.concepts[0]: record.answer.number for record in made("counting", blood, context, per_picture=9)}
    assert counts == {"red_blood_cell": 3, "white_blood_cell": 1, "platelet": 0}
    for record in made("counting", blood, context, per_picture=9):
        assert record.places == () and not re.search(r"where|box|point", record.turns[0].text)
    for name in ("counting.points", "counting.boxes"):
        assert all(len(r.places) == r.answer.number for r in made(name, blood, context))


def test_a_point_lies_on_its_object_even_where_the_centroid_does_not(make_scene, disc, context) -> None:
    import numpy as np

    from medloom.converters.pixels.mask import rle_decode, rle_encode
    from medloom.synthesis.tasks.grounding import inner_point

    ring = disc("liver_lesion", (80, 80), 30)
    mask = rle_decode(ring.rle).copy()
    mask[65:96, 65:96] = False
    hollow = type(ring)(**{**ring.__dict__, "rle": rle_encode(mask.astype(np.uint8))})
    x, y = inner_point(hollow)
    assert mask[int(y), int(x)]


def test_size_is_measured_in_mm_on_the_largest_section_only(lesion, make_scene, disc, context) -> None:
    (record,) = made("measurement.size", lesion, context)
    values = {one.name: one.value for one in record.measurements}
    assert values["long_axis"] == pytest.approx(25 * 2.5, rel=0.05)
    assert values["short_axis"] == pytest.approx(25 * 0.8, rel=0.08)
    assert record.answer.number == values["long_axis"] and record.answer.unit == "mm"
    assert f"{values['long_axis']:.1f} mm" in record.turns[1].text
    elsewhere = disc("liver_lesion", (60, 60), 12, (0.8, 2.5), largest_section=False)
    other = make_scene(instances=(elsewhere,), complete=lesion.complete, spacing_mm=(0.8, 2.5))
    assert made("measurement.size", other, context) == []


def test_without_spacing_there_is_no_millimetre(make_scene, disc, context) -> None:
    scene = make_scene(instances=(disc("liver_lesion", (60, 60)),), complete=frozenset({"liver_lesion"}))
    for name in ("measurement.size", "measurement.area", "measurement.volume"):
        assert made(name, scene, context) == []


def test_volume_is_that_of_the_whole_scan(lesion, context) -> None:
    (record,) = made("measurement.volume", lesion, context)
    assert record.answer.number == 4321.0 and record.answer.unit == "mm3" and "4.3 ml" in record.turns[1].text


def test_landmarks_are_measured_in_mm_space(make_scene, context) -> None:
    names = ("lung_left", "lung_right", "heart", "liver_lesion")
    fact = make_scene().region_fact
    points = tuple(Point(name, xy, fact) for name, xy in zip(names, ((0, 0), (30, 40), (0, 0), (0, 10)), strict=True))
    scene = make_scene(points=points, spacing_mm=(2.0, 1.0))
    lines = [[["lung_left", "lung_right"], ["heart", "liver_lesion"]]]
    (angle,) = made("measurement.angle", scene, context, lines=lines)
    assert angle.answer.number == pytest.approx(20.556, abs=1e-3)  # atan(30 / 80), against the vertical
    distances = {
        frozenset(record.concepts): record.answer.number
        for record in made("measurement.distance", scene, context, per_picture=9)
    }
    assert distances[frozenset({"lung_left", "lung_right"})] == pytest.approx((30**2 + 80**2) ** 0.5)
    assert made("measurement.distance", make_scene(points=points), context) == []


def test_a_side_of_the_patient_is_said_only_with_orientation_and_a_sided_structure(make_scene, disc, context) -> None:
    lung, nodule = disc("lung_left", (150, 80), 40), disc("lung_nodule", (150, 80), 5)

    def sides(**fields: object) -> list[str]:
        scene = make_scene(instances=(lung, nodule), complete=frozenset({"lung_nodule"}), **fields)
        return [
            r.answer.text
            for r in made("vqa.open", scene, context, per_picture=20)
            if r.template.startswith("vqa.open.side")
        ]

    assert sides(orientation=("L", "P")) == ["on the patient's left side"]
    assert sides() == []
    alone = make_scene(instances=(nodule,), complete=frozenset({"lung_nodule"}), orientation=("L", "P"))
    assert not any("side" in r.template for r in made("vqa.open", alone, context, per_picture=20))


def test_an_open_question_names_the_only_finding_of_a_judged_group(chest, make_scene, context) -> None:
    asked = {r.template.split("@")[0]: r.answer.text for r in made("vqa.open", chest, context, per_picture=9)}
    assert asked["vqa.open.finding"] == "pneumonia" and asked["vqa.open.body_part"] == "chest"
    alone = make_scene(labels={"pneumonia": "present"})
    assert not any("finding" in r.template for r in made("vqa.open", alone, context, per_picture=9))


def test_region_prompts_leave_out_what_lies_in_another_box(blood, make_scene, disc, context) -> None:
    for record in made("grounding.region", blood, context):
        assert [place.role for place in record.places] == ["prompt"]
    nested = make_scene(instances=(disc("lung_left", (100, 80), 40), disc("heart", (100, 80), 10)))
    assert made("grounding.region", nested, context) == []


def test_reasoned_answers_come_in_all_four_forms_and_agree(make_scene, disc, context) -> None:
    forms = Counter()
    for number in range(12):
        cells = (disc("red_blood_cell", (30, 30)), disc("white_blood_cell", (150, 120), 20))
        complete = frozenset({"red_blood_cell", "white_blood_cell", "platelet", "heart"})
        scene = make_scene(instances=cells, complete=complete, key=f"k{number}")
        for record in made("reasoning.box", scene, context):
            forms[record.form] += 1
            assert record.reason and record.reason in record.turns[1].text
            if record.polarity != "absent":
                assert record.places
    assert set(forms) == {"open", "closed", "single", "multiple"}


def test_pieces_of_a_mask_are_not_counted_as_objects(make_scene, disc, context) -> None:
    pieces = tuple(disc("liver_lesion", xy, whole_object=False) for xy in ((40, 40), (120, 90)))
    scene = make_scene(instances=pieces, complete=frozenset({"liver_lesion"}))
    assert made("counting", scene, context) == []
    (caption,) = made("caption", scene, context)
    assert "a liver lesion" in caption.texts[0].lower() and "lesions" not in caption.texts[0]
    assert len(made("grounding.box", scene, context)[0].places) == 2


def test_a_diagnosis_is_not_said_to_be_seen(make_scene, context) -> None:
    labels = {"pneumonia": "present", "cardiomegaly": "absent", "lung_nodule": "absent", "pleural_effusion": "absent"}
    scene = make_scene(labels=labels, labels_of_patient=True, acquisition=Acquisition(modality="xray"))
    (caption,) = made("caption", scene, context)
    assert all("of a patient with pneumonia" in text for text in caption.texts)
    assert made("vqa.closed", scene, context) == [] == made("vqa.multiple_choice", scene, context)
    assert not any("finding" in r.template for r in made("vqa.open", scene, context, per_picture=9))
    (choice,) = made("vqa.single_choice", scene, context)
    assert "diagnos" in choice.turns[0].text and "show" not in choice.turns[0].text


def test_knowledge_captions_cite_their_definition(chest, context) -> None:
    (record,) = made("caption.knowledge", chest, context)
    definition = context.vocabulary["pneumonia"].definition
    assert definition in record.texts[0]
    assert [fact.value for fact in record.evidence if fact.predicate == "definition"] == [definition]


def test_the_ids_of_a_fixed_scene_do_not_change(chest, context) -> None:
    """Another id is another corpus for everyone: change it knowingly, with the task's version."""
    ids = [record.id for name in ("caption", "vqa.single_choice") for record in made(name, chest, context)]
    assert ids == ["89dff84af20d2a10798c54fc7ca7c715", "a156efa730d48ef6583bc823987de99d"]
