"""Captions and reports in tables, as ROCO, PMC-OA, Indiana University and MIMIC-CXR have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medloom.converters.registry import load_converter
from medloom.flows.cards import load_card
from medloom.schemas.sample import Sample
from medloom.synthesis.origin import Origin
from medloom.synthesis.registry import load_task
from medloom.synthesis.scenes import scenes_of
from medloom.synthesis.task import Census, Context
from medloom.synthesis.template import load_templates
from medloom.synthesis.vocabulary import load_vocabulary

METADATA = "mimic-cxr-2.0.0-metadata.csv"
CONTEXT = Context(vocabulary=load_vocabulary(), templates=load_templates(), census=Census())


@pytest.fixture
def layout(tree, card_files, read):
    def run(name: str):
        root = tree(card_files[name])
        return (root, *read(root, load_card(name)))

    return run


def records(name: str, root: Path, sample: Sample, *tasks: str):
    made = scenes_of(sample, Origin(card=load_card(name), root=root, vocabulary=load_vocabulary()))
    return [record for task in tasks for record in load_task(task, {}).of_case(made.case, CONTEXT)]


def test_roco(layout) -> None:
    root, samples, refusals = layout("roco")
    assert [(one.patient, one.split, one.texts[0].body) for one in samples] == [
        ("PMC9", "test", "Chest radiograph of a mass."),
        ("PMC4083729", "train", "Computed tomography scan in axial view, showing obliteration."),
        ("PMC2837471", "train", "Bacterial contamination with a pleural effusion."),
    ]
    assert [(each.reason, each.part) for each in refusals] == [("missing_picture", True)]
    (caption,) = records("roco", root, samples[1], "caption.given")
    assert (caption.type, caption.config, caption.texts) == (1, "image_text", (samples[1].texts[0].body,))
    # the picture is missing: what its caption states stays usable as text
    assert not records("roco", root, samples[2], "caption.given")
    (asked,) = records("roco", root, samples[2], "text.question")
    assert (asked.type, asked.concepts, asked.answer.text) == (34, ("pleural_effusion",), "Yes")


def test_roco_2(layout) -> None:
    _, samples, refusals = layout("roco_v2")
    assert not refusals
    assert [(one.split, one.media[0].files[0]) for one in samples] == [
        ("train", "train_images/train/ROCOv2_2023_train_000001.jpg"),
        ("validation", "valid_images/valid/ROCOv2_2023_valid_000001.jpg"),
    ]


def test_roco_2_with_captions_beside_the_pictures(tree, card_files, read) -> None:
    files = card_files["roco_v2"]
    moved = {f"{name.split('_')[0]}/{name}" if name.endswith(".csv") else name: files[name] for name in files}
    samples, refusals = read(tree(moved), load_card("roco_v2"))
    assert not refusals and [one.split for one in samples] == ["train", "validation"]


def test_pmc_oa(layout) -> None:
    root, samples, refusals = layout("pmc_oa")
    assert not refusals
    assert [(one.patient, one.split) for one in samples] == [("PMC212319", "train"), ("PMC3", "test")]
    (caption,) = records("pmc_oa", root, samples[0], "caption.given")
    assert caption.turns[1].text == "A. Real time image of the translocation"
    assert caption.evidence[0].pointer == "train.jsonl#row=0,caption"


def test_reports_in_two_tables(layout) -> None:
    root, (first, second), refusals = layout("indiana_csv")
    assert [(each.reason, each.part) for each in refusals] == [("missing_picture", True)]
    assert [len(one.media) for one in (first, second)] == [2, 0] and first.patient == "1"
    assert [(one.kind, one.body) for one in first.texts][:2] == [
        ("indication", "Positive TB test"), ("comparison", "None."),
    ]  # fmt: skip
    assert [label.name for label in second.labels] == ["Cardiomegaly"]
    assert second.notes == ("labels without a concept: Pulmonary Artery",)
    (report,) = records("indiana_csv", root, first, "report.generate")
    assert (report.type, len(report.views), report.answer.text) == (
        22, 2, "The cardiac silhouette is normal. No pneumothorax.",
    )  # fmt: skip
    assert {one.type for one in records("indiana_csv", root, second, "text.question", "concept.annotation")} == {3, 34}


def test_torn_rows_of_other_tables_are_told_once(tree, card_files, read) -> None:
    for name, table in (("indiana_csv", "indiana_projections.csv"), ("mimic_cxr_reports", METADATA)):
        files = dict(card_files[name])
        files[table] = files[table].rstrip("\n").rpartition(",")[0] + "\n"
        samples, refusals = read(tree(files), load_card(name))
        (torn,) = (each for each in refusals if each.reason == "bad_row")
        assert (torn.unit, torn.file, torn.part) == (f"{table}#row=2", table, True)
        assert samples


def test_other_tables_have_settings_of_their_own_and_the_encoding_of_the_rows(tree, read, make_card) -> None:
    root = tree({
        "rows.csv": "id;text\n1;Lésion\n".encode("latin-1"), "a.png": None,
        "views.txt": "id|na,me|side\n1|a|früh\n".encode("latin-1"), "who.csv": "id,who\n1,Zoë\n".encode("utf-16"),
    })  # fmt: skip
    params = {
        "tables": ["rows.csv"], "encoding": "latin-1", "pictures": ["{views.*.na,me}.png"],
        "texts": {"caption": "text"},
        "many": {"views": {"table": "views.txt", "by": "id", "at": "id", "delimiter": "|"}},
        "lookups": {"person": {"table": "who.csv", "by": "id", "at": "id", "encoding": "utf-16"}},
        "facts": {"texts": {"note": "person.who", "side": "views.0.side"}},
    }  # fmt: skip
    (one,), refusals = read(root, make_card("picture_texts", params))
    assert not refusals and [media.files[0] for media in one.media] == ["a.png"]
    assert [text.body for text in one.texts] == ["Lésion", "Zoë", "früh"]


def test_mimic_sections_with_the_pictures_of_the_study(layout) -> None:
    _, (one, other), refusals = layout("mimic_cxr_reports")
    assert not refusals and [(text.kind, text.body) for text in other.texts] == [
        ("report", "No change since the last examination."),
    ]  # fmt: skip
    assert (one.key, one.patient, one.study) == ("s50414267", "10000032", "s50414267")
    assert [media.files[0] for media in one.media] == [
        "files/p10/p10000032/s50414267/02aa804e-bde0afdd.jpg", "files/p10/p10000032/s50414267/174413ec-4ec4c1f7.jpg",
    ]  # fmt: skip
    assert [text.kind for text in one.texts] == ["comparison", "findings", "impression"]


def test_whole_reports_are_cut_and_licences_are_each_rows_own(tree, read, make_card) -> None:
    root = tree({
        "reports.tsv": "file\ttext\tlicence\n"
        'a.png\t"HISTORY: Cough.\n\nFINDINGS: The lungs are clear.\nIMPRESSION: No disease."\tCC BY\n'
        "b.png\tNothing under a heading.\tCC BY-NC\nc.png\tnan\tCC BY\nd.png\tText\todd\n",
        **{f"{name}.png": None for name in "abcd"},
    })  # fmt: skip
    params = {
        "tables": ["reports.tsv"], "pictures": ["{file}"], "texts": {"report": "text"}, "facts": {"licence": "licence"},
    }  # fmt: skip
    licences = {"CC BY": "CC-BY-4.0", "CC BY-NC": "CC-BY-NC-4.0"}
    samples, refusals = read(root, make_card("picture_texts", params, licences=licences))
    assert [(one.licence, [(text.kind, text.body) for text in one.texts]) for one in samples] == [
        ("CC-BY-4.0", [("indication", "Cough."), ("findings", "The lungs are clear."), ("impression", "No disease.")]),
        ("CC-BY-NC-4.0", [("report", "Nothing under a heading.")]),
    ]
    assert [each.reason for each in refusals] == ["no_text", "licence_unknown"]
    cut = samples[0].texts[1]
    body = (root / "reports.tsv").read_text().split('"')[1]
    start, end = map(int, cut.pointer.rpartition("characters=")[2].split(":"))
    assert body[start:end] == cut.body


def test_days_count_from_the_patients_first_study(tree, read, make_card) -> None:
    root = tree({
        "reports.jsonl": "".join(f'{{"study": "s{n}", "text": "Clear lungs in {n}."}}\n' for n in (1, 2, 3, 4, 5)),
        "studies.csv": "study,who,date,file\ns1,a,21800506,1.png\ns2,b,21700101,2.png\ns3,a,21800501,3.png\n"
        "s4,a,,4.png\ns5,b,soon,5.png\n",
        "1.png": None, "3.png": None,
    })  # fmt: skip
    params = {
        "tables": ["reports.jsonl"], "key": "{study}", "pictures": ["{of.file}"], "texts": {"findings": "text"},
        "lookups": {"of": {"table": "studies.csv", "by": "study", "at": "study"}},
        "facts": {"visit": {"column": "of.date", "kind": "date", "format": "%Y%m%d"}},
    }  # fmt: skip
    card = make_card("picture_texts", params, patient={"column": "of.who"})
    samples, refusals = read(root, card)
    assert [(one.key, one.patient, one.visit and one.visit.day) for one in samples] == [
        ("s1", "a", 5.0), ("s2", "b", 0.0), ("s3", "a", 0.0), ("s4", "a", None),
    ]  # fmt: skip
    assert [(each.unit, each.reason) for each in refusals if not each.part] == [("s5", "bad_visit")]
    assert "visits" in load_converter("picture_texts").gives(card)


def test_each_text_of_a_list_is_one(tree, read, make_card) -> None:
    rows = [
        {"file": "a.png", "said": ["Figure 1 shows\na mass.", " ", None, "None", "See Fig. 1."], "whole": []},
        {"file": "b.png", "said": None, "whole": ["FINDINGS: Clear.\nIMPRESSION: Normal."]},
        {"file": "c.png", "said": []},
    ]  # fmt: skip
    root = tree({"rows.json": json.dumps(rows), **{f"{name}.png": None for name in "abc"}})
    params = {"tables": ["rows.json"], "pictures": ["{file}"], "texts": {"mention": "said", "report": "whole"}}
    samples, refusals = read(root, make_card("picture_texts", params))
    assert [[(text.kind, text.body) for text in one.texts] for one in samples] == [
        [("mention", "Figure 1 shows a mass."), ("mention", "See Fig. 1.")],
        [("findings", "Clear."), ("impression", "Normal.")],
    ]  # fmt: skip
    assert [text.pointer for text in samples[0].texts] == ["rows.json#row=0,said.0", "rows.json#row=0,said.4"]
    assert [(each.unit, each.reason) for each in refusals] == [("c.png", "no_text")]


def test_a_column_that_is_not_there_is_told(tree, read, make_card) -> None:
    root = tree({"t.csv": "file,text\na.png,Clear.\n", "v.csv": "file,view\na.png,AP\n", "a.png": None})
    given = {"tables": ["t.csv"], "pictures": ["{file}"], "texts": {"caption": "text"}}
    many = {"views": {"table": "v.csv", "by": "file", "at": "file"}}
    for wrong, file in (
        ({"texts": {"caption": "Text"}}, "t.csv"), ({"labels": {"at": "Problems"}}, "t.csv"),
        ({"only": {"lang": ["en"]}}, "t.csv"), ({"many": many, "pictures": ["{views.*.name}"]}, "v.csv"),
    ):  # fmt: skip
        samples, refusals = read(root, make_card("picture_texts", {**given, **wrong}))
        assert (samples, [(one.reason, one.file) for one in refusals]) == ([], [("missing_column", file)])
