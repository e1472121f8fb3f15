"""Benchmarks: VLMEvalKit's TSV, and the question files that MedEvalKit reads as OmniMedVQA."""

from __future__ import annotations

import base64
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from medloom.flows.export.form import Form, LeftOut, LineForm, Options, picture_of, question_of
from medloom.flows.load import Item, Row, items_of
from medloom.flows.naming import modality_name, record_type

LETTERS = "ABCDEFGH"


def choices(item: Item) -> tuple[str, dict[str, str]]:
    """The question without its options, and the options by letter."""
    asked = question_of(item)
    options = item.record.options
    if not options:
        return asked, {}
    lines = {f"{option.key}. {option.text}" for option in options}
    stem = "\n".join(line for line in asked.splitlines() if line not in lines)
    return stem.strip(), {option.key: option.text for option in options}


class VlmEvalKit(Form):
    """``medloom_<split>_<kind>.tsv``: index, image (base64), question, A…, answer; one file for choices, for yes and no
    and for open questions, since VLMEvalKit scores a file one way. Several pictures are a list of base64 texts.
    """

    name = "vlmevalkit"
    title = "VLMEvalKit TSV"
    configs = ("vqa", "reasoning")
    kinds = {"single": "MCQ", "closed": "YN", "open": "VQA", "numeric": "VQA"}  # noqa: RUF012

    def __init__(self, out: Path, options: Options) -> None:
        super().__init__(out, options)
        self._files: dict[str, tuple[IO[str], Any, int]] = {}

    def add(self, row: Row) -> None:
        for item in items_of(row):
            try:
                self._row(item, row.split)
            except LeftOut as reason:
                self.left_out[str(reason)] += 1

    def _row(self, item: Item, split: str) -> None:
        record = item.record
        kind = self.kinds.get(record.form)
        if kind is None or record.answer is None:
            raise LeftOut(f"questions of the form {record.form}, which VLMEvalKit doesn't score")
        question, options = choices(item)
        if len(options) > len(LETTERS):
            raise LeftOut(f"more than {len(LETTERS)} options")
        pictures = [base64.b64encode(picture_of(item, number)).decode() for number in range(len(item.views))]
        said = record.answer.keys[0] if kind == "MCQ" else record.answer.text
        if kind == "YN":
            said = "Yes" if record.polarity == "present" else "No"
        name = f"medloom_{split}_{kind}"
        file, writer, index = self._files.get(name) or self._begin(name)
        shown = pictures[0] if len(pictures) == 1 else str(pictures)
        letters = [options.get(letter, "") for letter in LETTERS] if kind == "MCQ" else []
        about = [record_type(record.type), modality_name(item.views[0].acquisition.modality) if item.views else ""]
        writer.writerow([index, shown, question, *letters, said, *about, split, record.id])
        self._files[name] = (file, writer, index + 1)
        self.written[split] += 1

    def _begin(self, name: str) -> tuple[IO[str], Any, int]:
        file = (self.out / f"{name}.tsv").open("w", encoding="utf-8", newline="")
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        letters = list(LETTERS) if name.endswith("MCQ") else []
        writer.writerow(
            ["index", "image", "question", *letters, "answer", "category", "l2-category", "split", "record"]
        )
        return file, writer, 0

    def close(self) -> None:
        for file, _, _ in self._files.values():
            file.close()


class MedEvalKit(LineForm):
    """A list of single choices with the keys of OmniMedVQA, which MedEvalKit loads: question_id, question, gt_answer,
    option_A … option_D, image_path, dataset, question_type, modality_type."""

    name = "medevalkit"
    title = "MedEvalKit (OmniMedVQA)"
    configs = ("vqa",)
    array = True

    def line(self, item: Item, paths: Sequence[str]) -> dict[str, Any]:
        record = item.record
        if record.form != "single" or len(paths) != 1:
            raise LeftOut("not a single choice about one picture")
        question, options = choices(item)
        if len(options) > 4:
            raise LeftOut("more than 4 options")
        right = next(option.text for option in record.options if option.correct)
        return {
            "dataset": record.source,
            "question_id": record.id,
            "question_type": record_type(record.type),
            "question": question,
            "gt_answer": right,
            "image_path": paths[0],
            **{f"option_{letter}": text for letter, text in options.items()},
            "modality_type": modality_name(item.views[0].acquisition.modality),
        }
