"""The confidentiality profile's table, and that no converter reads an attribute that it removes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword

from medloom.converters.identity.dicom_profile import TREATED, action, readable, table
from medloom.schemas.catalog import IdentitySettings

CODE = Path(__file__).resolve().parents[3]
DEFAULT = IdentitySettings().followed
IN_QUOTES = re.compile(r"[\"']([A-Z][A-Za-z0-9]{2,})[\"']")
AS_ATTRIBUTE = re.compile(r"(?:dataset|item|group|header|found|ds)\.([A-Z][A-Za-z0-9]{2,})\b")


def keywords_read() -> dict[str, str]:
    """DICOM keywords that stand in the source of converters and synthesis, and the file that they stand in."""
    found = {}
    for path in sorted([*CODE.glob("converters/[fpvt]*/*.py"), *CODE.glob("synthesis/*.py")]):
        if "phantom" in path.parts:  # writes DICOM, of nobody
            continue
        text = path.read_text("utf-8")
        for word in {*IN_QUOTES.findall(text), *AS_ATTRIBUTE.findall(text)}:
            if tag_for_keyword(word) is not None:
                found[word] = path.name
    return found


def test_the_table_is_the_standards():
    assert len(table()) > 620
    assert all(tag_for_keyword(keyword) is not None for keyword in table())
    assert {basic for basic, _ in table().values()} <= {"X", "Z", "D", "U", "X/Z", "X/D", "X/Z/D", "Z/D", "X/Z/U*"}
    assert action("PatientName") == "Z"
    assert action("PatientAddress") == action("PatientComments") == "X"
    assert action("StudyInstanceUID") == "U"
    assert action("Rows") == action("BodyPartExamined") == "K"
    assert action("NoSuchKeyword") == "X", "what DICOM doesn't know may be private"


@pytest.mark.parametrize(
    "keyword,option,then",
    [
        ("PatientSex", "retain_patient_characteristics", "K"),
        ("SeriesDescription", "clean_descriptors", "C"),
        ("StudyDate", "retain_longitudinal_modified_dates", "C"),
        ("StudyDate", "retain_longitudinal_full_dates", "K"),
        ("InstitutionName", "retain_institution_identity", "K"),
        ("StudyInstanceUID", "retain_uids", "K"),
        ("DeviceSerialNumber", "retain_device_identity", "K"),
    ],
)
def test_options_change_what_becomes_of_an_attribute(keyword, option, then):
    assert action(keyword) not in ("K", "C")
    assert action(keyword, [option]) == then


def test_names_of_persons_are_never_kept():
    every = ("retain_patient_characteristics", "clean_descriptors", "retain_longitudinal_modified_dates")
    for keyword in table():
        if dictionary_VR(keyword) == "PN":
            assert action(keyword, every) not in ("K", "C"), keyword


def test_no_converter_reads_what_the_profile_removes():
    read = keywords_read()
    assert {"PatientID", "Modality", "PixelSpacing", "StudyInstanceUID"} <= set(read), "the search itself works"
    wrong = {keyword: file for keyword, file in read.items() if not readable(keyword, DEFAULT)}
    assert not wrong, "clean it in deidentified.py and say so in dicom_profile.TREATED, or leave it"


def test_what_is_treated_is_in_the_table_for_a_reason():
    for keyword in TREATED:
        assert action(keyword) != "K", f"{keyword} needs no treatment"


def test_settings_follow_the_options_that_they_do_not_switch_off():
    assert set(DEFAULT) == {"clean_descriptors", "clean_pixel_data", "retain_longitudinal_modified_dates",
                            "retain_patient_characteristics"}  # fmt: skip
    assert "clean_pixel_data" not in IdentitySettings(burned_in="keep").followed
    assert "retain_longitudinal_modified_dates" not in IdentitySettings(dates="remove").followed
    assert IdentitySettings(options=()).followed == ()
