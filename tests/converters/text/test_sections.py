"""Sections and sentences of reports in the spellings that hospitals use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.text.mentions import Lexicon
from medloom.converters.text.sections import HEADINGS, sections
from medloom.converters.text.sentences import sentences
from medloom.schemas.vocabulary import Concept

MIMIC = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___ year old woman with cough // eval for pneumonia

 COMPARISON:  None.

 FINDINGS:
 The heart is normal in size. Lungs measure 1.5 cm less than before.

 IMPRESSION:

 1. No acute process.
 2. Stable nodule, approx. 4.5 mm.
"""


def _kinds(text: str) -> list[tuple[str, str]]:
    return [(part.kind, part.body) for part in sections(text)]


def test_a_report_with_headings_on_lines() -> None:
    kinds = dict(_kinds(MIMIC))
    assert kinds["indication"].endswith("eval for pneumonia")
    assert kinds["findings"].startswith("The heart is normal") and kinds["comparison"] == "None."
    assert kinds["impression"].startswith("1. No acute") and "report" not in kinds


def test_headings_within_a_line() -> None:
    found = _kinds("Clinical history: cough. Findings: Clear lungs. Impression: Normal chest.")
    assert found == [("indication", "cough."), ("findings", "Clear lungs."), ("impression", "Normal chest.")]


def test_a_heading_alone_shouts() -> None:
    assert _kinds("FINDINGS\nClear lungs.\nIMPRESSION\nNormal.") == [
        ("findings", "Clear lungs."), ("impression", "Normal."),
    ]  # fmt: skip
    assert _kinds("The impression is of\nfindings\nthat vary.")[0][0] == "report"


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_end_as_windows_and_old_exports_end_them(end: str) -> None:
    text = end.join(("INDICATION", "Pneumonia.", "FINDINGS ", "Clear lungs.", "", "Impression: Normal."))
    assert _kinds(text) == [("indication", "Pneumonia."), ("findings", "Clear lungs."), ("impression", "Normal.")]
    assert all(text[part.start : part.end] == part.body for part in sections(text))


def test_findings_and_impression_under_one_heading_are_findings() -> None:
    for words in ("FINDINGS AND IMPRESSION", "Findings/Impression"):
        assert _kinds(f" HISTORY: Cough.\n\n {words}: AP portable. Normal heart.") == [
            ("indication", "Cough."), ("findings", "AP portable. Normal heart."),
        ]  # fmt: skip


@pytest.mark.parametrize("name", ["CHEST, PA AND LATERAL", "PORTABLE AP CHEST RADIOGRAPH, ___", "CT OF THE HEAD"])
def test_the_name_of_the_examination_ends_the_indication(name: str) -> None:
    assert _kinds(f"INDICATION: Pneumonia?\n {name}:\n Clear lungs.\n\nIMPRESSION: Normal.") == [
        ("indication", "Pneumonia?"), ("report", "Clear lungs."), ("impression", "Normal."),
    ]  # fmt: skip


def test_what_stands_below_an_unknown_heading_states_nothing() -> None:
    assert _kinds("INDICATION: Cough.\nPROBLEM LIST: Pneumonia.\nPAST MEDICAL HISTORY: Stroke.") == [
        ("indication", "Cough."), ("other", "Pneumonia."), ("indication", "Stroke."),
    ]  # fmt: skip


def test_some_capitals_are_no_headings() -> None:
    parts = "LUNGS: Clear.\nPLEURA: No effusion."
    assert _kinds(f"FINDINGS:\n{parts}\nIMPRESSION: Normal.") == [("findings", parts), ("impression", "Normal.")]
    assert _kinds("COMPARISON:\nCHEST CT: Effusion.") == [("comparison", "CHEST CT: Effusion.")]
    assert [kind for kind, _ in _kinds("TECHNIQUE: Portable\nAP AT 12:30 and\nno: other words.")] == ["technique"]


@pytest.mark.parametrize("final", ["FINAL REPORT", "FINAL REPORT:", " FINAL REPORT (REVISED)"])
def test_a_first_reading_is_kept_apart_from_the_final_report(final: str) -> None:
    first = "5:20 PM\n Oedema.\nIMPRESSION: Effusion."
    assert _kinds(f"WET READ: {first}\n{final}\nHISTORY: Cough.\nFINDINGS: Clear.\nIMPRESSION: Normal.") == [
        ("preliminary", first), ("indication", "Cough."), ("findings", "Clear."), ("impression", "Normal."),
    ]  # fmt: skip
    assert _kinds(f"INDICATION: Cough.\n{final}\nClear lungs.") == [
        ("indication", "Cough."), ("report", "Clear lungs."),
    ]  # fmt: skip


def test_text_without_headings_is_one_report() -> None:
    assert _kinds("Clear lungs. No effusion.") == [("report", "Clear lungs. No effusion.")]


@given(st.lists(st.tuples(st.sampled_from(sorted(HEADINGS)), st.text("abc .,\n", max_size=30)), max_size=6))
def test_a_section_is_a_stretch_of_the_text(parts: list[tuple[str, str]]) -> None:
    text = "\n".join(f"{kind.upper()}: {body}" for kind, body in parts)
    for part in sections(text):
        assert text[part.start : part.end] == part.body == part.body.strip() != ""


def test_sentences_end_where_they_end() -> None:
    text = "Nodule of 4.5 mm, approx. 2 cm from the hilum. No effusion!\n1. Stable.\n2. Normal heart? Yes."
    assert [text[start:end] for start, end in sentences(text)] == [
        "Nodule of 4.5 mm, approx. 2 cm from the hilum.", "No effusion!", "Stable.", "Normal heart?", "Yes.",
    ]  # fmt: skip


@given(st.text("ab1. \n!?;-", max_size=80))
def test_spans_of_sentences_follow_each_other(text: str) -> None:
    end = 0
    for start, stop in sentences(text):
        assert end <= start < stop
        assert text[start:stop].strip() == text[start:stop]
        end = stop


def test_mentions_take_the_longest_words() -> None:
    lexicon = Lexicon(
        [
            Concept(id="effusion", name="effusion", plural="effusions", kind="finding"),
            Concept(id="pleural_effusion", name="pleural effusion", plural="pleural effusions", kind="finding"),
        ]
    )
    text = "No pleural  effusions. Pericardial effusion."
    found = [(one.concept, text[one.start : one.end], one.stance) for one in lexicon.find(text)]
    assert found == [("pleural_effusion", "pleural  effusions", "absent"), ("effusion", "effusion", "present")]
    for kind in ("indication", "preliminary", "other"):
        assert [one.stance for one in lexicon.find("Effusion?", kind)] == ["other"]
