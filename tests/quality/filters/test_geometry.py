from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from medloom.converters.pixels.mask import rle_encode
from medloom.schemas.record import Answer, Place
from medloom.schemas.sample import Rle


def _place(kit, **changes):
    row = kit.grounding()
    return replace(row, places=(replace(row.places[0], **changes),))


def test_keeps_what_is_valid(kit):
    assert kit.reasons("geometry", kit.valid()) == {}


BROKEN = {
    "not_finite": lambda k: _place(k, box=(10.0, 12.0, nan, 18.0)),
    "box_shape": lambda k: _place(k, box=(10.0, 12.0, 20.0)),
    "box_degenerate": lambda k: _place(k, box=(10.0, 12.0, 10.0, 18.0)),
    "box_outside": lambda k: _place(k, box=(10.0, 12.0, 64.5, 18.0)),
    "point_shape": lambda k: _place(k, point=(10.0, 12.0, 1.0)),
    "point_outside": lambda k: _place(k, point=(10.0, -0.5)),
    "rle_size": lambda k: _place(k, rle=Rle(size=(64, 48), counts=k.grounding().places[0].rle.counts)),
    "rle_broken": lambda k: _place(k, rle=Rle(size=(48, 64), counts=k.grounding().places[0].rle.counts[:-2])),
    "box_not_of_mask": lambda k: _place(k, box=(10.0, 12.0, 20.6, 18.0)),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_names_what_is_broken(kit, reason_of, reason):
    assert reason_of("geometry", BROKEN[reason](kit)) == reason


def test_an_empty_mask_is_no_place(kit, reason_of):
    empty = rle_encode(np.zeros((48, 64), bool))
    assert reason_of("geometry", _place(kit, rle=empty, box=None)) == "mask_empty"


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_every_number_is_finite(kit, reason_of, value):
    row = kit.measuring()
    fact = replace(row.evidence[0], number=value)
    for broken in (
        replace(row, measurements=(replace(row.measurements[0], value=value),)),
        replace(row, answer=replace(row.answer, number=value)),
        replace(row, evidence=(fact,)),
        _place(kit, point=(value, 1.0)),
    ):
        assert reason_of("geometry", broken) == "not_finite"


def test_a_box_may_touch_the_border_and_differ_by_half_a_pixel(kit, reason_of):
    whole = Place(concept="nodule", box=(0.0, 0.0, 64.0, 48.0 + 1e-9), fact=0)
    assert reason_of("geometry", kit.grounding(places=(whole,))) is None
    assert reason_of("geometry", _place(kit, box=(9.5, 12.5, 20.0, 18.0))) is None
    assert reason_of("geometry", _place(kit, box=(9.5, 12.5, 20.0, 18.0)), tolerance_px=0.25) == "box_not_of_mask"


def test_each_place_is_held_against_its_own_view(kit, reason_of):
    views = [kit.view("v0"), kit.view("v1", width=200, height=200)]
    large = Place(view=1, concept="nodule", box=(100, 100, 150, 150), fact=0)
    row = kit.grounding(views=("v0", "v1"), places=(large,))
    assert reason_of("geometry", row, views) is None
    assert reason_of("geometry", replace(row, places=(replace(large, view=0),)), views) == "box_outside"


def test_no_spacing_no_millimetre(kit, reason_of):
    bare = [kit.view(spacing_mm=None)]
    assert reason_of("geometry", kit.measuring(), bare) == "mm_without_spacing"
    assert reason_of("geometry", kit.measuring(), [kit.view(spacing_mm=(0.0, 0.7))]) == "mm_without_spacing"
    said = kit.caption(turns=kit.turns("Describe the picture.", "A nodule of 12 mm."))
    assert reason_of("geometry", said, bare) == "mm_without_spacing"
    assert reason_of("geometry", kit.counting(), bare) is None
    answered = kit.measuring(measurements=(), answer=Answer(text="150", number=150.0, unit="mm2"))
    assert reason_of("geometry", replace(answered, turns=kit.turns("How large?", "150")), bare) == "mm_without_spacing"


SIDED = ["It is in the patient's left.", "A right-sided effusion.", "A nodule in the left upper lung.", "LEFT KIDNEY"]
UNSIDED = ["It is in the upper left.", "In the left half of the picture.", "To the right of the nodule.", "A cyst."]


@pytest.mark.parametrize("said", SIDED)
def test_no_orientation_no_side_of_the_patient(kit, reason_of, said):
    row = kit.record(turns=kit.turns("Where is it?", said))
    bare = [kit.view(orientation=None)]
    assert reason_of("geometry", row) is None
    assert reason_of("geometry", row, bare) == "side_without_orientation"
    stated = [kit.fact("left_lung"), kit.fact("effusion", value="right"), kit.fact("kidney", source_name="Left kidney")]
    assert reason_of("geometry", replace(row, evidence=tuple(stated)), bare) is None


def test_the_name_of_an_option_is_no_claim_but_a_bare_side_is(kit, reason_of):
    bare = [kit.view(orientation=None)]
    row = kit.choice(turns=kit.turns("Which is it?\nA. right\nLung B. the right lung", "A."))
    named = tuple(replace(option, concept="right_lung") for option in row.options)
    assert reason_of("geometry", replace(row, options=named), bare) is None
    assert reason_of("geometry", row, bare) == "side_without_orientation"
    bare_sides = tuple(replace(option, concept="right") for option in row.options)
    assert reason_of("geometry", replace(row, options=bare_sides), bare) == "side_without_orientation"
    lines = kit.record(turns=kit.turns("Which is it?\nA. Lung right\nLung", "A."))
    assert reason_of("geometry", lines, bare) is None


@pytest.mark.parametrize("said", UNSIDED)
def test_sides_of_the_picture_need_no_orientation(kit, reason_of, said):
    row = kit.record(turns=kit.turns("Where is it?", said))
    assert reason_of("geometry", row, [kit.view(orientation=None)]) is None


@given(box=st.tuples(*(st.integers(0, 60) for _ in range(4))))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_box_of_any_mask_is_kept_and_any_other_is_not(kit, box):
    x0, x1, y0, y1 = (*sorted(box[:2]), *sorted(box[2:]))
    x1, y1 = x1 + 1, y1 + 1
    mask = np.zeros((70, 70), bool)
    mask[y0, x0] = mask[y1 - 1, x1 - 1] = True
    place = Place(concept="nodule", box=(x0, y0, x1, y1), rle=rle_encode(mask), fact=0)
    moved = replace(place, box=(x0 + 1, y0, x1 + 1, y1))
    rows = [kit.grounding("whole", places=(place,)), kit.grounding("moved", places=(moved,))]
    assert kit.reasons("geometry", rows, [kit.view(width=70, height=70)]) == {"moved": "box_not_of_mask"}


@pytest.mark.parametrize("counts", ["", "o", "[", "ü5", "5" * 40, "nlP", "0\n"])
def test_any_counts_are_a_reason_and_no_crash(kit, reason_of, counts):
    assert reason_of("geometry", _place(kit, rle=Rle(size=(48, 64), counts=counts))) == "rle_broken"
