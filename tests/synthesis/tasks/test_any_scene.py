"""Laws that hold for every record of any scene, whatever is known and unknown of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medloom.schemas.identity import digest
from medloom.schemas.record import Record
from medloom.schemas.sample import Acquisition
from medloom.schemas.view import Derivation
from medloom.synthesis.facts import region_fact
from medloom.synthesis.registry import load_task, task_names
from medloom.synthesis.scene import Point, Scene, WholeVolume
from medloom.synthesis.task import Context

MARKED = ("heart", "liver_lesion", "lung_left", "lung_right", "platelet", "red_blood_cell", "white_blood_cell")
LABELLED = ("cardiomegaly", "lung_nodule", "no_finding", "pleural_effusion", "pneumonia")
WIDTH, HEIGHT = 200, 160
LINES = [[["heart", "lung_left"], ["lung_right", "platelet"]]]

centres = st.tuples(st.integers(20, WIDTH - 21), st.integers(20, HEIGHT - 21))
objects = st.lists(
    st.tuples(st.sampled_from(MARKED), centres, st.integers(2, 18), st.booleans(), st.booleans()), max_size=7
)


@st.composite
def described(draw: st.DrawFn) -> dict:
    """Everything that `scene_of` needs."""
    return {
        "objects": draw(objects),
        "labels": draw(st.dictionaries(st.sampled_from(LABELLED), st.sampled_from(["present", "absent", "uncertain"]))),
        "of_patient": draw(st.booleans()),
        "complete": frozenset(draw(st.sets(st.sampled_from(MARKED)))),
        "spacing": draw(st.sampled_from([None, (1.0, 1.0), (0.5, 2.0)])),
        "orientation": draw(st.sampled_from([None, ("L", "P")])),
        "plane": draw(st.sampled_from([None, "axial"])),
        "view": draw(st.sampled_from([None, "PA", "X9"])),
        "modality": draw(st.sampled_from([None, "xray", "ct", "other"])),
        "points": draw(st.lists(st.tuples(st.sampled_from(MARKED), centres), max_size=5)),
    }


def scene_of(it: dict, make_scene, disc) -> Scene:
    measured = {"component": 1, "volume_mm3": 99.0}
    instances = tuple(
        disc(concept, centre, radius, it["spacing"], largest_section=largest, whole_object=whole, **measured)
        for concept, centre, radius, largest, whole in it["objects"]
    )
    first = {one.concept: one.fact for one in instances if it["spacing"]}
    scene = make_scene(
        labels=it["labels"],
        instances=instances,
        complete=it["complete"],
        spacing_mm=it["spacing"],
        orientation=it["orientation"],
        key=digest(repr(it)),
        derivation=Derivation(plane=it["plane"]),
        acquisition=Acquisition(modality=it["modality"], view=it["view"]),
        points=tuple(Point(name, xy, region_fact(name, "m.nii", "m.nii#value=1", name)) for name, xy in it["points"]),
        volumes=tuple(WholeVolume(concept, 99.0, fact) for concept, fact in first.items()),
    )
    return replace(scene, labels_of_patient=it["of_patient"])


def records_of(scene: Scene, context: Context) -> list[Record]:
    params = {"measurement.angle": {"lines": LINES}}
    return [record for name in task_names() for record in load_task(name, params.get(name, {})).records(scene, context)]


def spoken(record: Record) -> str:
    """All words but what the vocabulary teaches and what stands in JSON."""
    taught = [fact.value for fact in record.evidence if fact.predicate in ("definition", "attributes")]
    text = "\n".join([*(turn.text for turn in record.turns), *record.texts, record.reason or ""])
    for words in taught:
        for said in (words, words.rstrip("."), words[0].lower() + words[1:].rstrip(".")):
            text = text.replace(said, "")
    return text


def check(record: Record, scene: Scene, context: Context) -> None:
    text, facts = spoken(record), {fact.concept for fact in record.evidence}
    assert record.turns[0].text.startswith("<image>\n") and text.count("<image>") == len(record.views) == 1
    assert not re.search(r"\{[a-z_]+\}|\bNone\b|  ", text)
    assert record.turns[0].text.rstrip()[-1] in "?.:]" or record.options
    rest = text.lower()
    for concept in sorted((*MARKED, *LABELLED), key=lambda one: -len(context.vocabulary[one].name)):
        meant = context.vocabulary[concept]
        for words in (meant.plural, meant.name):
            if words in rest:
                assert concept in facts, (concept, text)
                rest = rest.replace(words, " ")
    for place in record.places:
        assert record.evidence[place.fact].concept == place.concept and place.concept in record.concepts
        xs, ys = (place.box[::2], place.box[1::2]) if place.box else (place.point[:1], place.point[1:])
        assert all(0 <= x <= WIDTH for x in xs) and all(0 <= y <= HEIGHT for y in ys)
    assert_said_boxes(record)
    assert_knowledge(record, scene, text)


def assert_said_boxes(record: Record) -> None:
    """What stands in the answer's JSON is what stands in the places, to one decimal."""
    found = re.search(r"\[\{.*\}\]", record.turns[1].text)
    if found is None:
        return
    rows = json.loads(found.group())
    for row, place in zip(rows, record.places, strict=True):
        truth = place.box if "bbox_2d" in row else place.point
        assert np.allclose(row.get("bbox_2d", row.get("point_2d")), truth, atol=0.0501)


def assert_knowledge(record: Record, scene: Scene, text: str) -> None:
    """Nothing is said of mm, of sides, of absence or of numbers that the scene doesn't know."""
    about = record.concepts[0] if record.concepts else None
    if scene.view.spacing_mm is None:
        assert not re.search(r"\d ?(?:mm|ml)", text) and record.task.split(".")[0] != "measurement"
    if scene.view.orientation is None:
        assert not re.search(r"patient's (?:left|right)|side of the patient", text)
    stated = {one.concept: one.polarity for one in scene.labels}
    if record.form == "closed":
        assert record.polarity == record.evidence[0].polarity and stated.get(about) != "uncertain"
    if record.task.startswith("counting"):
        assert scene.countable(about) and record.answer.number == len(scene.by_concept.get(about, ()))
    if record.task.startswith("grounding.box"):
        assert about in scene.complete and len(record.places) == len(scene.by_concept.get(about, ()))
        assert bool(record.places) != (record.polarity == "absent")
    for option in record.options:
        assert option.concept in {fact.concept for fact in record.evidence}
        if not option.correct and record.task.startswith("vqa"):
            here = option.concept in scene.by_concept or (stated.get(option.concept) == "present")
            assert not here or scene.labels_of_patient
    if record.options:
        assert {one.key for one in record.options if one.correct} == set(record.answer.keys)
        pairs = [(one.concept, other.concept) for one, other in product(record.options, repeat=2) if one is not other]
        assert all(one != other for one, other in pairs)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(it=described())
def test_any_scene(it: dict, make_scene, disc, context) -> None:
    scene = scene_of(it, make_scene, disc)
    records = records_of(scene, context)
    assert len({record.id for record in records}) == len(records)
    for record in records:
        assert record.evidence and re.fullmatch(r"[0-9a-f]{32}", record.id)
        check(record, scene, context)
