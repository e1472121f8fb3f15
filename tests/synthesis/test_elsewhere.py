"""A wrong option is proved wrong at the place that is asked about."""

from __future__ import annotations

from medloom.schemas.sample import Acquisition
from medloom.synthesis.elsewhere import elsewhere, overlap
from medloom.synthesis.task import Census

CENSUS = Census(regions=("heart", "kidney", "liver", "liver_lesion", "lung_left", "lung_right", "spleen"))


def test_boxes_that_touch_at_an_edge_share_nothing() -> None:
    assert overlap((0, 0, 10, 10), (9.5, 9.5, 20, 20)) and not overlap((0, 0, 10, 10), (10, 0, 20, 10))


def test_it_is_absent_or_lies_apart_and_every_instance_is_known(make_scene, disc, context) -> None:
    lesion, near, far = (
        disc("liver_lesion", (60, 60)),
        disc("lung_right", (70, 60), 20),
        disc("lung_left", (160, 60), 20),
    )
    complete = frozenset(CENSUS.regions) - {"heart"}
    scene = make_scene(instances=(lesion, near, far), complete=complete)
    found = elsewhere("liver_lesion", lesion.box, scene, CENSUS, context.vocabulary)
    # The heart may be there unmarked, the right lung is there, and the liver is where its lesion is.
    assert sorted(found) == ["kidney", "lung_left", "spleen"]
    assert found["lung_left"] == far.fact and found["spleen"].polarity == "absent"


def test_what_a_label_shows_or_doubts_is_not_absent(make_scene, disc, context) -> None:
    one = disc("heart", (60, 60))
    scene = make_scene(
        labels={"spleen": "present", "kidney": "uncertain"}, instances=(one,), complete=frozenset(CENSUS.regions),
        acquisition=Acquisition(modality="ct"),
    )  # fmt: skip
    found = elsewhere("heart", one.box, scene, CENSUS, context.vocabulary)
    assert {"spleen", "kidney"}.isdisjoint(found) and "liver" in found
