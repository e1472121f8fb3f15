"""A small corpus's figures, with pictures drawn here and records built from the schemas."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace

import cv2
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Features
from pycocotools import mask as coco

from medloom.flows.features import features
from medloom.flows.figures import (
    Balance,
    Cell,
    Check,
    ConfigFiles,
    CorpusFigures,
    DropExample,
    Example,
    FunnelStep,
    Letter,
    LicenceRow,
    QuarantineCount,
    QuarantineRow,
    RunFacts,
    Shard,
    SourceFigures,
    SplitClash,
    SplitRow,
    Version,
)
from medloom.flows.histogram import histogram
from medloom.flows.shard_table import row_schema
from medloom.schemas.record import Answer, Fact, Measurement, Option, Place, Record, Turn
from medloom.schemas.sample import Acquisition, Rle
from medloom.schemas.view import Derivation, View

EVIL = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">\'"&|`'
"""A label as a stranger may write it."""


def ellipse(shape, centre, axes, angle=0):
    """A filled ellipse as a boolean mask; centre and axes in pixels as (x, y)."""
    canvas = np.zeros(shape, np.uint8)
    cv2.ellipse(canvas, centre, axes, angle, 0, 360, 1, -1, cv2.LINE_8)
    return canvas.astype(bool)


def abdomen(rng):
    """A CT-like slice, 300 wide and 240 high, with a liver and a lesion: (pixels, liver mask, lesion mask)."""
    shape = (240, 300)
    body = ellipse(shape, (150, 125), (135, 100))
    liver = ellipse(shape, (100, 105), (62, 55), 20) & body
    lesion = ellipse(shape, (88, 100), (17, 12), 30)
    picture = np.full(shape, 12.0)
    picture[body] = 95
    picture[ellipse(shape, (150, 125), (122, 88))] = 125
    picture[liver] = 165
    picture[ellipse(shape, (215, 110), (35, 42), -15)] = 150
    picture[ellipse(shape, (150, 175), (22, 20))] = 235
    picture[ellipse(shape, (150, 140), (12, 11))] = 178
    picture[lesion] = 112
    picture = cv2.GaussianBlur(picture + rng.normal(0, 9, shape), (0, 0), 1.1)
    return picture.clip(0, 255).astype(np.uint8), liver, lesion


def chest(rng):
    """A radiograph-like picture, 420 × 400, and the boxes of its two lungs."""
    shape = (400, 420)
    picture = np.full(shape, 60.0)
    picture[ellipse(shape, (210, 230), (190, 210))] = 185
    right, left = ellipse(shape, (130, 200), (62, 125), 4), ellipse(shape, (290, 205), (58, 120), -4)
    picture[right | left] = 70
    picture[ellipse(shape, (235, 255), (62, 55), 25)] = 205
    for rib in range(9):
        for centre in (130, 290):
            cv2.ellipse(picture, (centre, 60 + rib * 34), (95, 26), 0, 190, 350, 150.0, 5, cv2.LINE_AA)
    picture[ellipse(shape, (120, 275), (24, 20))] = 160
    picture = cv2.GaussianBlur(picture + rng.normal(0, 10, shape), (0, 0), 2.2)
    return picture.clip(0, 255).astype(np.uint8), [box_of(right), box_of(left)]


def blood(rng):
    """A smear-like picture, 320 × 240, and the boxes of its cells."""
    picture = np.full((240, 320, 3), (214, 205, 236), np.float32)
    boxes = []
    for column in range(6):
        for row in range(4):
            x, y = 30 + column * 52 + int(rng.integers(-9, 10)), 34 + row * 56 + int(rng.integers(-9, 10))
            radius = int(rng.integers(17, 22))
            cv2.circle(picture, (x, y), radius, (150, 132, 222), -1, cv2.LINE_AA)
            cv2.circle(picture, (x, y), radius // 2, (185, 170, 232), -1, cv2.LINE_AA)
            boxes.append(tuple(float(v) for v in (x - radius, y - radius, x + radius, y + radius)))
    picture = cv2.GaussianBlur(picture + rng.normal(0, 4, picture.shape), (0, 0), 0.8)
    return picture.clip(0, 255).astype(np.uint8), boxes


def box_of(mask):
    ys, xs = np.nonzero(mask)
    return (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))


def rle_of(mask):
    found = coco.encode(np.asfortranarray(mask, np.uint8))
    return Rle(size=tuple(found["size"]), counts=found["counts"].decode())


def stored(source, pixels, name, format_="png", **facts):
    """(view, bytes) of a picture as a build stores it."""
    data = cv2.imencode(".png" if format_ == "png" else ".jpg", pixels)[1].tobytes()
    digest = hashlib.sha256(data).hexdigest()
    height, width = pixels.shape[:2]
    return View(
        id=digest[:32], source=source, sample=name, media="image", source_file=f"{name}.{format_}",
        source_sha256=digest, sha256=digest, phash=digest[:16], format=format_, width=width, height=height,
        bytes=len(data), passthrough=True, **facts,
    ), data  # fmt: skip


def record(number, source, view, **facts):
    text = {"id": hashlib.sha256(f"{source}/{number}".encode()).hexdigest()[:32], "sample": view.sample}
    shared = {"template": f"{facts['task']}/v1", "licence": "CC-BY-4.0", "views": (view.id,), "patient": "p1"}
    return Record(source=source, **(text | shared | facts))


def asked(question, answer):
    return (Turn(role="user", text=f"<image>\n{question}"), Turn(role="assistant", text=answer))


def fact(concept, predicate="is seen", file="labels/case_1.nii.gz", pointer="value=3;component=1", **more):
    return Fact(concept=concept, predicate=predicate, file=file, pointer=pointer, **more)


def draw_examples():
    """Examples of seven tasks on three drawn pictures, one of them with a stranger's words."""
    rng = np.random.default_rng(7)
    ct, liver, lesion = abdomen(rng)
    slice_, slice_bytes = stored(
        "phantom_clinic", ct, "case_1", spacing_mm=(1.5, 1.2), orientation=("L", "P"),
        derivation=Derivation(plane="axial", slice_index=34, window=(40.0, 400.0)),
        acquisition=Acquisition(modality="ct"),
    )  # fmt: skip
    xray, lungs = chest(rng)
    film, film_bytes = stored("chest_films", xray, "film_1", "jpeg", acquisition=Acquisition(modality="xray"))
    smear, cells = blood(rng)
    field, field_bytes = stored("blood_cells", smear, "smear_1", "jpeg", acquisition=Acquisition(modality="microscopy"))
    long_axis = Measurement(name="long axis", value=40.73219, unit="mm", method="Feret diameter, RECIST 1.1", fact=0)
    plan = [
        (slice_, slice_bytes, record(
            1, "phantom_clinic", slice_, config="grounding", task="grounding.mask", type=11, split="train",
            turns=asked("Outline the liver and the lesion in it.", "The liver and one hypodense lesion."),
            places=(Place(concept="liver", rle=rle_of(liver), box=box_of(liver), fact=0),
                    Place(concept="liver_lesion", rle=rle_of(lesion), box=box_of(lesion), fact=1)),
            evidence=(fact("liver"), fact("liver_lesion", pointer="value=4;component=1"),
                      fact("spleen", pointer="value=1"), fact("liver_cyst", polarity="absent", pointer="value=9")),
        )),
        (slice_, slice_bytes, record(
            2, "phantom_clinic", slice_, config="vqa", task="measurement.size", type=15, split="train", form="numeric",
            turns=asked("How long is the lesion along its longest axis?", "40.7 mm"),
            answer=Answer(text="40.7 mm", number=40.73219, unit="mm", variants=("4.1 cm",)), measurements=(long_axis,),
            places=(Place(concept="liver_lesion", box=box_of(lesion), fact=0, role="context"),),
            evidence=(fact("liver_lesion", "has long axis", number=40.73219, unit="mm"),),
        )),
        (film, film_bytes, record(
            3, "chest_films", film, config="grounding", task="grounding.box", type=10, split="validation",
            turns=asked("Where are the lungs?", "The right lung and the left lung are marked."),
            places=tuple(Place(concept=name, box=box, fact=at)
                         for at, (name, box) in enumerate(zip(("right_lung", "left_lung"), lungs, strict=True))),
            evidence=(fact("right_lung", file="annotations.json", pointer="id=11"),
                      fact("left_lung", file="annotations.json", pointer="id=12")),
        )),
        (film, film_bytes, record(
            4, "chest_films", film, config="vqa", task="vqa.single", type=6, split="validation", form="single",
            turns=asked("Which finding is shown?\nA. pneumothorax\nB. pneumonia\nC. fracture\nD. mass", "B"),
            options=tuple(Option(key=key, text=text, concept=text, correct=key == "B") for key, text in
                          zip("ABCD", ("pneumothorax", "pneumonia", "fracture", "mass"), strict=True)),
            answer=Answer(text="pneumonia", keys=("B",)), reason="There is an opacity in the right lower zone.",
            evidence=(fact("pneumonia", file="metadata.csv", pointer="row=12,column=finding"),),
        )),
        (field, field_bytes, record(
            5, "blood_cells", field, config="grounding", task="counting", type=16, split="test", form="numeric",
            turns=asked("How many red blood cells are there?", "24"), answer=Answer(text="24", number=24.0),
            places=tuple(Place(concept="red_blood_cell", box=box, fact=0) for box in cells),
            evidence=(fact("red_blood_cell", "is counted", number=24.0, file="smear_1.xml", pointer="object"),),
        )),
        (field, field_bytes, record(
            6, "blood_cells", field, config="image_text", task="caption", type=1, split="test", licence="MIT",
            turns=(Turn(role="user", text="<image>"),
                   Turn(role="assistant", text="A blood smear with red blood cells.")),
            texts=("A blood smear with red blood cells.", "Microscopy of peripheral blood, many red blood cells."),
            evidence=(fact("red_blood_cell", file="Annotations/smear_1.xml", pointer="object[0]"),),
        )),
        (field, field_bytes, record(
            7, "blood_cells", field, config="vqa", task="vqa.open", type=5, split="train", form="open",
            turns=asked(f"What is marked? {EVIL}", EVIL), answer=Answer(text=EVIL, variants=(EVIL,)),
            options=(Option(key="A", text=EVIL, concept=EVIL, correct=True),), reason=EVIL, texts=(EVIL, EVIL),
            places=(Place(concept=EVIL, box=cells[0], fact=0, role="prompt"),
                    Place(concept="pointed", point=(300.0, 30.5), fact=0)),
            evidence=(fact(EVIL, EVIL, file=EVIL, pointer=EVIL, value="evil\u202etxt.\udcff\x00"),),
        )),
    ]  # fmt: skip
    return tuple(Example(record=made, views=(view,), pictures=(data,)) for view, data, made in plan)


def shares(total):
    """Eight tenths, one tenth, the rest."""
    return total * 8 // 10, total // 10, total - total * 8 // 10 - total // 10


def draw_figures(examples=None):
    """Figures whose books close, over three sources of which one is a phantom."""
    rng = np.random.default_rng(11)
    cells = tuple(
        Cell(source=source, task=task, type=type_, config=config, split=split, modality=modality, records=count)
        for source, modality, tasks in (
            ("phantom_clinic", "ct", (("grounding.mask", 11, "grounding", 300), ("measurement.size", 15, "vqa", 180))),
            ("chest_films", "xray", (("grounding.box", 10, "grounding", 52), ("vqa.single", 6, "vqa", 104))),
            ("blood_cells", "microscopy",
             (("counting", 16, "grounding", 720), ("caption", 1, "image_text", 364), ("vqa.open", 5, "vqa", 80))),
        )
        for task, type_, config, total in tasks
        for split, count in zip(("train", "validation", "test"), shares(total), strict=True)
    )  # fmt: skip
    made = {"phantom_clinic": 500, "chest_films": 200, "blood_cells": 1200}
    kept = {name: sum(cell.records for cell in cells if cell.source == name) for name in made}
    total = sum(kept.values())
    names = ("train", "validation", "test")
    splits = {name: sum(cell.records for cell in cells if cell.split == name) for name in names}
    lost = {name: made[name] - kept[name] for name in made}
    refused = {"phantom_clinic": {}, "chest_films": {"truncated": 2, EVIL: 1}, "blood_cells": {"outside_picture": 3}}
    listed = {"phantom_clinic": 40, "chest_films": 55, "blood_cells": 367}
    titles = ("Phantom clinic, seed 7", "Chest films with lung boxes", f"Blood cells {EVIL}")
    all_made = sum(made.values())
    steps = (
        FunnelStep(stage="list", name="listed", unit="samples", kept=456,
                   dropped={"truncated": 2, EVIL: 1, "outside_picture": 3}),
        FunnelStep(stage="convert", name="pictures made", unit="views", kept=520, dropped={"too_small": 4}),
        FunnelStep(stage="synthesize", name="records made", unit="records", kept=all_made),
        FunnelStep(stage="filter", name="structure", unit="records", kept=all_made),
        FunnelStep(stage="filter", name="geometry", unit="records", kept=all_made),
        FunnelStep(stage="filter", name="image", unit="records", kept=all_made),
        FunnelStep(stage="filter", name="text", unit="records", kept=all_made),
        FunnelStep(stage="filter", name="prompt and answer match", unit="records", kept=all_made),
        FunnelStep(stage="filter", name="near duplicates", unit="records", kept=all_made - 40,
                   dropped={"near_duplicate": 40},
                   examples=(DropExample(id="0a1b2c", reason="near_duplicate", detail="distance 2 to 9f8e7d"),)),
        FunnelStep(stage="filter", name=EVIL, unit="records", kept=total,
                   dropped={EVIL: all_made - 40 - total - 7, "letter_balance": 7},
                   examples=(DropExample(id=EVIL, reason=EVIL, detail=EVIL),)),
    )  # fmt: skip
    sizes = rng.integers(240, 900, 500)
    return CorpusFigures(
        corpus="drawn_clinic", version="1.2.0", title="Drawn clinic and blood smears",
        description="Three small sources woven into captions, questions, boxes, masks and measurements.",
        release_licence="CC-BY-4.0", pictures=516, records=total, patients=311, funnel=steps,
        sources=tuple(
            SourceFigures(source=name, title=title, modalities=(modality,), phantom=name == "phantom_clinic",
                          listed=listed[name], samples=listed[name] - sum(refused[name].values()),
                          refused=refused[name],
                          records_made=made[name], records=kept[name], dropped={"filter": lost[name]},
                          pictures=pictures, bytes=size, patients=patients, description=f"{title}.", anatomy="abdomen")
            for name, title, modality, pictures, size, patients in zip(
                made, titles, ("ct", "xray", "microscopy"), (104, 48, 364), (9_300_000, 5_100_000, 7_420_000),
                (26, 29, None), strict=True)
        ),
        cells=cells,
        histograms=tuple(filter(None, (
            histogram(sizes, name="width", title="Picture width", unit="px"),
            histogram(sizes * 0.8, name="height", title="Picture height", unit="px"),
            histogram(rng.lognormal(10.5, 0.7, 500), name="bytes", title="Picture size", unit="bytes", log=True),
            histogram(rng.integers(18, 140, 900), name="question", title="Question length", unit="characters"),
            histogram(rng.geometric(0.2, 900), name="answer", title="Answer length", unit="words"),
            histogram(rng.integers(0, 14, 500), name="boxes", title="Boxes per picture"),
            histogram(rng.beta(1.2, 9, 1500), name="box_area", title="Box area as a share of the picture"),
        ))),
        balance=(Balance(concept="pneumonia", yes=24, no=26), Balance(concept="liver_lesion", yes=60, no=31),
                 Balance(concept=EVIL, yes=3, no=4)),
        letters=tuple(Letter(letter=letter, correct=count, expected=26.0)
                      for letter, count in zip("ABCD", (27, 24, 30, 23), strict=True)),
        licences=(
            LicenceRow(source="phantom_clinic", title=titles[0], licence="CC0-1.0", citation="Made by medloom.",
                       phantom=True, samples=40, records=kept["phantom_clinic"]),
            LicenceRow(source="chest_films", title=titles[1], licence="CC-BY-4.0", samples=52,
                       records=kept["chest_films"],
                       citation="Author A, Author B. Chest films with boxes. Journal of Films 2020.",
                       homepage="https://example.org/chest-films", notice="Attribution: Author A and Author B."),
            LicenceRow(source="blood_cells", title=titles[2], licence="MIT", samples=364, records=kept["blood_cells"],
                       citation=f"Blood cells. {EVIL}", homepage="https://example.org/blood",
                       notice="Copyright (c) 2017 The authors\n\nPermission is hereby granted, free of charge, ..."),
        ),
        quarantine=(
            QuarantineRow(source="chest_films", unit="film_9", file="images/film_9.jpg", stage="list",
                          reason="truncated",
                          detail="1,204 bytes, the header states 64,311"),
            QuarantineRow(source="chest_films", unit="film_10", file="images/film_10.jpg", stage="list",
                          reason="truncated",
                          detail="0 bytes"),
            QuarantineRow(source="chest_films", unit=EVIL, file=EVIL, stage="convert", reason=EVIL, detail=EVIL),
            *(QuarantineRow(source="blood_cells", unit=f"smear_{number}", file=None, stage="convert",
                            reason="outside_picture", detail="box 300, 20, 340, 60 in a picture 320 wide")
              for number in range(3)),
        ),
        quarantine_counts=(
            QuarantineCount(source="chest_films", stage="list", reason="truncated", count=2),
            QuarantineCount(source="chest_films", stage="convert", reason=EVIL, count=1),
            QuarantineCount(source="blood_cells", stage="convert", reason="outside_picture", count=3),
        ),
        splits=tuple(SplitRow(split=name, patients=patients, samples=samples, pictures=pictures, records=splits[name])
                     for name, patients, samples, pictures in
                     (("train", 249, 365, 413), ("validation", 31, 46, 52), ("test", 31, 45, 51))),
        clashes=(SplitClash(group="3fa9c1", reason="near-duplicate pictures", splits=("train", "test"), resolved="test",
                            detail="2 pictures of chest_films"),),
        examples=draw_examples() if examples is None else examples,
        checks=(Check(name="No patient is in two splits", passed=True, detail="311 groups"),),
        concepts={"liver": "liver", "liver_lesion": "liver lesion", "right_lung": "right lung",
                  "left_lung": "left lung",
                  "red_blood_cell": "red blood cell", "pneumonia": "pneumonia"},
        configs=(),
        deidentification=("Patient ids are replaced by digests.", "No DICOM header reaches a record."),
        notes=("The source names no patient in blood_cells: every picture is its own group.",),
        versions=(Version(kind="medloom", name="medloom", version="0.1.0"),
                  Version(kind="converter", name="coco", version="1"),
                  Version(kind="task", name="caption", version="2")),
        run=RunFacts(seconds=83.4, workers=2, peak_memory_bytes=812_000_000, partitions=7, resumed=2,
                     stage_seconds={"convert": 31.2, "synthesize": 12.0}),
    )  # fmt: skip


@pytest.fixture(scope="session")
def figures() -> CorpusFigures:
    return draw_figures()


@pytest.fixture(scope="session")
def evil() -> str:
    return EVIL


@pytest.fixture(scope="session")
def drawing():
    """The functions above, for tests that draw their own."""
    return SimpleNamespace(stored=stored, box_of=box_of, rle_of=rle_of, record=record, asked=asked, fact=fact)


@pytest.fixture(scope="session")
def corpus_dir(figures, tmp_path_factory):
    """The drawn corpus on disk: real shards of the published row, and figures that describe them."""
    folder = tmp_path_factory.mktemp("corpus")
    written = features(row_schema("vqa"))
    described = Features.from_dict(written)
    schema = row_schema("vqa").with_metadata({b"huggingface": json.dumps({"info": {"features": written}})})
    configs = []
    for config in ("image_text", "vqa", "grounding"):
        examples = [each for each in figures.examples[:6] if each.record.config == config]
        shards = []
        for split in ("train", "validation", "test"):
            rows = [published(each) for each in examples if each.record.split == split]
            if not rows:
                continue
            table = pa.Table.from_pylist(rows, schema)
            path = folder / "data" / config / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path)
            shards.append(Shard(path=path.relative_to(folder).as_posix(), split=split, rows=len(rows),
                                sha256=hashlib.sha256(path.read_bytes()).hexdigest(), bytes=path.stat().st_size,
                                arrow_bytes=table.nbytes))  # fmt: skip
        configs.append(ConfigFiles(config=config, features=described._to_yaml_list(), shards=tuple(shards)))
    return folder, msgspec.structs.replace(figures, configs=tuple(configs))


def published(example):
    """One row of the published shards."""
    record, (view,), (data,) = example.record, example.views, example.pictures
    return {
        "id": f"row-{record.id[:8]}", "images": [{"bytes": data, "path": f"{view.id}.png"}], "source": record.source,
        "sample": record.sample, "patient": record.patient, "split": record.split, "licence": record.licence,
        "modality": view.acquisition.modality, "access": record.access,
        "views": [msgspec.to_builtins(view)], "records": [msgspec.to_builtins(record)],
    }  # fmt: skip
