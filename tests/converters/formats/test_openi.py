"""OpenI reports, the real ones and written ones with the quirks of XML."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from medloom.converters.formats.openi import OpenI
from medloom.flows.cards import load_card
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Refusal, Sample

XML = """<?xml version="1.0" encoding="utf-8"?>
<eCitation><licenseURL>{url}</licenseURL><Abstract>
<AbstractText Label="COMPARISON"/><AbstractText Label="INDICATION">Cough</AbstractText>
<AbstractText Label="FINDINGS">Clear   lungs.
No effusion.</AbstractText><AbstractText Label="IMPRESSION">Normal chest.</AbstractText></Abstract>
<MeSH><major>Cardiomegaly/mild</major><major>Opacity</major><major>Cardiomegaly</major><major>Foo/bar</major></MeSH>
<parentImage id="CXR1_1"/><parentImage id="CXR1_2"/></eCitation>
"""
URL = "http://creativecommons.org/licenses/by-nc-nd/4.0/"


def _listed(root: Path, **changes: object) -> tuple[list[Sample], list[Refusal]]:
    card = SourceCard.model_validate(load_card("openi_reports").model_dump() | changes)
    found = list(OpenI().samples(root, card))
    return [one for one in found if isinstance(one, Sample)], [one for one in found if isinstance(one, Refusal)]


def _write(root: Path, name: str, text: str) -> None:
    (root / "ecgen-radiology").mkdir(exist_ok=True)
    (root / "ecgen-radiology" / name).write_text(text)


def test_the_real_reports(data_dir: Path) -> None:
    samples, lost = _listed(data_dir / "openi_reports")
    reasons = Counter(row.reason for row in lost)
    assert len(samples) == 244 and reasons.keys() == {"missing_picture", "no_text"} and reasons["no_text"] == 1
    assert reasons["missing_picture"] == sum(len(sample.missing) for sample in samples) > 245
    kinds = Counter(text.kind for sample in samples for text in sample.texts)
    assert set(kinds) == {"findings", "impression", "comparison", "indication"}
    assert {sample.licence for sample in samples} == {"CC-BY-NC-ND-4.0"}
    names = Counter(label.name for sample in samples for label in sample.labels)
    assert names["normal"] == 88 and names["Cardiomegaly"] >= 14


def test_sections_labels_and_pictures_of_one_report(tmp_path: Path) -> None:
    _write(tmp_path, "1.xml", XML.format(url=URL))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "CXR1_2.png").write_bytes(b"x")
    (sample,), (row,) = _listed(tmp_path)
    assert [(text.kind, text.body) for text in sample.texts] == [
        ("indication", "Cough"), ("findings", "Clear lungs. No effusion."), ("impression", "Normal chest."),
    ]  # fmt: skip
    assert [label.name for label in sample.labels] == ["Cardiomegaly", "Opacity"]
    assert sample.notes == ("MeSH headings without a concept: Foo/bar",)
    assert [media.files for media in sample.media] == [("images/CXR1_2.png",)] and sample.missing == ("CXR1_1",)
    assert row.part and row.reason == "missing_picture"


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "1.xml", "<a>")
    _write(tmp_path, "2.xml", "<a/>")
    _write(tmp_path, "3.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    _write(tmp_path, "4.xml", XML.format(url="http://example.org/other"))
    _write(tmp_path, "5.xml", "")
    samples, lost = _listed(tmp_path)
    assert not samples
    assert [row.reason for row in lost] == ["bad_xml", "not_a_report", "bad_xml", "unknown_licence", "empty_file"]
