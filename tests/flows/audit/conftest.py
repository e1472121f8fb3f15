"""Public-style files with known faults, made of real pictures where there are any."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest


@pytest.fixture
def write(tmp_path):
    """Writes JSON below a fresh folder."""

    def written(name, rows):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows), encoding="utf-8")
        return path

    return written


@pytest.fixture
def omni():
    """OmniMedVQA style: 400 questions, `known` of them with wrong options that are never right."""

    def made(known, count=400, seed=0):
        draw = np.random.default_rng(seed)
        right = ["adenocarcinoma", "squamous cell carcinoma", "normal tissue", "large cell carcinoma"]
        rows = []
        for number in range(count):
            answer = right[int(draw.integers(4))]
            others = [text for text in right if text != answer]
            if number < known * count:
                others = [f"entity {int(draw.integers(90))}-{side}" for side in range(3)]
            options = [str(text) for text in draw.permutation([answer, *others])]
            rows.append(
                {
                    "dataset": "Chest CT",
                    "question_id": f"q{number}",
                    "question": "What does this image show?",
                    "gt_answer": answer,
                    "image_path": f"Images/{number}.png",
                    **{f"option_{'ABCD'[place]}": text for place, text in enumerate(options)},
                }
            )
        return rows

    return made


@pytest.fixture
def bccd(data_dir, tmp_path):
    """(LLaVA rows, their folder) of 30 real blood smears, of which some are copies with known faults."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rows = []
    for number, file in enumerate(sorted((data_dir / "bccd_voc").rglob("*.jpg"))[:30]):
        name = f"{number:03}.jpg"
        (folder / name).write_bytes(file.read_bytes())
        rows.append(talk(name, "How many white cells are there?", str(number % 3)))
    small = cv2.resize(cv2.imread(str(folder / "004.jpg")), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "small.jpg"), small)
    (folder / "twin.jpg").write_bytes((folder / "005.jpg").read_bytes())
    return rows, folder


def talk(image, question, answer, tags="<image>"):
    turns = [{"from": "human", "value": f"{tags}\n{question}"}, {"from": "gpt", "value": answer}]
    return {"id": image, "image": image, "conversations": turns}
