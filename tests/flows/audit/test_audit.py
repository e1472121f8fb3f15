"""An audit finds the faults that were put in, in each format, and says nothing of what is sound."""

from __future__ import annotations

import base64
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medloom.flows.audit.read import Found, read_items
from medloom.flows.audit.run import audit, findings_json
from medloom.flows.benchmark import make_index
from medloom.schemas.errors import CatalogError


def found(path, **how):
    result, *_ = audit(path, **how)
    return result, {each.key: each for each in result.findings}


def test_a_known_prior_is_found_and_a_sound_set_is_not_blamed(omni, write):
    _, bad = found(write("known.json", omni(1.0)))
    assert bad["option_prior"].verdict == "bad" and bad["option_prior"].value > 0.95
    assert bad["never_right"].verdict == "bad" and bad["never_right"].value > 0.9
    result, sound = found(write("sound.json", omni(0.0)))
    assert sound["option_prior"].verdict == "fine" and sound["letters"].verdict == "fine"
    assert result.kinds == {"OmniMedVQA questions": 400} and result.missing == 400
    half = found(write("half.json", omni(0.5)))[1]["option_prior"]
    assert half.verdict == "bad" and 0.5 < half.value < 0.8


def test_leaks_copies_tags_and_boxes_of_real_pictures(bccd, write):
    rows, folder = bccd
    test = rows[:3]
    extra = [
        {**rows[4], "id": "a", "image": "small.jpg"},
        {**rows[5], "id": "b", "image": "twin.jpg"},
        {**rows[6], "id": "gone", "image": "gone.jpg"},
    ]
    boxed = [dict(row) for row in rows[7:9]]
    boxed[0]["conversations"] = [rows[0]["conversations"][0], {"from": "gpt", "value": "[10, 10, 5000, 20]"}]
    boxed[1]["conversations"] = [
        {"from": "human", "value": "<image><image>\nWhere?"}, {"from": "gpt", "value": "[30, 30, 30, 30]"}
    ]  # fmt: skip
    train = write("set/train.json", [*rows[3:7], *boxed, *rows[9:], rows[1]])
    write("set/test.json", [*test, *extra])
    result, checks = found(train.parent, images=folder)
    assert result.splits == {"test": 6, "train": 28}
    assert checks["split_leak"].verdict == "bad" and checks["split_leak"].affected == 1
    assert checks["split_copies"].affected == 3  # the same file, the same bytes, the smaller one
    assert checks["copies"].affected == 2
    assert checks["missing"].affected == 1 and checks["missing"].verdict == "look"
    assert checks["tags"].affected == 1
    assert checks["boxes"].affected == 1 and checks["boxes_outside"].affected == 1
    assert checks["licence"].verdict == "look"


def test_preferences_that_length_tells_apart(write):
    rows = [
        {
            "prompt": [{"role": "user", "content": f"What is seen in film {number}?"}],
            "chosen": [{"role": "assistant", "content": "effusion"}],
            "rejected": [
                {"role": "assistant", "content": "There is a large mass that contradicts the original report."}
            ],
            "images": [f"{number}.png"],
        }
        for number in range(100)
    ]
    _, checks = found(write("dpo.json", rows))
    assert checks["preference_length"].verdict == "bad" and checks["preference_length"].value == 1.0
    assert checks["preference_ratio"].affected == 100
    assert checks["preference_meta"].affected == 100


def test_texts_with_residue_and_identifiers(write):
    rows = [{"question": f"What is number {n}?", "answer": "A mass.", "image": f"{n}.png"} for n in range(60)]
    rows[3]["answer"] = "Mass &amp; effusion"
    rows[4]["question"] = "What did Dr. John Miller find on 03/04/2019?"
    rows[5]["image"] = "pleural_effusion/5.png"
    rows[5]["answer"] = "Pleural effusion"
    _, checks = found(write("text.json", rows))
    assert checks["residue"].affected == 1
    assert checks["identifiers"].affected == 1
    assert checks["label_in_path"].affected == 1


def test_reads_what_is_published(write, tmp_path, data_dir):
    def first(path):
        return next(read_items(path, Found()))

    row = {"image": "x.png", "problem": "Which?\nA)lung, B)heart, C)skin", "solution": "<answer> B </answer>"}
    item = first(write("r1.json", [row]))
    assert (item.question, item.options, item.right, item.answer) == ("Which?", ("lung", "heart", "skin"), 1, "heart")
    picture = base64.b64encode(b"x" * 600).decode()
    (tmp_path / "mm.tsv").write_text(f"index\timage\tquestion\tA\tB\tanswer\n7\t{picture}\tWhich?\tone\ttwo\tB\n")
    item = first(tmp_path / "mm.tsv")
    assert (item.id, item.options, item.right, item.inline) == ("7", ("one", "two"), 1, (b"x" * 600,))
    table = pa.table({"image": [{"bytes": b"abc", "path": "p.png"}], "question": ["What?"], "answer": ["yes"]})
    pq.write_table(table, tmp_path / "hf.parquet")
    item = first(tmp_path / "hf.parquet")
    assert (item.pictures, item.inline, item.answer) == (("p.png",), (b"abc",), "yes")
    result, checks = found(data_dir / "vqa_json_noimages")
    assert result.kinds["PathVQA questions"] == 400 and result.kinds["questions and answers"] > 490
    assert result.missing > 500 and checks["missing"].verdict == "look"


def test_what_cannot_be_read_is_told(write, tmp_path):
    write("bad/odd.json", [{"colour": 1}])
    (tmp_path / "bad" / "torn.json").write_text('[{"question": ')
    with pytest.raises(CatalogError, match="nothing here is a corpus"):
        audit(tmp_path / "bad")
    write("bad/good.json", [{"question": "What?", "answer": "that", "image": "a.png"}, {"question": 5, "answer": None}])
    result, _ = found(tmp_path / "bad")
    assert len(result.unread) == 2 and result.items == 2


def test_overlap_with_a_benchmark_by_an_index_without_its_content(bccd, write, tmp_path):
    rows, folder = bccd
    exam = write(
        "exam/exam.json",
        [{"question": "How many of the round pale cells do you see here?", "answer": "3", "image": "005.jpg"}],
    )
    (exam.parent / "005.jpg").write_bytes((folder / "005.jpg").read_bytes())
    index = tmp_path / "exam.index.parquet"
    about, broken = make_index(str(exam.parent), index, "Exam", "CC0-1.0")
    assert (about.pictures, about.texts, broken) == (1, 1, 0)
    asked = dict(rows[9])
    asked["conversations"] = [
        {"from": "human", "value": "<image>\nHow many of the round, pale cells do you see here?"},
        rows[9]["conversations"][1],
    ]
    result, checks = found(write("train.json", [*rows[:9], asked]), images=folder, against=[index])
    overlap = checks["benchmark.exam"]
    assert overlap.verdict == "bad" and overlap.affected == 2  # picture 5, and the question of 9
    assert b"white cells" not in findings_json(result) and json.loads(findings_json(result))["items"] == 10


def test_the_command_ends_with_its_verdict(omni, write, tmp_path):
    from typer.testing import CliRunner

    from medloom.flows.cli import app

    path = write("known.json", omni(1.0))
    done = CliRunner().invoke(app, ["audit", str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1 and "option prior" in done.stdout
    assert (tmp_path / "out" / "audit.json").exists()
    done = CliRunner().invoke(app, ["audit", str(path), "--out", str(tmp_path / "out"), "--fail-on", "never"])
    assert done.exit_code == 0
