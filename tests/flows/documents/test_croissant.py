from __future__ import annotations

import hashlib
import json

import mlcroissant
import msgspec
import pytest
from datasets import Features, Image, List, Value

from medloom.flows.documents.croissant import render_croissant
from medloom.flows.documents.croissant_fields import croissant_fields
from medloom.schemas.errors import BadInput


@pytest.fixture(scope="module")
def opened(corpus_dir):
    folder, figures = corpus_dir
    path = folder / "croissant.json"
    path.write_text(render_croissant(figures, url="https://example.org/c", published="2026-01-02"), encoding="utf-8")
    return mlcroissant.Dataset(jsonld=str(path)), json.loads(path.read_text(encoding="utf-8")), folder


def test_mlcroissant_finds_nothing_to_say(opened):
    dataset, _, _ = opened
    assert (dataset.metadata.ctx.issues.errors, dataset.metadata.ctx.issues.warnings) == (set(), set())
    assert dataset.metadata.name == "drawn_clinic" and dataset.metadata.version == "1.2.0"
    assert dataset.metadata.license == ["https://creativecommons.org/licenses/by/4.0/"]


def test_a_build_knows_neither_its_address_nor_its_day(corpus_dir, tmp_path):
    path = tmp_path / "croissant.json"
    path.write_text(render_croissant(corpus_dir[1]), encoding="utf-8")
    issues = mlcroissant.Dataset(jsonld=str(path)).metadata.ctx.issues
    assert issues.errors == set()
    assert [warning for warning in issues.warnings if "datePublished" not in warning] == []


def test_files_are_there_with_their_digests(opened):
    _, document, folder = opened
    objects = [each for each in document["distribution"] if each["@type"] == "cr:FileObject"]
    assert len(objects) == 6
    for each in objects:
        data = (folder / each["contentUrl"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == each["sha256"] and f"{len(data)} B" == each["contentSize"]
    sets = {each["@id"]: each["includes"] for each in document["distribution"] if each["@type"] == "cr:FileSet"}
    assert sorted(path for paths in sets.values() for path in paths) == sorted(each["@id"] for each in objects)


def test_rows_read_by_croissant_are_the_rows_that_were_written(opened, figures):
    dataset, _, _ = opened
    rows = {row["vqa/split"]: row for row in dataset.records("vqa")}
    assert set(rows) == {b"train", b"validation"}
    row, example = rows[b"validation"], figures.examples[3]
    assert row["vqa/images"][0].size == (420, 400)
    (record,), (view,) = row["vqa/records"], row["vqa/views"]
    assert record["vqa/records/id"].decode() == example.record.id
    assert record["vqa/records/first_question"].decode() == example.record.turns[0].text
    assert record["vqa/records/first_answer"] == b"B" and record["vqa/records/answer.text"] == b"pneumonia"
    assert [key.decode() for key in record["vqa/records/answer.keys"]] == ["B"]
    assert (view["vqa/views/width"], view["vqa/views/sha256"].decode()) == (420, example.views[0].sha256)
    assert view["vqa/views/spacing_mm"] is None
    assert list(rows[b"train"]["vqa/views"][0]["vqa/views/spacing_mm"]) == [1.5, 1.2]


def test_the_responsible_part_is_filled(opened):
    dataset, _, _ = opened
    told = dataset.metadata
    for name in (
        "data_collection", "data_collection_type", "data_collection_missing_data", "data_collection_raw_data",
        "data_preprocessing_protocol", "data_annotation_protocol", "machine_annotation_tools", "data_biases",
        "data_limitations", "data_use_cases", "data_social_impact", "personal_sensitive_information",
        "data_release_maintenance_plan",
    ):  # fmt: skip
        assert getattr(told, name), name
    assert any("Not for clinical use" in line for line in told.data_use_cases)
    assert any("Machine-made text from templates" in line for line in told.data_annotation_protocol)
    assert any("phantom_clinic" in line for line in told.data_limitations)


def test_the_run_leaves_no_trace_in_it(corpus_dir):
    _, figures = corpus_dir
    assert render_croissant(msgspec.structs.replace(figures, run=None, examples=())) == render_croissant(figures)


def test_text_is_shown_as_it_is_and_nothing_else(corpus_dir, evil):
    named = msgspec.structs.replace(corpus_dir[1], description=f"{evil}\u202e\udc80 größe")
    text = render_croissant(named)
    assert json.loads(text)["description"] == f"{evil}\ufffd\ufffd größe"
    text.encode("utf-8")


def test_any_features_of_datasets_have_fields():
    features = Features({
        "deep": List(List(Value("float32"))), "one": {"two": {"three": Value("bool")}}, "films": List(Image()),
        "talk": List({"words": List({"w": Value("string")}), "n": Value("int32")}),
    })  # fmt: skip
    deep, one, films, talk = croissant_fields("set", "files", features._to_yaml_list())
    assert (deep["dataType"], deep["arrayShape"]) == ("cr:Float32", "-1,-1")
    assert [(each["@id"], each["source"]["transform"]) for each in one["subField"]] == [
        ("set/one/two.three", {"jsonPath": "two.three"})
    ]
    assert films["dataType"] == "sc:ImageObject" and films["source"]["transform"] == {"jsonPath": "bytes"}
    assert [each["name"] for each in talk["subField"]] == ["n"] and "more within each: words" in talk["description"]


def test_a_type_without_a_word_is_refused():
    with pytest.raises(BadInput, match="no_croissant_type"):
        croissant_fields("set", "files", [{"name": "x", "dtype": "duration[s]"}])
