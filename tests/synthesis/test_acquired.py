"""How a picture was taken is said in words that one understands, with the fact that proves it, or not at all."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from medloom.schemas.sample import Acquisition
from medloom.schemas.view import Derivation
from medloom.synthesis.acquired import acquired, body_words, picture_words


@pytest.mark.parametrize(
    ("acquisition", "plane", "words"),
    [
        (Acquisition(modality="xray", view="PA", body_part="CHEST"), None, "a posteroanterior radiograph of the chest"),
        (Acquisition(modality="xray", view="AP Supine"), None, "a supine anteroposterior radiograph"),
        (Acquisition(modality="mr", sequence="T2w", body_part="HEAD"), "axial",
         "an axial T2-weighted MR slice of the head"),
        (Acquisition(modality="mr", sequence="SE\\IR"), "sagittal", "a sagittal MR slice"),
        (Acquisition(modality="ct", body_part="CSPINE"), None, "a CT picture of the cervical spine"),
        (Acquisition(modality="microscopy", body_part="blood"), None, "a microscopy picture of blood"),
        (Acquisition(modality="ultrasound", body_part="Thx_sel2"), None, "an ultrasound picture"),
        (Acquisition(modality="dermoscopy", body_part="FACE"), None, "a dermoscopic picture of the face"),
        (Acquisition(body_part="WHOLE BODY"), None, "a picture of the whole body"),
    ],
)  # fmt: skip
def test_only_what_is_known_is_said(acquisition, plane, words, make_scene) -> None:
    known = acquired(make_scene(acquisition=acquisition, derivation=Derivation(plane=plane)))
    assert picture_words(known) == words
    for name, (_, fact) in known.items():
        assert fact.value == (plane if name == "plane" else getattr(acquisition, name))


def test_of_another_modality_nothing_is_said(make_scene) -> None:
    assert acquired(make_scene(acquisition=Acquisition(modality="other", view="?", sequence="GR"))) == {}


def test_a_code_that_nobody_knows_is_no_body_part() -> None:
    assert body_words("LFT_KN2") is None and body_words("left knee") == "left knee" and body_words("KNEE") == "knee"


def test_the_fact_leads_to_the_sample_or_to_the_card(make_scene) -> None:
    scene = make_scene(acquisition=Acquisition(modality="ct", body_part="chest"))
    assert {fact.file for _, fact in acquired(scene).values()} == {"card:src"}
    stated = msgspec.structs.replace(scene.sample, acquisition=Acquisition(modality="ct"))
    known = acquired(replace(scene, sample=stated))
    assert known["modality"][1].pointer == "a.png#modality" and known["body_part"][1].pointer == "card:src#anatomy"
