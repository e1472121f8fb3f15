from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.flows.report.overlay import DRAWN, PALETTE, overlay
from medloom.schemas.record import Place
from medloom.schemas.sample import Rle

edge = st.floats(0, 400)


@pytest.fixture(scope="module")
def made(drawing):
    """overlay() of some places on a black view of the given size."""
    view, _ = drawing.stored("s", np.zeros((300, 400), np.uint8), "v")
    base = drawing.record(1, "s", view, config="grounding", task="t", type=10, turns=drawing.asked("?", "!"))

    def of(places, index=0, **facts):
        record = msgspec.structs.replace(base, places=tuple(places))
        return overlay(record, index, msgspec.structs.replace(view, **facts), {"a": "first", "b": "second"})

    return of


@given(st.tuples(edge, edge), st.tuples(edge, edge))
def test_a_rectangle_carries_the_records_own_numbers(made, one, other):
    box = (min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1]))
    (drawn,) = made([Place(concept="a", box=box, fact=0)]).boxes
    found = [float(each) for each in (drawn.x, drawn.y, drawn.width, drawn.height)]
    assert found == pytest.approx([box[0], box[1], box[2] - box[0], box[3] - box[1]], abs=0.0051)


def test_only_the_places_of_that_view_are_drawn(made):
    places = [Place(concept="a", box=(0, 0, 9, 9), fact=0), Place(view=1, concept="b", box=(5, 5, 7, 7), fact=0)]
    assert [box.title for box in made(places).boxes] == ["first [0, 0, 9, 9]"]
    assert [box.title for box in made(places, index=1).boxes] == ["second [5, 5, 7, 7]"]


def test_a_concept_keeps_its_colour_on_every_view(made):
    places = [Place(concept="a", box=(0, 0, 9, 9), fact=0), Place(view=1, concept="b", box=(5, 5, 7, 7), fact=0)]
    first, second = made(places).keys[0].colour, made(places, index=1).keys[0].colour
    assert (first, second) == tuple("#{:02x}{:02x}{:02x}".format(*colour) for colour in PALETTE[:2])


def test_a_crowd_is_counted_not_labelled(made):
    places = [Place(concept="a", box=(x, 0, x + 1, 9), fact=0) for x in range(DRAWN + 30)]
    crowd = made(places)
    assert (len(crowd.boxes), crowd.left_out, crowd.words) == (DRAWN, 30, ())
    assert [(key.name, key.count) for key in crowd.keys] == [("first", DRAWN + 30)]
    assert [word.text for word in made(places[:2]).words] == ["first", "first"]


@given(st.tuples(edge, st.floats(0, 300)))
def test_labels_stay_within_the_picture(made, point):
    (word,) = made([Place(concept="a", point=point, fact=0)]).words
    assert 0 <= float(word.x) <= 400 and 12 <= float(word.y) <= 300


def test_points_and_prompts_keep_their_role(made):
    drawn = made([Place(concept="a", point=(3.5, 4), fact=0, role="prompt"), Place(concept="a", point=(9, 9), fact=0)])
    assert [(dot.x, dot.y, dot.role) for dot in drawn.dots] == [("3.5", "4", "prompt"), ("9", "9", "answer")]
    assert [(key.role, key.count) for key in drawn.keys] == [("prompt", 1), ("answer", 1)]


def test_a_mask_that_does_not_fit_is_told_not_drawn(made):
    drawn = made([Place(concept="a", rle=Rle(size=(4, 4), counts="`0"), fact=0)])
    assert drawn.mask is None and "wrong_grid" in drawn.problem


@pytest.mark.parametrize(
    ("spacing", "length", "text"),
    [((1.5, 1.2), 100 / 1.2, "100 mm"), ((9.0, 0.05), 5 / 0.05, "5 mm"), ((1e-3, 1e-3), 0.1 / 1e-3, "100 µm")],
)
def test_the_scale_bar_is_a_round_length_along_x(made, spacing, length, text):
    bar = made([], spacing_mm=spacing).scale_bar
    assert float(bar.x2) - float(bar.x1) == pytest.approx(length, abs=0.02)
    assert bar.text == text and float(bar.x2) - float(bar.x1) <= 400 / 3


def test_without_spacing_no_millimetre_and_without_orientation_no_letter(made):
    bare = made([])
    assert bare.scale_bar is None and bare.directions == ()
    letters = made([], orientation=("L", "P")).directions
    assert [(word.text, word.anchor) for word in letters] == [("L", "end"), ("P", "middle")]
    assert float(letters[0].x) > 380 and float(letters[1].y) > 280
