"""Answer, reason and box: each of the three is proved, and no place is asked about that two things share."""

from __future__ import annotations

from medloom.synthesis.registry import load_task
from medloom.synthesis.tasks.reasoned import ninth


def made(scene, context, **params):
    return list(load_task("reasoning.box", params).records(scene, context))


def test_ninths_tile_the_picture() -> None:
    assert ninth((0, 0), 200, 160) == (0, 0, 200 / 3, 160 / 3)
    assert ninth((199.9, 159.9), 200, 160) == (400 / 3, 320 / 3, 200, 160)
    assert ninth((200, 160), 200, 160) == (400 / 3, 320 / 3, 200, 160)


def test_an_open_question_needs_its_kind_to_be_alone_there(make_scene, disc, context) -> None:
    known = frozenset({"red_blood_cell", "white_blood_cell", "platelet"})
    alone = (disc("red_blood_cell", (30, 30)), disc("white_blood_cell", (150, 120), 20))
    # The white cell reaches into the red one's ninth, and not the other way round.
    shared = (disc("red_blood_cell", (30, 30)), disc("white_blood_cell", (55, 60), 20))
    asked = {"alone": set(), "shared": set(), "unknown": set()}
    for number in range(30):
        for name, cells, complete in (
            ("alone", alone, known), ("shared", shared, known), ("unknown", alone, known - {"platelet"})
        ):  # fmt: skip
            scene = make_scene(instances=cells, complete=complete, key=f"k{number}")
            open_ones = [one for one in made(scene, context) if one.template.startswith("reasoning.open")]
            asked[name] |= {record.concepts for record in open_ones}
    white = ("white_blood_cell",)
    assert asked == {"alone": {("red_blood_cell",), white}, "shared": {white}, "unknown": set()}


def test_yes_comes_with_no_and_ids_differ(make_scene, disc, context) -> None:
    cells = (disc("red_blood_cell", (30, 30)), disc("white_blood_cell", (150, 120), 20))
    scene = make_scene(
        instances=cells, complete=frozenset({"red_blood_cell", "white_blood_cell", "platelet", "heart", "liver_lesion"})
    )
    records = made(scene, context, per_picture=3)
    closed = [record.polarity for record in records if record.form == "closed"]
    assert sorted(closed) == ["absent", "absent", "present", "present"]
    assert len({record.id for record in records}) == len(records)


def test_where_it_lies_is_reasoned_from_its_middle(make_scene, disc, context) -> None:
    one = disc("heart", (150, 30), 20)
    scene = make_scene(instances=(one,), complete=frozenset({"heart"}))
    (record,) = made(scene, context)
    assert record.template.startswith("reasoning.place") and record.answer.variants == ("upper right", "upper right")
    assert record.reason == "Its middle lies at 75% of the width and 19% of the height."
