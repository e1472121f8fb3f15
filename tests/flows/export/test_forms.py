"""Every format: nothing lost without a word, coordinates that come back, pictures that are there; each read by its own
loader where that runs here."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from datasets import load_dataset

from medloom.flows.export.conventions import Resized
from medloom.flows.export.run import FORMS, export, form_class
from medloom.flows.load import load
from medloom.schemas.errors import CatalogError

HALF = 0.51


@pytest.fixture(scope="module")
def corpus(small_corpus: Path):
    return load(small_corpus)


@pytest.fixture(scope="module")
def truth(corpus):
    """Every record's item by id."""
    return {item.record.id: item for item in corpus}


@pytest.fixture
def exported(small_corpus: Path, tmp_path: Path):
    def run(name: str, **options: object) -> Path:
        export(small_corpus, name, tmp_path / "out", **options)  # type: ignore[arg-type]
        return tmp_path / "out"

    return run


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for path in sorted(out.glob("*.jsonl")) for line in path.read_text().splitlines()]


def lists(out: Path) -> list[dict]:
    named = [path for split in ("train", "validation", "test") if (path := out / f"{split}.json").exists()]
    return [entry for path in named for entry in json.loads(path.read_text())]


@pytest.mark.parametrize("name", [name for name in FORMS if name not in ("trl", "webdataset", "refcoco")])
def test_the_books_close(name: str, exported, corpus) -> None:
    out = exported(name)
    told = json.loads((out / "export.json").read_text())
    held = sum(1 for config in told["configs"] for _ in corpus.records(config))
    assert set(told["configs"]) == set(form_class(name).configs) & set(corpus.configs)
    assert sum(told["records"].values()) + sum(told["left_out"].values()) == held
    assert (out / "NOTICE").read_bytes() == corpus.file("NOTICE").read_bytes()
    for path in out.glob("images/*/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def answers(item) -> list[tuple[float, ...]]:
    """The boxes and points that the assistant's text of a record gives, in its order."""
    found = json.loads(re.search(r"\[(?:\{.*\})?\]$", item.record.turns[-1].text).group())
    return [tuple(one.get("bbox_2d") or one["point_2d"]) for one in found]


def placed(truth) -> dict:
    return {name: item for name, item in truth.items() if '_2d": [' in item.record.turns[-1].text}


def close(found, wanted, step: float) -> bool:
    return len(found) == len(wanted) and all(
        abs(a - b) <= step for one, other in zip(found, wanted, strict=True) for a, b in zip(one, other, strict=True)
    )


def by_id(rows: list[dict]) -> dict[str, str]:
    said = {}
    for row in rows:
        turns = row.get("messages") or row.get("conversations")
        last = turns[-1] if turns else {"content": row["suffix"]}
        said[row["id"]] = last.get("content") or last["value"]
    return said


NUMBERS = {
    "qwen2": (r"<\|box_start\|>(.*?)<\|box_end\|>", r"\d+"),
    "internvl": (r"\[(\d+(?:, \d+)+)\]", r"\d+"),
    "florence": (r"((?:<loc_\d+>)+)", r"(?<=_)\d+"),
}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("llava", None),
        ("qwen", "qwen2.5"),
        ("qwen", "qwen2"),
        ("qwen", "qwen3"),
        ("internvl", None),
        ("florence", None),
    ],
)
def test_coordinates_come_back_within_half_a_step(name: str, model: str | None, exported, truth) -> None:
    out = exported(name, model=model)
    rows = lists(out) if name == "llava" else lines(out)
    said = by_id(rows)
    wanted = placed(truth)
    assert len(wanted) > 60
    for record, item in wanted.items():
        view = item.views[0]
        text = said[record]
        if (model or name) in NUMBERS:
            whole, each = NUMBERS[model or name]
            raw = [tuple(int(n) for n in re.findall(each, one)) for one in re.findall(whole, text)]
            shift = 0.5 if name == "florence" else 0.0
            found = [
                tuple((n + shift) * (view.width, view.height)[i % 2] / 1000 for i, n in enumerate(one)) for one in raw
            ]
            step = HALF * max(view.width, view.height) / 1000 + 0.051
        else:
            parsed = json.loads(re.search(r"\[\{.*\}\]$", text).group())
            raw = [tuple(one.get("bbox_2d") or one["point_2d"]) for one in parsed]
            width, height = {"qwen3": (1000, 1000), "qwen2.5": resized(view)}.get(model, (view.width, view.height))
            scale = (view.width / width, view.height / height)
            found = [tuple(n * scale[i % 2] for i, n in enumerate(one)) for one in raw]
            step = 0.051 if model is None else HALF * max(scale) + 0.051
        assert close(found, answers(item), step), (record, text, item.record.turns[-1].text)


def resized(view) -> tuple[int, int]:
    """What Qwen2.5-VL's own processor makes of a picture of that size, from the grid of patches that it returns."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    made = Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=16384 * 28 * 28)
    picture = np.zeros((view.height, view.width, 3), np.uint8)
    _, down, right = np.asarray(made(images=[picture], return_tensors="np")["image_grid_thw"])[0]
    return int(right) * made.patch_size, int(down) * made.patch_size


def test_a_processor_of_ones_own_is_asked(exported, truth, tmp_path: Path) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=112 * 112).save_pretrained(tmp_path / "small")
    out = exported("qwen", model="qwen2.5", processor=str(tmp_path / "small"))
    numbers = [n for text in by_id(lines(out)).values() for n in re.findall(r"(\d+)[,\]]", text) if "bbox_2d" in text]
    assert 0 < max(map(int, numbers)) < 300
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogError, match="no image processor"):
        Resized(str(tmp_path / "empty"))


@pytest.mark.parametrize("name", ["internvl", "florence", "swift"])
def test_nobody_is_asked_for_json_who_answers_otherwise(name: str, exported) -> None:
    out = exported(name)
    text = "".join(path.read_text() for path in out.glob("*.jsonl"))
    assert "JSON" not in text and "bbox_2d" not in text and "point_2d" not in text


def test_swift_has_as_many_objects_as_placeholders(exported, truth) -> None:
    rows = lines(exported("swift"))
    objects = 0
    for row in rows:
        text = "".join(turn["content"] for turn in row["messages"])
        found = row.get("objects", {"ref": [], "bbox": []})
        assert text.count("<bbox>") == len(found["bbox"]) and text.count("<ref-object>") == len(found["ref"])
        assert text.count("<image>") == len(row["images"])
        objects += len(found["bbox"])
    regions = [item for item in truth.values() if item.record.task == "grounding.region"]
    assert regions and objects == sum(len(answers(item)) for item in placed(truth).values()) + len(regions)


def test_llama_factory_finds_its_files(exported) -> None:
    out = exported("llama_factory")
    info = json.loads((out / "dataset_info.json").read_text())
    assert {entry["file_name"] for entry in info.values()} == {path.name for path in out.glob("*.json")} - {
        "dataset_info.json", "export.json",
    }  # fmt: skip
    for row in lists(out):
        assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"]
        assert row["messages"][0]["content"].count("<image>") == len(row["images"])
        assert all((out / path).is_file() for path in row["images"])


def test_coco_is_read_by_pycocotools_and_holds_each_object_once(exported, truth, capsys) -> None:
    from pycocotools.coco import COCO

    out = exported("refcoco")
    wanted = {
        (item.views[place.view].id, place.concept, place.box)
        for item in truth.values()
        if item.record.config in ("grounding", "reasoning")
        for place in item.record.places
        if place.box is not None
    }
    found = set()
    for path in sorted(out.glob("instances_*.json")):
        coco = COCO(str(path))
        for entry in coco.loadAnns(coco.getAnnIds()):
            image = coco.loadImgs(entry["image_id"])[0]
            category = coco.loadCats(entry["category_id"])[0]
            x, y, width, height = entry["bbox"]
            found.add((image["view"], category["concept"], (x, y, x + width, y + height)))
            assert category["name"] and "_" not in category["name"]
            mask = coco.annToMask(entry)
            assert mask.shape == (image["height"], image["width"])
            if isinstance(entry["segmentation"], dict):
                down, right = np.nonzero(mask)
                assert (right.min(), down.min(), right.max() + 1, down.max() + 1) == (x, y, x + width, y + height)
                assert entry["area"] == mask.sum()
            assert (out / image["file_name"]).is_file()
        for ref in json.loads((out / path.name.replace("instances", "refs")).read_text()):
            assert coco.anns[ref["ann_id"]]["image_id"] == ref["image_id"] and ref["sentences"][0]["tokens"]
    assert found == wanted


def test_trl_sft_is_read_by_datasets_with_a_picture_for_each_part(exported, truth) -> None:
    out = exported("trl_sft")
    read = load_dataset("parquet", data_dir=str(out / "data"))
    rows = [row for split in read.values() for row in split]
    assert {row["id"] for row in rows} == set(truth)
    for row in rows:
        parts = [part for turn in row["prompt"] for part in turn["content"]]
        assert [part["type"] for part in parts].count("image") == len(row["images"]) == 1
        assert "<image>" not in parts[-1]["text"]
        assert row["completion"][0]["content"][0]["text"] == truth[row["id"]].record.turns[-1].text
        assert row["images"][0].size == (truth[row["id"]].views[0].width, truth[row["id"]].views[0].height)


def test_webdataset_reads_its_tars_back_byte_for_byte(exported, truth, small_corpus: Path, tmp_path: Path) -> None:
    import webdataset as wds

    out = exported("webdataset")
    told = json.loads((out / "export.json").read_text())
    files = [str(path) for path in sorted(out.glob("*.tar"))]
    seen = Counter()
    for sample in wds.WebDataset(files, shardshuffle=False):
        about = json.loads(sample["json"])
        record = truth[about["records"][0]]
        assert (sample.get("jpg") or sample["png"]) == record.media[0]
        assert about["captions"][0] == sample["txt"].decode() and about["captions"] == [
            text for name in about["records"] for text in truth[name].record.texts
        ]
        seen.update(about["records"])
    wanted = [name for name, item in truth.items() if item.record.config == "image_text"]
    assert sorted(seen) == sorted(wanted) and set(seen.values()) == {1}
    assert sum(told["records"].values()) == len(wanted)
    export(small_corpus, "webdataset", tmp_path / "again")
    assert [hashlib.sha256(Path(path).read_bytes()).digest() for path in files] == [
        hashlib.sha256(path.read_bytes()).digest() for path in sorted((tmp_path / "again").glob("*.tar"))
    ]


def test_vlmevalkit_tables_hold_pictures_choices_and_answers(exported, truth) -> None:
    out = exported("vlmevalkit")
    csv.field_size_limit(1 << 30)
    kinds = set()
    for path in sorted(out.glob("*.tsv")):
        kinds.add(path.stem.split("_")[-1])
        with path.open(newline="") as file:
            for number, row in enumerate(csv.DictReader(file, delimiter="\t")):
                item = truth[row["record"]]
                assert int(row["index"]) == number
                assert base64.b64decode(row["image"]) == item.media[0]
                if path.stem.endswith("MCQ"):
                    right = next(option for option in item.record.options if option.correct)
                    assert row[row["answer"]] == right.text and right.text not in row["question"].splitlines()
                elif path.stem.endswith("YN"):
                    assert row["answer"] == {"present": "Yes", "absent": "No"}[item.record.polarity]
    assert kinds == {"MCQ", "YN", "VQA"}


def test_medevalkit_rows_have_their_answer_among_the_options(exported) -> None:
    out = exported("medevalkit")
    rows = lists(out)
    assert rows
    for row in rows:
        options = [text for key, text in row.items() if key.startswith("option_")]
        assert row["gt_answer"] in options and len(set(options)) == len(options)
        picture = cv2.imread(str(out / row["image_path"]))
        assert picture is not None


def test_grpo_answers_are_keys_or_texts(exported, truth) -> None:
    for row in lines(exported("grpo")):
        said = re.fullmatch(r"<answer> (.*) </answer>", row["solution"]).group(1)
        answer = truth[row["id"]].record.answer
        assert said == (", ".join(answer.keys) or answer.text) and "<image>" not in row["problem"]


def test_wrong_calls_are_told_before_any_work(small_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="did you mean 'llava'"):
        export(small_corpus, "lava", tmp_path / "x")
    with pytest.raises(CatalogError, match=r"qwen2\.5, qwen2, qwen3"):
        export(small_corpus, "qwen", tmp_path / "x", model="qwen9")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(CatalogError, match="name a new folder"):
        export(small_corpus, "llava", tmp_path / "full")
    assert not (tmp_path / "x").exists()
