"""Acquired: how the picture was taken, in words, each with the fact that proves it."""

from __future__ import annotations

import re
from functools import cache

from medloom.schemas.record import Fact
from medloom.schemas.sample import Acquisition
from medloom.synthesis.grammar import article
from medloom.synthesis.scene import Scene

Acquired = dict[str, tuple[str, Fact]]
"""Words and fact by what they say: modality, view, sequence, body_part, plane."""

MODALITIES = {
    "ct": "CT",
    "mr": "MR",
    "xray": "radiograph",
    "ultrasound": "ultrasound",
    "fundus": "colour fundus photograph",
    "oct": "optical coherence tomography",
    "dermoscopy": "dermoscopic",
    "microscopy": "microscopy",
    "histopathology": "histopathology",
    "endoscopy": "endoscopic",
    "mammography": "mammography",
    "pet": "PET",
    "nuclear": "nuclear medicine",
    "photograph": "photograph",
}
_NOUN = {"radiograph", "colour fundus photograph", "photograph"}
VIEWS = {
    "pa": "posteroanterior", "ap": "anteroposterior", "apsupine": "supine anteroposterior",
    "aperect": "erect anteroposterior", "frontal": "frontal", "l": "lateral", "ll": "lateral", "rl": "lateral",
    "lat": "lateral", "lateral": "lateral", "cc": "craniocaudal", "mlo": "mediolateral oblique", "ml": "mediolateral",
    "lm": "lateromedial",
}  # fmt: skip
"""Projections, by what sources call them: DICOM's View Position (PS3.3 C.8.1.2) and what tables say."""
FRONTAL = frozenset(("pa", "ap", "apsupine", "aperect", "frontal"))
"""Of these, the projections that show the patient from the front or from behind."""
PAIRED = frozenset(
    ("ankle", "arm", "breast", "clavicle", "elbow", "eye", "femur", "foot", "forearm", "hand", "hip", "kidney", "knee",
     "leg", "scapula", "shoulder", "thigh", "upper arm", "wrist")
)  # fmt: skip
"""Parts of the body of which there are a left and a right one: with a stated laterality it is said which."""
SEQUENCES = {
    "t1": "T1-weighted", "t1w": "T1-weighted", "t2": "T2-weighted", "t2w": "T2-weighted", "t2*": "T2*-weighted",
    "t2star": "T2*-weighted", "t1ce": "contrast-enhanced T1-weighted", "t1c": "contrast-enhanced T1-weighted",
    "t1gd": "contrast-enhanced T1-weighted", "pd": "proton density-weighted", "pdw": "proton density-weighted",
    "flair": "FLAIR", "dwi": "diffusion-weighted", "swi": "susceptibility-weighted",
}  # fmt: skip
BODY_PARTS = {
    "ABDOMENPELVIS": "abdomen and pelvis", "ARM": "upper arm", "CHESTABDOMEN": "chest and abdomen",
    "CHESTABDPELVIS": "chest, abdomen and pelvis", "CSPINE": "cervical spine", "TSPINE": "thoracic spine",
    "LSPINE": "lumbar spine", "SSPINE": "sacral spine", "HEADNECK": "head and neck", "WHOLEBODY": "whole body",
    "THORAX": "chest", "EXTREMITY": "limb",
    **{word.upper(): word for word in (
        "abdomen", "ankle", "back", "bladder", "brain", "breast", "chest", "clavicle", "ear", "elbow", "eye", "face",
        "femur", "finger", "foot", "forearm", "hand", "head", "heart", "hip", "jaw", "kidney", "knee", "leg", "lip",
        "liver", "neck", "nose", "pancreas", "pelvis", "prostate", "scalp", "scapula", "shoulder", "skull", "spine",
        "sternum", "thigh", "toe", "uterus", "wrist",
    )},
}  # fmt: skip
"""DICOM's Body Part Examined (PS3.16 Annex L), without blanks, and what we call it."""
MATERIALS = frozenset({"blood", "bone marrow", "cells", "tissue"})
"""What is pictured and yet no part of the body: it takes no article, and no question asks for it."""


def acquired(scene: Scene) -> Acquired:
    """What is known of how the picture was taken, and can be said: a word that only its source understands can't."""
    view, known = scene.view, scene.view.acquisition
    words = (
        ("modality", known.modality, MODALITIES.get(known.modality or "")),
        ("view", known.view, VIEWS.get(plain(known.view))),
        ("sequence", known.sequence, SEQUENCES.get(plain(known.sequence))),
        ("body_part", *_part(known)),
        ("plane", view.derivation.plane, view.derivation.plane),
    )
    return {name: (said, _fact(scene, name, str(value))) for name, value, said in words if said is not None}


def _part(known: Acquisition) -> tuple[str | None, str | None]:
    """What is known of the body part, and its words: "left knee" where Image Laterality or a table says which."""
    words = body_words(known.body_part) if known.body_part else None
    if words in PAIRED and known.laterality is not None:
        return f"{known.body_part} {known.laterality}", f"{known.laterality} {words}"
    return known.body_part, words


@cache
def body_words(value: str) -> str | None:
    """A body part in words; None where it is a code that we don't know. Words in small letters are a card's own."""
    found = BODY_PARTS.get(value.upper().replace(" ", "").replace("_", ""))
    return value if found is None and re.fullmatch("[a-z]+( [a-z]+)*", value) else found


def picture_words(known: Acquired) -> str:
    """The kind of picture in words, "an axial CT slice of the abdomen": only what is known."""
    said = {name: words for name, (words, _) in known.items()}
    modality = said.get("modality", "")
    noun = "" if modality in _NOUN else ("slice" if "plane" in said else "picture")
    parts = (said.get("plane"), said.get("view"), said.get("sequence"), modality, noun)
    words = " ".join(part for part in parts if part)
    part = said.get("body_part")
    place = "" if part is None else f" of {part}" if part in MATERIALS else f" of the {part}"
    return f"{article(words)} {words}{place}"


def plain(value: str | None) -> str:
    """A code without case and blanks, as the keys of `VIEWS` and `SEQUENCES` are."""
    return "".join(value.lower().split()) if value else ""


def _fact(scene: Scene, name: str, value: str) -> Fact:
    """From the picture's own record where the Sample states it, else from the card that states it for all."""
    view = scene.view
    if name == "plane":
        file, where = view.source_file, "affine"
    elif name == "sequence" or getattr(scene.sample.acquisition, name) is not None:
        file, where = view.source_file, name
    else:
        file, where = f"card:{scene.terms.source}", "anatomy" if name == "body_part" else name
    return Fact(concept=name, predicate="acquired", value=value, file=file, pointer=f"{file}#{where}")
