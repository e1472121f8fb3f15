"""Reports are read by an independent reader of polarity, side and size, and must say exactly the truth."""

from __future__ import annotations

import csv
import re
from xml.etree import ElementTree

import pytest

from medloom.converters.phantom.clinic import Clinic
from medloom.converters.phantom.course import COURSES, patients
from medloom.converters.phantom.reports import report
from medloom.converters.phantom.truth import VisitTruth
from medloom.converters.phantom.visits import changes_since

WORDS = {
    "lung_nodule": r"nodules?",
    "pleural_effusion": r"pleural effusion",
    "cardiomegaly": r"cardiomegaly|heart (?:is normal in )?size",
    "consolidation": r"consolidation",
    "pneumothorax": r"pneumothorax",
}
GONE = re.compile(r"\b(no longer|has resolved)\b")
ABSENT = re.compile(r"\b(no|normal)\b", re.IGNORECASE)
HEDGED = re.compile(r"\b(cannot be excluded|may be|possible)\b", re.IGNORECASE)


def polarity(sentence: str) -> str:
    if HEDGED.search(sentence):
        return "uncertain"
    return "absent" if GONE.search(sentence) or ABSENT.search(sentence) else "present"


def read(text: str) -> dict[str, set[str]]:
    """Polarities in which each finding is spoken of."""
    found: dict[str, set[str]] = {}
    for sentence in re.split(r"(?<=[.])\s+(?=[A-Z])", text):
        for finding, word in WORDS.items():
            if re.search(word, sentence, re.IGNORECASE):
                found.setdefault(finding, set()).add(polarity(sentence))
    return found


def sections(visit: VisitTruth) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z]+): (.*)$", visit.report, re.MULTILINE))


def test_the_reader_reads() -> None:
    assert read("No pneumothorax. Heart size is normal.") == {"pneumothorax": {"absent"}, "cardiomegaly": {"absent"}}
    assert read("There is a 5 mm lung nodule.") == {"lung_nodule": {"present"}}
    assert read("A small consolidation cannot be excluded.") == {"consolidation": {"uncertain"}}


def test_findings_say_what_is_there_and_deny_what_is_not(clinic: Clinic) -> None:
    for patient in clinic.truth.patients:
        for visit in patient.visits:
            said = read(sections(visit)["FINDINGS"])
            gone = {change.concept for change in visit.changes if change.change == "gone"}
            for finding, state in visit.findings.items():
                expected = set() if state == "not_stated" else {state}
                assert said.get(finding, set()) - ({"absent"} if finding in gone else set()) == expected - (
                    {"absent"} if finding in gone else set()
                )
            impression = read(sections(visit)["IMPRESSION"])
            assert {finding for finding, how in impression.items() if "present" in how} == {
                finding for finding, state in visit.findings.items() if state == "present"
            }


def test_side_size_zone_and_number_are_those_of_the_objects(clinic: Clinic) -> None:
    for patient in clinic.truth.patients:
        for visit in patient.visits:
            text = sections(visit)["FINDINGS"]
            nodules = [one for one in visit.objects if one.concept == "lung_nodule"]
            stated = re.findall(
                r"(?:(\d+) mm )?lung nodule in the (left|right) (upper|middle|lower) zone(?:[^.]* to (\d+) mm)?", text
            )
            assert sorted((int(to or size), side, zone) for size, side, zone, to in stated) == sorted(
                (round(one.lesion.long_axis_mm), one.side, one.zone) for one in nodules if one.lesion
            )
            if len(nodules) > 1:
                assert f"{('Two', 'Three')[len(nodules) - 2]} lung nodules" in text
            sides = {one.side for one in visit.objects if one.concept == "pleural_effusion"}
            assert set(re.findall(r"(left|right) pleural effusion", text)) == sides
            if visit.findings["cardiomegaly"] == "present":
                assert f"ratio of {visit.cardiothoracic_ratio:.2f}" in text


def test_comparison_names_the_interval(clinic: Clinic) -> None:
    for patient in clinic.truth.patients:
        for visit in patient.visits:
            before = sections(visit)["COMPARISON"]
            assert before == (
                "None." if visit.interval_days is None else f"Radiograph of {visit.interval_days} days before."
            )


def test_table_and_xml_hold_the_same_report(clinic: Clinic) -> None:
    with (clinic.root / "reports" / "reports.csv").open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    visits = [(patient, visit) for patient in clinic.truth.patients for visit in patient.visits]
    assert len(rows) == len(visits) == len(list((clinic.root / "reports" / "xml").iterdir()))
    for patient, visit in visits:
        tree = ElementTree.parse(clinic.root / visit.report_xml).getroot()
        identity = tree.find("uId")
        assert identity is not None
        row = rows[identity.attrib["id"]]
        assert row["patient"] == patient.key
        written = {one.attrib["Label"]: one.text for one in tree.iter("AbstractText")}
        assert written == sections(visit) == {name: row[name.lower()] for name in written}
        picture = tree.find("parentImage")
        assert picture is not None
        assert visit.film.rsplit("/", 1)[1].startswith(picture.attrib["id"])
        assert row["image"] == visit.film


@pytest.mark.parametrize("number", range(len(COURSES)))
def test_all_courses_can_be_told(number: int) -> None:
    """Without pictures: labels and changes of every course, told and read again."""
    patient = patients(2, 16)[number]
    for visit in range(patient.course.visits):
        findings = {name: patient.states(name, visit) for name in WORDS}
        changes = changes_since(patient, visit) if visit else []
        told = report(f"{number}-{visit}", 30 if visit else None, findings, [], changes, 0.6)
        said = read(told["FINDINGS"])
        for finding, state in findings.items():
            if state in ("absent", "uncertain"):
                assert state in said[finding]
                assert "present" not in said[finding]
            if state == "not_stated" and not any(change.concept == finding for change in changes):
                assert finding not in said
        assert not {"present"} & read(told["IMPRESSION"]).get("pneumothorax", set())
