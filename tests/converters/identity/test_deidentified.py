"""A Sample is the same Sample without anything that tells who the patient is; every field of it has been decided."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.identity.alias import Alias, is_alias
from medloom.converters.identity.deidentified import Deidentifier
from medloom.schemas.card import SourceCard
from medloom.schemas.catalog import IdentitySettings
from medloom.schemas.sample import (
    Acquisition,
    Event,
    Label,
    Landmark,
    LandmarkMap,
    Measured,
    Media,
    Question,
    Refusal,
    Region,
    Sample,
    Text,
    Visit,
)

SECRET = "KOWALSKI_PIOTR_44810"
KEY = b"the key of this test, never stored"


def card(ids: str = "identifying") -> SourceCard:
    return SourceCard.model_validate(
        {
            "source": "ward", "title": "t", "licence": "CC0-1.0", "citation": "c", "modality": "ct",
            "converter": "csv_labels", "params": {"tables": ["images/labels.csv"], "folder": "images"},
            "patient": "unknown",
            "patient_ids": ids,
            "labels": {"mass": "mass"}, "verified": "layout",
        }
    )  # fmt: skip


def full() -> Sample:
    """A Sample that carries the secret wherever a name can stand."""
    file = f"images/{SECRET}/{SECRET}.nii.gz"
    at = f"{file}#{SECRET}"
    return Sample(
        key=file,
        patient=SECRET,
        split=None,
        study=f"study {SECRET}",
        media=(Media(key=f"{SECRET}_0", role=SECRET, kind="volume", files=(file,)),),
        visit=Visit(key="2019-04-17", day=12.0),
        acquisition=Acquisition(sex="male", age_years=93.0, body_part="Dr. Kowalski"),
        labels=(Label(name="mass", pointer=f"images/labels.csv#row=2,id={SECRET}"),),
        regions=(Region(kind="mask", pointer=at, media=f"{SECRET}_0", name="mass", file=file, transform=file),),
        landmarks=(Landmark(name="tip", position=(1.0, 2.0), pointer=at, media=f"{SECRET}_0"),),
        landmark_maps=(LandmarkMap(file=file, names=(), media=f"{SECRET}_0"),),
        texts=(Text(kind="report", body=f"Mr. Kowalski ({SECRET}) came on 17 April 2019.", pointer=at),),
        questions=(
            Question(question="Who is Mr. Kowalski?", answer=SECRET, pointer=at, media=(f"{SECRET}_0",),
                     options=(SECRET, "no"), variants=(SECRET,), reason=f"see {SECRET}"),
        ),
        measured=(Measured(name="size", value=1.0, unit="mm", pointer=at, media=f"{SECRET}_0"),),
        events=(Event(name="cut", start_s=0, end_s=1, pointer=at, media=f"{SECRET}_0"),),
        missing=(f"images/{SECRET}.png",),
        notes=(f"seen by Dr. Kowalski on 17 April 2019, file of {SECRET}",),
    )  # fmt: skip


def test_nothing_of_the_secret_is_left_but_what_is_digested_later():
    hidden = Deidentifier(card(), key=KEY)
    sample = msgspec.structs.replace(hidden.sample(full()), patient=None, study=None)
    text = msgspec.json.encode(sample).decode()
    for word in (SECRET, "KOWALSKI", "Kowalski", "44810", "2019"):
        assert word not in text, text
    assert sample.media[0].files[0].startswith("images/~") and sample.media[0].files[0].endswith(".nii.gz")
    assert hidden.real[sample.media[0].files[0]] == full().media[0].files[0]
    assert sample.labels[0].pointer.startswith("images/labels.csv#row=2,id=~")


def test_what_belongs_together_still_does():
    sample = Deidentifier(card(), key=KEY).sample(full())
    media = sample.media[0]
    assert {one.media for one in (*sample.regions, *sample.landmarks, *sample.landmark_maps, *sample.measured)} == {
        media.key
    }
    assert sample.questions[0].media == (media.key,)
    assert sample.regions[0].file == sample.regions[0].transform == media.files[0] == sample.key
    assert sample.regions[0].pointer.split("#")[0] == media.files[0]
    assert sample.visit is not None and sample.visit.day == 12.0
    assert (sample.acquisition.age_years, sample.acquisition.sex, sample.acquisition.body_part) == (90.0, "male", None)


def test_pseudonyms_keep_the_names_of_files_and_lose_their_texts():
    hidden = Deidentifier(card("pseudonyms"))
    sample = hidden.sample(full())
    assert (sample.key, sample.media, sample.labels) == (full().key, full().media, full().labels)
    assert sample.texts[0].body == f"Mr. [NAME] ({SECRET}) came on [DATE]."
    assert sample.visit is not None and "2019" not in sample.visit.key
    assert {place for place, _ in hidden.found} == {"text", "question", "note", "visit", "header"}


def test_settings_switch_parts_off():
    kept = Deidentifier(card("pseudonyms"), IdentitySettings(text="keep")).sample(full())
    assert kept.texts == full().texts
    bare = Deidentifier(card("pseudonyms"), IdentitySettings(options=(), dates="remove")).sample(full())
    assert (bare.acquisition.sex, bare.acquisition.age_years) == (None, None)
    assert bare.visit is not None and bare.visit.day is None


def test_every_text_field_of_a_sample_has_been_decided():
    """Whoever adds a field decides here what becomes of it."""
    decided = {
        "Sample": {"key", "patient", "split", "study", "complete_labels", "complete_regions", "missing",
                   "licence", "notes"},
        "Media": {"key", "kind", "files", "role", "member", "transform", "onto"},
        "Label": {"name", "polarity", "pointer"},
        "Region": {"kind", "pointer", "media", "name", "file", "member", "transform", "since"},
        "Landmark": {"name", "pointer", "media"},
        "LandmarkMap": {"file", "media"},
        "Text": {"kind", "body", "pointer", "language", "media"},
        "Question": {"question", "answer", "pointer", "media", "options", "variants", "kind", "origin",
                     "reason", "language"},
        "Measured": {"name", "unit", "pointer", "of", "method", "derivation", "media"},
        "Event": {"name", "pointer", "kind", "media"},
        "Visit": {"key"},
        "Acquisition": {"modality", "body_part", "view", "laterality", "sequence", "sex", "orientation"},
    }  # fmt: skip
    for kind in (
        Sample,
        Media,
        Label,
        Region,
        Landmark,
        LandmarkMap,
        Text,
        Question,
        Measured,
        Event,
        Visit,
        Acquisition,
    ):
        fields = msgspec.structs.fields(kind)
        texts = {one.name for one in fields if "str" in str(one.type) or "Literal" in str(one.type)}
        assert texts == decided[kind.__name__], kind.__name__


@pytest.mark.parametrize("ids,left", [("identifying", False), ("pseudonyms", True)])
def test_refusals_of_a_listing_are_concealed_too(ids, left):
    row = Refusal(unit=f"images/{SECRET}.png", reason="x", detail=f"'{SECRET}' of {SECRET} has 'Mr. Kowalski'",
                  file=f"images/{SECRET}.png")  # fmt: skip
    hidden = Deidentifier(card(ids), key=KEY if ids == "identifying" else None).refusal(row)
    text = msgspec.json.encode(hidden).decode()
    assert (SECRET in text) == left
    assert "Kowalski" not in text
    assert Deidentifier(card(ids), key=KEY if ids == "identifying" else None).refusal(hidden) == hidden


@given(st.text(min_size=1, max_size=40).filter(lambda name: "/" not in name and name not in (".", "..")))
def test_an_alias_depends_on_the_name_and_the_key_alone(name):
    one, again, other = Alias(card(), KEY), Alias(card(), KEY), Alias(card(), b"another key, another patient")
    assert one.name(name) == again.name(name)
    if is_alias(one.name(name)) and not name.startswith("~"):
        assert one.name(name) != other.name(name)
        assert one.name(one.name(name)) == one.name(name)
    assert one.path(f"images/{name}").startswith("images/")
