from __future__ import annotations

import msgspec
import pytest

from medloom.flows.figures import Example
from medloom.flows.report import contact_sheet
from medloom.flows.report.contact_sheet import contact_sheets, in_turn, view_caption
from medloom.schemas.view import Derivation


def changed(figures, number, **facts):
    """The figures with only their example `number`, whose record is changed."""
    example = figures.examples[number]
    record = msgspec.structs.replace(example.record, **facts)
    return msgspec.structs.replace(figures, examples=(msgspec.structs.replace(example, record=record),))


def only_card(figures):
    (sheet,) = contact_sheets(figures).sheets
    (card,) = sheet.cards
    return card


def test_a_picture_that_several_records_show_is_stored_once(figures):
    made = contact_sheets(figures)
    assert (made.shown, made.offered) == (7, 7)
    thumbnails = [each for each in made.stored if each.id.startswith("p-")]
    assert len(thumbnails) == 3 and len({each.id for each in made.stored}) == len(made.stored)
    assert [sheet.task for sheet in made.sheets] == sorted(each.record.task for each in figures.examples)


def test_tasks_take_turns_and_keep_their_order(figures):
    first, second = figures.examples[0], figures.examples[1]
    many = [
        Example(record=msgspec.structs.replace(each.record, id=f"{number}"), views=each.views, pictures=each.pictures)
        for number, each in enumerate([first] * 3 + [second] * 2)
    ]
    assert [each.record.id for each in in_turn(tuple(many))] == ["0", "3", "1", "4", "2"]


@pytest.mark.parametrize(
    ("facts", "words_too"),
    [({"redistribute": "text"}, False), ({"redistribute": "index"}, True), ({"access": "credentialed"}, True)],
)
def test_what_may_not_be_passed_on_is_not_in_the_page(figures, facts, words_too):
    shut = changed(figures, 0, **facts)
    card = only_card(shut)
    assert contact_sheets(shut).stored == ()
    assert card.pictures[0].overlay is None and "may not be redistributed" in card.pictures[0].withheld
    assert (card.lines == () and card.facts == () and card.index_only) == words_too


def test_a_picture_that_is_not_there_is_said_so(figures):
    example = msgspec.structs.replace(figures.examples[0], pictures=())
    card = only_card(msgspec.structs.replace(figures, examples=(example,)))
    assert "undecodable" in card.pictures[0].withheld


def test_the_options_are_not_told_twice(figures):
    card = only_card(msgspec.structs.replace(figures, examples=(figures.examples[3],)))
    assert card.lines[0].text == "Which finding is shown?"
    assert [(option.key, option.correct) for option in card.options] == [
        ("A", False), ("B", True), ("C", False), ("D", False),
    ]  # fmt: skip
    assert card.answer == "pneumonia · keys B"


def test_the_scored_answer_is_left_out_where_it_repeats_the_turn(figures):
    assert only_card(msgspec.structs.replace(figures, examples=(figures.examples[4],))).answer is None
    assert only_card(msgspec.structs.replace(figures, examples=(figures.examples[1],))).answer == (
        "40.7 mm · = 40.7322 mm · also: 4.1 cm"
    )


def test_the_budget_leaves_out_whole_cards(figures, monkeypatch):
    sizes = {each.id: len(each.uri) for each in contact_sheets(figures).stored}
    monkeypatch.setattr(contact_sheet, "PICTURE_BUDGET", max(sizes.values()) + 1)
    made = contact_sheets(figures)
    assert sum(len(each.uri) for each in made.stored) <= max(sizes.values()) + 1
    assert 0 < made.shown < 7 and made.offered == 7
    monkeypatch.setattr(contact_sheet, "MAX_CARDS", 2)
    assert contact_sheets(figures).shown <= 2


def test_a_caption_tells_how_the_view_came_to_be(figures):
    view = figures.examples[0].views[0]
    assert view_caption(view) == "axial slice 34 · 300 × 240 px · 1.5 × 1.2 mm · window 40/400"
    clip = msgspec.structs.replace(view, derivation=Derivation(frame=12, time_s=0.4), spacing_mm=None)
    assert view_caption(clip) == "frame 12 · 0.4 s · 300 × 240 px"
