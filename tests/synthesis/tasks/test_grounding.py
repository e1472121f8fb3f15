"""Landmarks, words of size and shape, and regions that are given."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from medloom.synthesis.registry import load_task
from medloom.synthesis.scene import Point
from medloom.synthesis.tasks.grounding import SHAPE_CUTS, SIZE_CUTS


def made(name, scene, context, **params):
    return list(load_task(name, params).records(scene, context))


def test_two_landmarks_of_one_name_are_not_the_landmark(make_scene, context) -> None:
    fact = make_scene().region_fact
    points = (
        Point("vertebrae_c2", (10, 10), fact),
        Point("vertebrae_c2", (10, 50), fact),
        Point("heart", (9, 9), fact),
    )
    scene = make_scene(points=points, spacing_mm=(1.0, 1.0))
    (record,) = made("grounding.point", scene, context)
    assert record.concepts == ("heart",) and "the heart" in record.turns[0].text
    assert made("measurement.distance", scene, context) == []


def test_lines_of_no_length_have_no_angle(make_scene, context) -> None:
    fact = make_scene().region_fact
    points = tuple(Point(name, (5.0, 5.0), fact) for name in ("heart", "liver", "spleen", "aorta"))
    lines = [[["heart", "liver"], ["spleen", "aorta"]]]
    assert made("measurement.angle", make_scene(points=points, spacing_mm=(1.0, 1.0)), context, lines=lines) == []


def test_the_ladder_has_all_rungs_and_each_says_why(make_scene, disc, context) -> None:
    rungs = Counter()
    for number in range(60):
        lesion = disc("liver_lesion", (60, 60), 12, (1.0, 1.0))
        scene = make_scene(instances=(lesion,), complete=frozenset({"liver_lesion"}), key=f"k{number}")
        (record,) = made("grounding.mask", scene, context)
        added = [fact for fact in record.evidence if fact.predicate != "region"]
        rungs.update(fact.predicate for fact in added)
        for fact in added:
            if fact.predicate == "shape":
                assert (
                    fact.value.startswith("round: ratio of axes") and "the round liver lesion" in record.turns[0].text
                )
            if fact.predicate == "size_word":
                assert fact.value.startswith("small: 0.01") and "the small liver lesion" in record.turns[0].text
    assert set(rungs) == {"shape", "size_word", "place", "definition"}
    assert SIZE_CUTS[-1][1] > 1 and SHAPE_CUTS[-1][1] == 0


def test_wrong_options_of_a_region_are_proved_not_to_be_there(make_scene, disc, context) -> None:
    seen = 0
    for number in range(30):
        cells = (disc("red_blood_cell", (30, 30)), disc("white_blood_cell", (150, 110), 20))
        known = frozenset({"red_blood_cell", "white_blood_cell", "platelet"})
        for record in made("grounding.region", make_scene(instances=cells, complete=known, key=f"k{number}"), context):
            for option in record.options:
                seen += 1
                assert option.concept in known and option.concept in {fact.concept for fact in record.evidence}
    assert seen


def test_the_volume_of_several_is_not_said_of_one(make_scene, disc, context) -> None:
    from medloom.synthesis.scene import WholeVolume

    one = disc("liver_lesion", (60, 60), 12, (1.0, 1.0), component=1, volume_mm3=1500.0)
    for whole, words in ((1500.0, "the liver lesion"), (2500.0, "all liver lesions together")):
        scene = make_scene(
            instances=(one,), complete=frozenset({"liver_lesion"}), spacing_mm=(1.0, 1.0),
            volumes=(WholeVolume("liver_lesion", whole, one.fact),),
        )  # fmt: skip
        (record,) = made("measurement.volume", scene, context)
        assert words in record.turns[0].text and record.answer.number == whole
    parts = replace(scene, volumes=scene.volumes * 2)
    assert made("measurement.volume", parts, context) == []


def test_at_most_one_count_is_nought(make_scene, disc, context) -> None:
    cells = (disc("red_blood_cell", (30, 30)),)
    scene = make_scene(instances=cells, complete=frozenset({"red_blood_cell", "white_blood_cell", "platelet"}))
    counts = [record.answer.number for record in made("counting", scene, context, per_picture=9)]
    assert sorted(counts) == [0, 1]
    assert [r.answer.number for r in made("counting", scene, context, per_picture=9, nothing=0)] == [1]
