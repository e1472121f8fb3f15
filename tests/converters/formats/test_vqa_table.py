"""Question files in every shape that sources ship them in."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from medloom.converters.formats.vqa_pointer import Fields, paths_of, resolve
from medloom.converters.registry import load_converter
from medloom.schemas.card import SourceCard
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import NamedBox, Refusal, Sample

CARDS = Path(__file__).parents[3] / "catalogs/sources"


@pytest.fixture
def layout(card_files, tree):
    """Samples and refusals of a card's own layout."""

    def run(name, root=None):
        card = SourceCard.model_validate(YAML(typ="safe").load((CARDS / f"{name}.yaml").read_text("utf-8")))
        found = list(load_converter(card.converter).samples(root or tree(card_files[name]), card))
        return [one for one in found if isinstance(one, Sample)], [one for one in found if isinstance(one, Refusal)]

    return run


@pytest.fixture
def table(tree, make_card, read):
    """Samples and refusals of `files` under parameters of the converter."""

    def run(files, card=None, **params):
        return read(tree(files), make_card("vqa_table", params, **(card or {})))

    return run


def reasons(refusals):
    return Counter((one.reason, one.part) for one in refusals)


def test_vqa_rad(layout):
    (first, second), refusals = layout("vqa_rad")
    assert not refusals
    assert [(one.question, one.answer, one.kind) for one in first.questions] == [
        ("Are regions of the brain infarcted?", "yes", "PRES, ABN / CLOSED"),
        ("Is the brain infarcted?", "yes", "PRES / CLOSED"),
        ("How many lesions are there?", "2", "COUNT / OPEN"),
    ]
    assert {one.origin for one in first.questions} == {"people"}
    assert (first.split, first.notes != (), first.acquisition.body_part) == ("test", True, "HEAD")
    assert (second.split, second.notes, second.patient) == ("train", (), "https://medpix.nlm.nih.gov/case?id=ffa9e4b9")
    assert second.questions[0].pointer == "VQA_RAD Dataset Public.json#row=3"


def test_slake(layout):
    (first, second), refusals = layout("slake")
    assert not refusals
    assert [one.language for one in first.questions] == ["en", "zh", "en"]
    assert [one.answer for one in first.questions] == ["MRI", "左侧", "yes"]
    assert first.acquisition.modality == "mr"
    boxes = [(one.name, one.box) for one in first.regions if one.kind == "box"]
    assert boxes == [("Liver", (4, 5, 14, 17)), ("Left Kidney", (30, 8, 36, 17))]
    mask = next(one for one in first.regions if one.kind == "label_map")
    assert (mask.file, [(one.value, one.name) for one in mask.names]) == (
        "imgs/xmlab1/mask.png", [(3, "Liver"), (4, "Spleen")],
    )  # fmt: skip
    assert (second.regions, second.split, first.split) == ((), "validation", "train")


def test_slake_with_broken_neighbours(tree, layout, card_files):
    files = {**card_files["slake"], "mask.txt": "Liver:3\nSpleen:3\n", "imgs/xmlab1/detection.json": "[{"}
    samples, refusals = layout("slake", tree(files))
    assert reasons(refusals) == {("bad_table", True): 1, ("not_json", True): 1}
    assert samples[0].regions == ()
    far = json.dumps([{"Liver": [400, 5, 10, 12]}, {"Liver": [1, 2, 3]}, {"Liver": [1, 2, 3, 4]}])
    samples, refusals = layout("slake", tree({**card_files["slake"], "imgs/xmlab1/detection.json": far}))
    assert reasons(refusals) == {("box_outside", True): 1, ("bad_annotation", True): 1}
    assert [one.box for one in samples[0].regions if one.kind == "box"] == [(1, 2, 4, 6)]


def test_slake_is_complete_where_the_card_says_so(tree, card_files, read):
    raw = YAML(typ="safe").load((CARDS / "slake.yaml").read_text("utf-8"))
    card = SourceCard.model_validate({**raw, "exhaustive": {"regions": True}})
    files = card_files["slake"]

    def complete(gone=(), **other):
        root = tree({**files, **{f"imgs/xmlab1/{name}.json": content for name, content in other.items()}})
        for name in gone:
            (root / "imgs/xmlab1" / name).unlink()
        return [one.complete_regions for one in read(root, card)[0]]

    every = tuple(card.labels)
    assert complete() == [every, ()]  # nobody has marked the second
    assert complete(detection="[{") == complete(detection=json.dumps([{"Liver": [400, 5, 10, 12]}])) == [(), ()]
    assert complete(gone=["detection.json"]) == [("Liver", "Spleen"), ()]  # what the mask names
    assert complete(gone=["mask.png"]) == [tuple(one for one in every if one not in ("Liver", "Spleen")), ()]
    assert complete(gone=["mask.png", "detection.json"]) == [(), ()]


def test_omnimedvqa_says_no_folders_name(layout):
    (one,), refusals = layout("omnimedvqa")
    assert not refusals
    assert [question.correct for question in one.questions] == [(3,), (0,)]
    assert one.questions[0].options[3] == one.questions[0].answer == "Fundus imaging"
    assert one.questions[1].options == ("No, It's normal.", "Yes")
    assert one.acquisition.modality == "fundus"
    assert not any("ACRIMA" in question.question + question.answer for question in one.questions)


def test_pmc_vqa(layout):
    (one,), refusals = layout("pmc_vqa")
    assert reasons(refusals) == {}
    first, second = one.questions
    assert first.options == (
        "Diffuse uptake pattern", "Focal uptake pattern", "No uptake pattern",
        "Cannot determine from the information given",
    )  # fmt: skip
    assert (first.correct, first.answer, first.origin) == ((1,), "Focal uptake pattern", "model")
    assert (second.options, second.correct) == (("Left", "Right"), (0,))
    assert (one.patient, one.split) == ("PMC1064097", "train")


def test_gemex(layout):
    (one,), refusals = layout("gemex")
    assert not refusals
    single, multiple = one.questions
    assert (single.answer, single.correct, single.reason) == ("Right lung", (1,), "The right base is hazy.")
    assert single.boxes == (NamedBox(name="right lung", box=(2, 3, 14.5, 25)),)
    assert (multiple.correct, multiple.kind, len(multiple.boxes)) == ((0, 2), "multi-choice", 2)
    assert one.patient == "10000032"


def test_path_vqa_for_real(data_dir, layout):
    """Every picture is missing, and every question is there: in the file by other means."""
    root = data_dir / "vqa_json_noimages/PathVQA"
    samples, refusals = layout("path_vqa", root)
    content = json.loads((root / "pvqa_test.json").read_text())
    assert len(samples) == len(content) == 400
    assert reasons(refusals) == {("missing_picture", True): 400, ("repeated_question", True): 10}
    asked = sum(len(entry["sentf"]["pvqa"]) for entry in content)
    assert sum(len(one.questions) for one in samples) == asked - 10 == 1701
    answers = Counter(str(*answer) for entry in content for answer in entry["labelf"]["pvqa"])
    kept = Counter(question.answer for one in samples for question in one.questions)
    assert kept["no"] <= answers["no"]
    assert kept["yes"] + kept["no"] > 800
    assert {one.split for one in samples} == {"test"}
    assert all(
        one.missing == (f"images/test/{entry['img_id']}.jpg",) for one, entry in zip(samples, content, strict=True)
    )


def test_vqa_med_for_real(data_dir, layout):
    root = data_dir / "vqa_json_noimages/VQA-Med-2019"
    samples, refusals = layout("vqa_med_2019", root)
    lines = (root / "VQAMed2019Test/VQAMed2019_Test_Questions_w_Ref_Answers.txt").read_text().splitlines()
    assert (len(samples), len(lines), reasons(refusals)) == (500, 500, {("missing_picture", True): 500})
    for one, line in zip(samples, lines, strict=True):
        image, category, question, answers = line.split("|")
        (asked,) = one.questions
        assert (one.missing, asked.kind, asked.question) == ((f"{image}.jpg",), category, question.strip())
        assert (asked.answer, *asked.variants) == tuple(answers.strip().split("#"))
    assert sum(bool(one.questions[0].variants) for one in samples) == 12
    assert {one.split for one in samples} == {"test"}


def test_pictures_that_come_later_are_found(data_dir, tmp_path, layout):
    import shutil

    shutil.copytree(data_dir / "vqa_json_noimages/VQA-Med-2019/VQAMed2019Test", tmp_path / "VQAMed2019Test")
    pictures = tmp_path / "VQAMed2019Test" / "VQAMed2019_Test_Images"
    (tmp_path / "VQAMed2019Test").chmod(0o755)
    pictures.mkdir()
    (pictures / "synpic54082.jpg").write_bytes(b"\xff\xd8")
    samples, refusals = layout("vqa_med_2019", tmp_path)
    assert len(refusals) == 499
    assert [one.media[0].files for one in samples if one.media] == [
        ("VQAMed2019Test/VQAMed2019_Test_Images/synpic54082.jpg",)
    ]


def test_pickles_are_never_opened(tmp_path, table):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "opened",))

    files = {"train_qa.pkl": pickle.dumps([Bomb()]), "test.json": pickle.dumps([Bomb()])}
    samples, refusals = table(files, tables=["*.pkl", "test.json"])
    assert (samples, reasons(refusals)) == ([], {("pickled", False): 2})
    assert not (tmp_path / "opened").exists()


def test_answers_by_score(table):
    rows = [
        {"img_id": "a", "sent": "What is it?", "label": {"no tumour": 0.3, "tumour": 1, "cyst": 0}},
        {"img_id": "a", "sent": "Where?", "label": {}},
    ]
    (one,), refusals = table(
        {"train.json": json.dumps(rows), "a.jpg": None}, tables=["train.json"], pictures=["{img_id}.jpg"],
        questions={"question": "sent", "answer": "label"},
    )  # fmt: skip
    assert (one.questions[0].answer, one.questions[0].variants) == ("tumour", ("no tumour",))
    assert [(row.reason, row.unit) for row in refusals] == [("no_answer", "train.json#row=1")]


VISITS = {
    "tables": ["questions.csv"],
    "lookups": {
        "now": {"table": "all.csv", "by": "study_id", "at": "study_id"},
        "then": {"table": "all.csv", "by": "study_id", "at": "ref_id"},
    },
    "pictures": [
        {"file": "files/p{subject_id[:2]}/{then.dicom_id}.jpg", "role": "earlier"},
        {"file": "files/p{subject_id[:2]}/{now.dicom_id}.jpg", "role": "later"},
    ],
    "questions": {"kind": ["question_type"], "origin": "template"},
}


def test_two_visits(table):
    files = {
        "questions.csv": "study_id,ref_id,subject_id,question_type,question,answer,split\n"
        "52,51,10000032,difference,what has changed?,the main image has an additional finding of edema,train\n"
        "52,51,10000032,difference,is it worse?,yes,train\n53,51,10000032,difference,and here?,no,train\n",
        "all.csv": "study_id,dicom_id\n51,aaa\n52,bbb\n53,ccc\n",
        "files/p10/aaa.jpg": None,
        "files/p10/bbb.jpg": None,
    }
    (first, second), refusals = table(files, {"patient": {"column": "subject_id"}}, **VISITS)
    assert [(one.key, one.role, one.files) for one in first.media] == [
        ("image_1", "earlier", ("files/p10/aaa.jpg",)), ("image_2", "later", ("files/p10/bbb.jpg",)),
    ]  # fmt: skip
    assert [one.media for one in first.questions] == [("image_1", "image_2")] * 2
    assert (first.patient, first.missing) == ("10000032", ())
    assert (len(second.media), second.missing) == (1, ("files/p10/ccc.jpg",))
    assert [(row.reason, row.part) for row in refusals] == [("missing_picture", True)]


def test_lists_of_pictures(table):
    rows = [{"id": 1, "cur": "b.png", "prior": ["a.png"], "question": "Changed?", "options": {"A": "better", "B": "no"},
             "answer": "B"}]  # fmt: skip
    (one,), refusals = table(
        {"mmxu.jsonl": "\n".join(json.dumps(row) for row in rows), "a.png": None, "b.png": None}, tables=["mmxu.jsonl"],
        pictures=[{"file": "{prior}", "role": "earlier"}, {"file": "{cur}", "role": "later"}],
        questions={"options": {"at": ["options"]}},
    )  # fmt: skip
    assert ([media.files[0] for media in one.media], one.questions[0].correct) == (["a.png", "b.png"], (1,))
    assert not refusals


def test_conversations(table):
    def talk(*turns, image="a.png", key="image"):
        said = [{"from": "human" if n % 2 == 0 else "gpt", "value": text} for n, text in enumerate(turns)]
        return {"id": turns[0], key: image, "conversations": said}

    rows = [
        talk("<image>\nWhat is shown?", "A chest film.", "Is it normal?\n", "No."),
        talk("What is shown?\n<image>", "A chest film.", "Is it normal?", "No."),  # the same again
        talk("Compare them.", "They differ.", image=["a.png", "b.png"]),
        talk("In <image> and in <image> too?", "Yes", image=["a.png", "b.png"]),
        talk("No answer?"),
        {"id": "odd", "image": "a.png", "conversations": [{"from": "gpt", "value": "Hello"}]},
    ]
    (one, two), refusals = table(
        {"llava.json": json.dumps(rows), "a.png": None, "b.png": None}, tables=["llava.json"], pictures=["{image}"],
        questions={"turns": {}, "origin": "model"},
    )  # fmt: skip
    assert [(asked.question, asked.answer, asked.follows) for asked in one.questions] == [
        ("What is shown?", "A chest film.", False), ("Is it normal?", "no", True),
    ]  # fmt: skip
    assert [asked.question for asked in two.questions] == ["Compare them."]
    assert reasons(refusals) == {
        ("repeated_question", True): 1, ("interleaved_pictures", True): 1, ("turns_order", True): 2,
    }  # fmt: skip


def test_parts_of_messages(table):
    parts = [{"type": "image"}, {"type": "text", "text": "What is shown?"}]
    row = {"images": ["a.png"], "messages": [
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": parts},
        {"role": "assistant", "content": "A cell."},
    ]}  # fmt: skip
    (one,), refusals = table(
        {"chat.jsonl": json.dumps(row), "a.png": None}, tables=["chat.jsonl"], pictures=["{images}"],
        questions={"turns": {"at": "messages", "role": "role", "text": "content"}},
    )  # fmt: skip
    assert ([asked.question for asked in one.questions], refusals) == (["What is shown?"], [])


@pytest.mark.parametrize(
    ("row", "correct"),
    [
        ({"o": ["CT", "MR"], "a": "mr "}, (1,)), ({"o": ["CT", "MR"], "a": "B"}, (1,)),
        ({"o": ["CT", "MR"], "a": "(b)"}, (1,)), ({"o": ["CT", "MR"], "a": "B. MR"}, (1,)),
        ({"o": ["CT", "MR"], "a": "MR", "c": "B"}, (1,)), ({"o": ["CT", "MR"], "c": 1}, (1,)),
        ({"o": ["A. CT", "B. MR"], "a": "MR"}, (1,)), ({"o": {"B": "MR", "A": "CT"}, "a": "A"}, (1,)),
        ({"o": ["CT", "MR", "PET"], "a": "AC", "several": True}, (0, 2)),
        ({"o": ["CT", "MR", "PET"], "a": "(A) and (C)", "several": True}, (0, 2)),
        ({"o": ["CT", "MR", "PET"], "c": "0, 2", "several": True}, (0, 2)),
        ({"o": ["CT", "MR", "PET"], "c": ["A", "PET"]}, (0, 2)),
        ({"o": "CT;MR", "a": "CT"}, (0,)), ({"o": ["A", "B", "AB"], "a": "AB"}, (2,)),
        # Options whose texts look like letters or numbers: what `correct` holds is a letter or number first.
        ({"o": ["2", "3", "1", "0"], "c": 1}, (1,)), ({"o": ["1", "2", "3", "4"], "c": 1.0}, (1,)),
        ({"o": ["3", "4", "1", "2"], "c": "2", "first": 1}, (1,)), ({"o": ["CT", "MR"], "c": "1.0"}, (1,)),
        ({"o": ["B", "A", "D", "C"], "c": "B", "a": "A"}, (1,)), ({"o": ["2", "3", "1", "0"], "c": 1, "a": "1"}, (2,)),
        ({"o": ["CT", "", "MR"], "c": 2}, (1,)), ({"o": ["10", "20"], "c": "20"}, (1,)),
        ({"o": {"A": "A", "B": "B", "C": "O"}, "a": "A"}, (0,)),
    ],
)  # fmt: skip
def test_right_options(table, row, correct):
    said = {name: row[name] for name in ("several", "first") if name in row}
    options = {"at": ["o"], "correct": "c" if "c" in row else None, "split": ";", **said}
    fields = {"question": "q", "answer": "a", "options": options}
    (one,), refusals = table(
        {"q.json": json.dumps([{"q": "Which?", "i": "a.png", **row}]), "a.png": None}, tables=["q.json"],
        pictures=["{i}"], questions=fields,
    )  # fmt: skip
    (asked,) = one.questions
    assert (asked.correct, refusals) == (correct, [])
    assert asked.answer == ", ".join(asked.options[index] for index in correct)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"a": "PET"}, "answer_not_an_option"), ({"a": "D"}, "answer_not_an_option"),
        ({"c": 2}, "answer_not_an_option"), ({"a": "Ba"}, "answer_not_an_option"),
        ({"a": "CT", "c": "B"}, "answer_not_an_option"), ({"o": ["CT"], "a": "CT"}, "too_few_options"),
        ({"o": ["CT", "ct "], "a": "CT"}, "repeated_option"), ({"o": [], "a": ""}, "no_answer"),
        ({"a": "CT", "q": " "}, "no_question"),
        # What no option says is no number and no letters of options.
        ({"o": ["1-2", "3-4", "5-6"], "a": "2"}, "answer_not_an_option"), ({"c": "-1"}, "answer_not_an_option"),
        ({"o": ["GH", "SC", "ST", "CC"], "a": "AC"}, "answer_not_an_option"),
        ({"o": ["A", "B", "O", "Rh"], "a": "AB"}, "answer_not_an_option"), ({"a": "B+"}, "answer_not_an_option"),
        ({"a": "A, B"}, "answer_not_an_option"), ({"c": "AB"}, "answer_not_an_option"),
        ({"o": {"A": "B", "B": "C", "C": "A", "D": "D"}, "a": "A"}, "ambiguous_answer"),
        ({"o": ["x", "A"], "a": "A", "c": "A"}, "ambiguous_answer"),
        ({"o": ["CT", "", "MR"], "c": 1}, "answer_not_an_option"),
        ({"o": ["2", "3", "1"], "a": "2", "c": 1}, "answer_not_an_option"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(table, row, reason):
    options = {"at": ["o"], "correct": "c" if "c" in row else None}
    samples, refusals = table(
        {"q.json": json.dumps([{"q": "Which?", "i": "a.png", "o": ["CT", "MR"], **row}]), "a.png": None},
        tables=["q.json"], pictures=["{i}"], questions={"question": "q", "answer": "a", "options": options},
    )  # fmt: skip
    assert (samples, [(one.reason, one.part) for one in refusals]) == ([], [(reason, False)])


TYPOS = [
    {"pictures": ["{img}"]}, {"only": {"lang": ["en"]}}, {"facts": {"acquisition": {"view": "VP"}}}, {"key": "{id}"},
    {"questions": {"options": {"at": ["Choice A"]}}}, {"questions": {"options": {"at": ["o"], "correct": "label"}}},
    {"questions": {"question": "Question"}}, {"questions": {"answer": "Answer"}}, {"questions": {"kind": ["type"]}},
    {"questions": {"boxes": {"at": "box"}}}, {"questions": {"language_field": "lang"}},
    {"questions": {"reason": "why"}},
    {"lookups": {"m": {"table": "t.csv", "by": "i", "at": "id"}}},
]  # fmt: skip


@pytest.mark.parametrize("wrong", TYPOS, ids=str)
@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.json"])
def test_a_field_that_is_not_there_is_told(table, name, wrong):
    rows = [{"i": "a.png", "question": "Which?", "answer": "x", "o": "x"}]
    text = "i,question,answer,o\na.png,Which?,x,x\n"
    files = {"t.csv": text, "t.txt": "a.png|Which?|x|x\n", "t.json": json.dumps(rows), "a.png": None}
    header = {"header": ["i", "question", "answer", "o"]} if name == "t.txt" else {}
    samples, refusals = table(files, tables=[name], **{"pictures": ["{i}"], **header, **wrong})
    if name == "t.json":
        assert ("missing_field", "only" not in wrong) in {(one.reason, one.part) for one in refusals}
    else:
        assert (samples, [(one.reason, one.file) for one in refusals]) == ([], [("missing_column", name)])


def test_a_column_that_a_looked_up_table_lacks_is_told(table):
    files = {"q.csv": "i,question,answer\na.png,Which?,x\n", "m.csv": "i,view\na.png,AP\n", "a.png": None}
    lookups = {"lookups": {"m": {"table": "m.csv", "by": "i", "at": "i"}}, "pictures": ["{i}"]}
    for view, told in (("m.view", []), ("m.VP", [("missing_column", "m.csv")])):
        facts = {"acquisition": {"view": view}}
        samples, refusals = table(files, tables=["q.csv"], facts=facts, **lookups)
        assert (bool(samples), [(one.reason, one.file) for one in refusals]) == (not told, told)


def test_a_field_of_some_rows_or_entries_is_there(table):
    rows = [
        {"i": "a.png", "qa": [{"question": "Which?", "answer": "x"}]},
        {"i": "b.png", "kind": None, "qa": [{"question": "Which?", "answer": "x", "why": "y"}]},
    ]
    samples, refusals = table(
        {"q.json": json.dumps(rows), "a.png": None, "b.png": None}, tables=["q.json"], pictures=["{i}"],
        questions={"each": "qa", "kind": ["kind"], "reason": "why"},
    )  # fmt: skip
    assert (len(samples), refusals) == (2, [])


def test_an_answer_that_is_read_as_what_is_correct(table):
    rows = [{"i": "a.png", "question": "How many?", "answer": 1, "o": ["2", "3", "1"]}]
    (one,), refusals = table(
        {"q.json": json.dumps(rows), "a.png": None}, tables=["q.json"], pictures=["{i}"],
        questions={"options": {"at": ["o"], "correct": "answer"}},
    )  # fmt: skip
    assert ((one.questions[0].answer, one.questions[0].correct), refusals) == (("3", (1,)), [])


def test_shapes_of_json(table):
    row = {"image": "a.png", "question": "Q?", "answer": "A"}
    shapes = {
        "list.json": json.dumps([row]), "lines.json": json.dumps(row) + "\n\n" + json.dumps(row | {"question": "R?"}),
        "below.json": json.dumps({"data": {"rows": [row]}, "n": 1}), "keyed.json": json.dumps({"7": row, "8": row}),
        "lists.json": json.dumps({"a.png": [{"question": "Q?", "answer": "A"}]}),
        "bom.json": "\ufeff" + json.dumps([row]),
        "nan.json": '[{"image": "a.png", "question": "Q?", "answer": "A", "score": NaN}]',
        "utf16.json": json.dumps([row]).encode("utf-16"), "one.json": json.dumps(row),
    }  # fmt: skip
    for name, content in shapes.items():
        params = {"rows": "data.rows"} if name == "below.json" else {}
        picture = "{@key}" if name == "lists.json" else "{image}"
        (one,), refusals = table({name: content, "a.png": None}, tables=[name], pictures=[picture], **params)
        told = [(asked.question, asked.answer) for asked in one.questions]
        assert told == ([("Q?", "A"), ("R?", "A")] if name == "lines.json" else [("Q?", "A")]), name
        assert reasons(refusals) == ({("repeated_question", True): 1} if name == "keyed.json" else {}), name


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[" * 100_000, "not_json"), ("", "empty_file"), ("[1, 2]", "bad_row"), ("3", "not_rows"), ('"x"', "not_rows"),
        ('{"a": [', "not_json"), (b"\xff\xfe\x00", "not_utf8"), (b'[{"question": "\xff"}]', "not_json"),
        ('[{"question": "Q?", "answer": "\\ud800", "n": NaN}]', "not_json"),
        ('{"question": "Q?"}\n{"question": \n', "bad_row"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(table, content, reason):
    samples, refusals = table({"q.json": content}, tables=["q.json"], text_only=True)
    assert samples == []
    assert {one.reason for one in refusals} <= {reason, "no_answer", "missing_field"}
    assert reason in {one.reason for one in refusals}


def test_tables_that_are_not_there(table):
    samples, refusals = table({"b.json": "[]"}, tables=["a.json", "b.json", "*.csv"])
    assert (samples, [(one.reason, one.file) for one in refusals]) == ([], [("missing_file", "a.json")])
    samples, refusals = table({"b.txt": "x"}, tables=["deep/**/*.json", "../out.json"])
    assert sorted(one.reason for one in refusals) == ["unsafe_path"]
    assert [one.reason for one in table({}, tables=["*.tsv"])[1]] == ["missing_file"]


def test_text_with_bars(table):
    text = 'a|"what" is it?|cyst#tumour\r\n\r\nb|plane|which plane?| axial \r\nc|x\r\n\xe9|q|\xe9\r\n'
    samples, refusals = table(
        {"qa.txt": text.encode("latin-1")},
        tables=["qa.txt"], header=[["image", "question", "answer"], ["image", "category", "question", "answer"]],
        questions={"several": "#", "kind": ["category"]}, fallback_encoding="latin-1", text_only=True,
    )  # fmt: skip
    told = [(one.questions[0].question, one.questions[0].answer, one.questions[0].kind) for one in samples]
    assert told == [('"what" is it?', "cyst", None), ("which plane?", "axial", "plane"), ("q", "é", None)]
    assert samples[0].questions[0].variants == ("tumour",)
    assert [one.reason for one in refusals] == ["bad_row"]


def test_a_table_with_tabs_and_no_header(table):
    """VQA-Med 2018's way."""
    text = '1\t0392-100X-33-350-g000\twhat does "mri" show?\tlesion at tail of pancreas\n2\tgone\twhere?\there\n'
    (one, two), refusals = table(
        {"VQAMed2018Train-QA.csv": text, "images/0392-100X-33-350-g000.jpg": None}, tables=["*-QA.csv"], delimiter="\t",
        header=["id", "image", "question", "answer"], pictures=["images/{image}.jpg"],
    )  # fmt: skip
    assert (one.questions[0].question, one.questions[0].answer) == (
        'what does "mri" show?',
        "lesion at tail of pancreas",
    )
    assert (one.media[0].files, two.missing) == (("images/0392-100X-33-350-g000.jpg",), ("images/gone.jpg",))
    assert reasons(refusals) == {("missing_picture", True): 1}


def test_a_question_without_its_picture(table):
    rows = [
        {"image": "gone.png", "question": "What is shown?", "answer": "a lung"},
        {"image": "", "question": "What is pneumonia?", "answer": "an infection"},
    ]
    files = {"q.json": json.dumps(rows)}
    samples, refusals = table(files, tables=["q.json"], pictures=["{image}"])
    assert [(one.media, one.missing, one.questions[0].media) for one in samples] == [((), ("gone.png",), ("image",))]
    assert reasons(refusals) == {("missing_picture", True): 1, ("no_picture", False): 1}
    samples, refusals = table(files, tables=["q.json"], pictures=["{image}"], text_only=True)
    assert [(one.missing, one.questions[0].media) for one in samples] == [(("gone.png",), ()), ((), ())]
    assert not refusals


def test_hostile_paths(table):
    rows = [
        {"image": name, "question": "Q?", "answer": "A"} for name in ("../out.png", "/etc/passwd", "a\\b.png", "x/")
    ]
    samples, refusals = table({"q.json": json.dumps(rows), "x/y": b""}, tables=["q.json"], pictures=["{image}"])
    assert all(not one.media for one in samples)
    assert reasons(refusals) == {("unsafe_path", True): 3, ("not_a_file", True): 1}


def test_rows_of_one_picture_keep_to_one_patient(table):
    rows = [
        {"image": "a.png", "question": f"Q{n}?", "answer": "A", "case": case, "lang": lang}
        for n, (case, lang) in enumerate((("1", "en"), ("2", "en"), ("1", "fr"), ("1", "de")))
    ]
    (one,), refusals = table(
        {"q.json": json.dumps(rows), "a.png": None}, {"patient": {"column": "case"}}, tables=["q.json"],
        pictures=["{image}"], only={"lang": ["en", "fr"]},
    )  # fmt: skip
    assert [asked.question for asked in one.questions] == ["Q0?", "Q2?"]
    assert reasons(refusals) == {("conflicting_rows", True): 1}


@pytest.mark.parametrize(
    ("value", "params"),
    [
        ([2, 3, 12, 18], {"all_named": "heart"}), ([[2, 3, 12, 18]], {"all_named": "heart"}),
        ({"heart": [2, 3, 12, 18]}, {}), ({"heart": [[2, 3, 12, 18]]}, {}), ("[[2, 3, 12, 18]]", {"names": "names"}),
        ([{"label": "heart", "xyxy": [2, 3, 12, 18]}], {"name": "label", "box": "xyxy"}),
        ({"name": "heart", "bbox": [2, 3, 12, 18]}, {}), ([[2, 3, 10, 15]], {"form": "xywh", "all_named": "heart"}),
        ([[0.05, 0.1, 0.3, 0.6]], {"unit": "side", "all_named": "heart"}),
        ([[50, 100, 300, 600]], {"unit": "thousandth", "all_named": "heart"}),
    ],
)  # fmt: skip
def test_shapes_of_boxes(table, value, params):
    row = {"image": "a.png", "question": "Where?", "answer": "there", "b": value, "names": ["heart"]}
    (one,), refusals = table(
        {"q.json": json.dumps([row]), "a.png": None}, {"labels": {"heart": "heart"}}, tables=["q.json"],
        pictures=["{image}"], questions={"boxes": {"at": "b", **params}},
    )  # fmt: skip
    assert [(box.name, pytest.approx(box.box)) for box in one.questions[0].boxes] == [("heart", (2, 3, 12, 18))]
    assert not refusals


@pytest.mark.parametrize(
    ("value", "reason"),
    [([2, 3, 50, 18], "box_outside"), ([5, 5, 5, 9], "box_degenerate"), ([1, 2, 3], "bad_annotation"),
     ({"": [1, 2, 3, 4]}, "bad_annotation"), ("[1, 2", "bad_annotation"), (["a"], "bad_annotation")],
)  # fmt: skip
def test_a_question_stays_without_its_bad_boxes(table, value, reason):
    row = {"image": "a.png", "question": "Where?", "answer": "there", "b": value}
    (one,), refusals = table(
        {"q.json": json.dumps([row]), "a.png": None}, tables=["q.json"], pictures=["{image}"],
        questions={"boxes": {"at": "b", "all_named": "heart"}},
    )  # fmt: skip
    assert (one.questions[0].boxes, [(row.reason, row.part) for row in refusals]) == ((), [(reason, True)])


def test_an_unknown_name_of_a_box_is_told(table):
    row = {"image": "a.png", "question": "Where?", "answer": "there", "b": {"spleen": [1, 2, 3, 4]}}
    _, refusals = table(
        {"q.json": json.dumps([row]), "a.png": None}, tables=["q.json"], pictures=["{image}"],
        questions={"boxes": {"at": "b"}},
    )  # fmt: skip
    assert reasons(refusals) == {("unmapped_label", True): 1}


def test_pointers():
    row = {"a": {"b": [{"c": 1}, {"c": [2, 3]}, {}]}, "a.b": "whole", "n": 2.0, "t": True, "name": "train_0007"}
    assert resolve(row, "a.b") == "whole"
    assert resolve(row, "a.b.c") is None
    assert resolve({"a": row["a"]}, "a.b.*.c") == [1, 2, 3]
    assert resolve(row["a"], "b.1.c.-1") == 3
    fields = Fields(row, {"name": "own"})
    assert (fields["n"], fields["t"], fields["missing"], fields["name[:1]"]) == ("2", "yes", "", "o")
    assert Fields(row)["name[:-5]"] == "train"
    assert paths_of("{x}/{y}.png", Fields({"x": "d", "y": ["1", "2"]})) == ["d/1.png", "d/2.png"]
    assert paths_of("{x}.png", Fields({"x": []})) == []
    with pytest.raises(BadInput, match="different lengths"):
        paths_of("{x}{y}", Fields({"x": ["1", "2"], "y": ["1", "2", "3"]}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["q", "a", "o", "i", "b", "x"]), inner),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JSON, max_size=4))
def test_whatever_stands_there_is_a_sample_or_refused(tmp_path_factory, rows):
    """No row of any shape makes the converter raise, and whatever it yields can be written."""
    root = tmp_path_factory.mktemp("rows")
    (root / "q.json").write_bytes(msgspec.json.encode(rows))
    fields = {
        "question": "q",
        "answer": "a",
        "options": {"at": ["o"]},
        "kind": ["x"],
        "boxes": {"at": "b"},
        "several": "#",
    }
    card = SourceCard(
        source="x", title="x", licence="CC0-1.0", citation="x", modality="other", patient="unknown", verified="layout",
        converter="vqa_table",
        params={"tables": ["q.json"], "pictures": ["{i}"], "questions": fields, "text_only": True},
    )  # fmt: skip
    for one in load_converter("vqa_table").samples(root, card):
        assert isinstance(one, Sample | Refusal)
        msgspec.msgpack.encode(one)


def test_the_published_split_of_tables_named_by_patterns(table) -> None:
    def asked(name: str) -> str:
        return json.dumps([{"image": f"{name}.png", "question": "What?", "answer": "x"}])

    files = {f"{name}.png": None for name in "abcd"} | {
        "one/train.json": asked("a"), "two/test.json": asked("b"), "two/old/test.json": asked("c"),
    }  # fmt: skip
    split = {"train.json": "train", "test.json": "test", "old/*.json": "validation"}
    samples, refusals = table(files, {"split": {"files": split}}, tables=["**/*.json"], pictures=["{image}"])
    assert not refusals
    assert {one.key: one.split for one in samples} == {"a.png": "train", "b.png": "test", "c.png": "validation"}
    split["validation.json"] = "validation"  # not there, and no table is left that could be it
    assert not table(files, {"split": {"files": split}}, tables=["**/*.json"], pictures=["{image}"])[1]


def test_a_published_split_that_no_table_is_of_is_told(table) -> None:
    asked = json.dumps([{"image": "a.png", "question": "What?", "answer": "x"}])
    samples, refusals = table(
        {"a.png": None, "other/testing.json": asked},
        {"split": {"files": {"train.json": "train", "held_out.json": "test"}}},
        tables=["train.json", "**/*.json"], pictures=["{image}"],
    )  # fmt: skip
    assert [(each.unit, each.reason) for each in refusals] == [
        ("held_out.json", "missing_file"), ("train.json", "missing_file"),
    ]  # fmt: skip
    assert [one.split for one in samples] == [None]


def test_a_split_file_is_no_table_of_the_same_name_elsewhere(table) -> None:
    asked = [json.dumps([{"image": f"{name}.png", "question": "What?", "answer": "x"}]) for name in "ab"]
    files = {"a.png": None, "b.png": None, "test.json": asked[0], "more/test.json": asked[1]}
    card = {"split": {"files": {"test.json": "test"}}}
    samples, refusals = table(files, card, tables=["test.json", "more/*.json"], pictures=["{image}"])
    assert not refusals and [one.split for one in samples] == ["test", None]


def test_a_torn_row_of_a_look_up_is_told(table) -> None:
    samples, refusals = table(
        {
            "q.json": json.dumps([{"id": name, "question": "What?", "answer": "x"} for name in "ab"]),
            "files.csv": "id,name\na,a.png\nb\n", "a.png": None,
        },
        tables=["q.json"], pictures=["{seen.name}"], lookups={"seen": {"table": "files.csv", "by": "id", "at": "id"}},
    )  # fmt: skip
    assert [(each.unit, each.reason, each.part) for each in refusals] == [
        ("files.csv#row=1", "bad_row", True), ("q.json#row=1", "no_picture", False),
    ]  # fmt: skip
    assert [one.key for one in samples] == ["a.png"]


def test_a_set_may_have_fewer_options_than_its_card_points_to(table):
    row = {"i": "a.png", "question": "Which?", "answer": "x", "A": "x", "B": "y"}
    samples, refusals = table(
        {"q.json": json.dumps([row]), "a.png": None},
        tables=["q.json"], pictures=["{i}"], questions={"options": {"at": ["A", "B", "C", "D"]}},
    )  # fmt: skip
    assert refusals == [] and samples[0].questions[0].options == ("x", "y")
