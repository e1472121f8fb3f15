"""Small corpora that are built for real: pictures drawn from a seed, in class folders, and questions in their askers'
own words about others of which only an index, or only text, may be passed on."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from medloom.flows.run import run_build

CLASSES = ("nevus", "melanoma")
SPLITS = ("train",) * 6 + ("validation", "test")
CARD = """\
source: {name}
title: Drawn pictures {name}
licence: {licence}
access: {access}
citation: Drawn by a test.
modality: dermoscopy
converter: {converter}
params: {params}
redistribute: {redistribute}
patient: {patient}
split: {split}
exhaustive: {{labels: true}}
labels: {{nevus: melanocytic_naevus, melanoma: melanoma}}
verified: layout
"""
CATALOG = """\
corpus: drawn
version: {version}
title: Drawn pictures
release: {{licence: CC-BY-4.0, to: public}}
sources:
{sources}
tasks: [{tasks}]
filters: [structure]
split: {{by: patient, respect_published: true}}
shards: {{rows: 8}}
gate: {{run: false}}
"""


def draw(seed: int, path: Path, size: int = 160) -> None:
    """A smooth picture that no other seed gives."""
    noise = np.random.default_rng(seed).normal(0, 1, (size, size, 3)).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), 6)
    field = (field - field.min()) / (field.max() - field.min()) * 255 + noise * 6
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), field.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])


def draw_folders(root: Path, numbers: range, seed: int = 0, size: int = 160) -> None:
    """ROOT/<split>/<class>/D<number>_a.jpg; the split and the class follow from the number."""
    for number in numbers:
        draw(seed * 1000 + number, root / SPLITS[number % 8] / CLASSES[number % 2] / f"D{number:03d}_a.jpg", size)


WHERE = ("upper left", "upper right", "lower left", "lower right")


def draw_questions(root: Path, numbers: range, seed: int, word: str) -> None:
    """ROOT/asked.json and ROOT/pictures: questions and answers as people wrote them."""
    rows = []
    for number in numbers:
        draw(seed * 1000 + number, root / "pictures" / f"{number:03d}.jpg")
        rows.append({
            "image": f"{number:03d}.jpg", "patient": f"p{number}", "split": SPLITS[number % 8],
            "question": f"My dear colleague, what do you make of the {word} stain number {number} in this picture?",
            "answer": f"I should say it is a {word} of the {WHERE[number % 4]} kind, seen on day {number}",
        })  # fmt: skip
    (root / "asked.json").write_text(json.dumps(rows))


def write_catalog(folder: Path, version: str, **sources: str) -> Path:
    """A catalog over FOLDER/<name>; each source's value is what may be passed on of it, or its access or licence."""
    uses = []
    for name, terms in sources.items():
        asked = (folder / name / "asked.json").exists()
        card = CARD.format(
            name=name,
            licence=terms if terms.startswith(("CC", "Lic")) else "CC-BY-4.0",
            access=terms if terms == "credentialed" else "open",
            redistribute=terms if terms in ("text", "index") else "bytes",
            converter="vqa_table" if asked else "class_folders",
            params='{tables: [asked.json], pictures: ["pictures/{image}"], questions: '
            "{question: question, answer: answer, origin: people, language: en}}" if asked else "{}",
            patient="{column: patient}" if asked else r"{match: '/(D\d+)_[a-z]\.jpg$'}",
            split="{column: split, values: {train: train, validation: validation, test: test}}" if asked
            else "{folders: {train: train, validation: validation, test: test}}",
        )  # fmt: skip
        (folder / "sources").mkdir(exist_ok=True)
        (folder / "sources" / f"{name}.yaml").write_text(card)
        uses.append(f"  - {{use: {name}, path: {name}}}")
    path = folder / f"catalog-{version}.yaml"
    tasks = ["caption"] + (["vqa.closed"] if any((folder / name / "train").exists() for name in sources) else [])
    tasks += ["question.given"] if any((folder / name / "asked.json").exists() for name in sources) else []
    path.write_text(CATALOG.format(version=version, sources="\n".join(uses), tasks=", ".join(tasks)))
    return path


def build(catalog: Path, out: Path, follows: Path | None = None) -> Path:
    """Builds in this process; what was done before for this catalog's folder isn't done again."""
    run_build(catalog, out, work=catalog.parent / "work", resume=True, follows=follows)
    return out
