"""Records of texts: every word of an answer is the source's own, every polarity is stated."""

from __future__ import annotations

from pathlib import Path

import pytest

from medloom.converters.formats.openi import OpenI
from medloom.flows.cards import load_card
from medloom.schemas.record import Record
from medloom.schemas.sample import Sample, Text
from medloom.synthesis.origin import Origin
from medloom.synthesis.registry import load_task
from medloom.synthesis.scenes import scenes_of
from medloom.synthesis.task import CaseTask, Census, Context
from medloom.synthesis.template import load_templates
from medloom.synthesis.text_facts import text_facts
from medloom.synthesis.vocabulary import load_vocabulary

TASKS = ("report.impression", "report.sections", "concept.annotation", "text.question", "report.generate")


def _made(sample: Sample, task: str, root: Path) -> list[Record]:
    vocabulary = load_vocabulary()
    case = scenes_of(sample, Origin(load_card("openi_reports"), root, vocabulary)).case
    made = load_task(task, {})
    assert isinstance(made, CaseTask) and case is not None
    return list(made.of_case(case, Context(vocabulary, load_templates(), Census())))


def _sample(**texts: str) -> Sample:
    return Sample(
        key="1.xml", patient="1", split=None, media=(),
        texts=tuple(Text(kind=kind, body=body, pointer=f"1.xml#{kind}") for kind, body in texts.items()),
    )  # fmt: skip


def test_texts_state_what_they_say_and_nothing_by_silence() -> None:
    body = (
        "Mild cardiomegaly. No pneumothorax or pleural effusions. Possible pneumonia. Scoliosis; no scoliosis before."
    )
    found = {one.concept: one.polarity for one in text_facts(Text(kind="findings", body=body, pointer="f#1"))}
    assert found == {
        "cardiomegaly": "present", "pneumothorax": "absent", "pleural_effusion": "absent", "pneumonia": "uncertain",
        "scoliosis": "uncertain",
    }  # fmt: skip
    assert not text_facts(Text(kind="indication", body="Rule out pneumonia.", pointer="f#1"))


def test_mentions_point_at_their_words(tmp_path: Path) -> None:
    (record,) = _made(
        _sample(findings="There is no pleural effusion. Cardiomegaly is seen."), "concept.annotation", tmp_path
    )
    said = {record.texts[0][one.start : one.end]: one.polarity for one in record.mentions}
    assert said == {"pleural effusion": "absent", "Cardiomegaly": "present"}
    assert record.views == () and record.config == "text" and "<image>" not in record.turns[0].text


def test_a_blank_or_an_earlier_examination_keeps_an_impression_out(tmp_path: Path) -> None:
    findings = "Clear lungs and a normal heart."
    for impression, count in {
        "No acute disease of the chest.": 1,
        "Stable XXXX without acute disease.": 0,
        "Unchanged from the prior examination.": 0,
    }.items():
        assert len(_made(_sample(findings=findings, impression=impression), "report.impression", tmp_path)) == count


def test_questions_are_asked_only_where_the_text_says_yes_or_no(tmp_path: Path) -> None:
    records = _made(_sample(findings="No pneumothorax. Possible pneumonia. Cardiomegaly."), "text.question", tmp_path)
    assert {(one.concepts[0], one.turns[1].text) for one in records} == {
        ("cardiomegaly", "Yes."), ("pneumothorax", "No."),
    }  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_real_reports_are_quoted_not_rewritten(task: str, data_dir: Path) -> None:
    root = data_dir / "openi_reports"
    samples = [one for one in OpenI().samples(root, load_card("openi_reports")) if isinstance(one, Sample)]
    records = [(sample, record) for sample in samples for record in _made(sample, task, root)]
    if task == "report.generate":
        assert not records, "the pictures are not there"
        return
    assert len(records) > 60
    for sample, record in records:
        bodies = " ".join(text.body for text in sample.texts)
        assert record.evidence and all(fact.pointer.startswith(sample.key) for fact in record.evidence)
        if task == "report.impression":
            assert record.turns[1].text in bodies
        for fact in record.evidence:
            if fact.source_name is not None:
                assert fact.source_name in bodies
