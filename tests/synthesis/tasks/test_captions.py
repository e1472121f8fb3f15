"""What captions choose to say."""

from __future__ import annotations

from medloom.schemas.sample import Acquisition
from medloom.synthesis.registry import load_task


def made(name, scene, context, **params):
    return list(load_task(name, params).records(scene, context))


def test_nothing_known_is_no_caption(make_scene, context) -> None:
    assert made("caption", make_scene(acquisition=Acquisition(modality="other")), context) == []


def test_no_finding_is_not_called_normal(make_scene, context) -> None:
    scene = make_scene(labels={"no_finding": "present"}, acquisition=Acquisition(modality="xray", body_part="chest"))
    (record,) = made("caption", scene, context)
    assert record.concepts == () and all("radiograph of the chest" in text for text in record.texts)
    assert not any(word in text for text in record.texts for word in ("normal", "finding", "healthy"))


def test_findings_are_said_before_organs_and_large_before_small(make_scene, disc, context) -> None:
    shown = (disc("heart", (40, 40), 30), disc("lung_left", (150, 40), 20), disc("lung_right", (100, 100), 9),
             disc("lung_nodule", (150, 40), 2))  # fmt: skip
    (record,) = made("caption", make_scene(instances=shown), context, concepts=2)
    assert record.concepts == ("heart", "lung_nodule")
    (record,) = made("caption", make_scene(instances=shown), context, concepts=3)
    assert record.concepts == ("heart", "lung_left", "lung_nodule")


def test_what_is_marked_but_uncertain_is_not_said(make_scene, disc, context) -> None:
    scene = make_scene({"lung_nodule": "uncertain"}, (disc("lung_nodule", (150, 40)), disc("heart", (40, 40), 30)))
    (record,) = made("caption", scene, context)
    assert record.concepts == ("heart",)


def test_knowledge_is_a_definition_or_typical_features_and_says_whose(make_scene, context) -> None:
    taught = set()
    for number in range(20):
        (record,) = made("caption.knowledge", make_scene(labels={"pneumonia": "present"}, key=f"k{number}"), context)
        fact = record.evidence[-1]
        taught.add(fact.predicate)
        assert fact.source_name == "medloom" and fact.value in record.texts[0]
    assert taught == {"definition", "attributes"}
