"""`cells_masks`, `cells_colour`, `cells_voc` and `cells_yolo`: cells in the four layouts that mark them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np

from medloom.converters.phantom.cells import Cell, blood_smear, nuclei
from medloom.converters.phantom.outlines import box_of
from medloom.converters.phantom.pictures import write_jpeg, write_png
from medloom.converters.phantom.truth import PictureObject, PictureTruth
from medloom.schemas.identity import digest, seed

MASKS, COLOUR, VOC, YOLO = "cells_masks", "cells_colour", "cells_voc", "cells_yolo"
NUCLEUS = "nucleus"
"""The masks' one class, which their files do not name."""

BLOOD_NAMES = {"red_blood_cell": "RBC", "white_blood_cell": "WBC", "platelet": "Platelets"}
"""Pascal VOC's and YOLO's name of each concept; its number in YOLO is the place in this list, from 0."""

COLOURS = {"red_blood_cell": (220, 20, 60), "white_blood_cell": (75, 0, 130), "platelet": (255, 215, 0)}
"""RGB of each concept in the colour-coded masks; black is nothing."""

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "train", "test")


def write_cell_folders(root: Path, clinic_seed: int, patients: int) -> list[PictureTruth]:
    """Writes all four; each has half as many pictures as `patients`, but at least three."""
    count = max(3, patients // 2)
    found = [_one_file_per_nucleus(root, clinic_seed, number) for number in range(count)]
    found += [_colour_coded(root, clinic_seed, number) for number in range(count)]
    found += _voc(root, clinic_seed, count)
    return found + _yolo(root, clinic_seed, count)


def _draw(clinic_seed: int, *parts: object) -> np.random.Generator:
    return np.random.default_rng(seed(clinic_seed, *parts))


def _one_file_per_nucleus(root: Path, clinic_seed: int, number: int) -> PictureTruth:
    """As in the Data Science Bowl 2018: ``stage1_train/ID/images/ID.png`` and ``stage1_train/ID/masks/*.png``."""
    name = digest(clinic_seed, MASKS, number, size=12)
    folder = f"{MASKS}/stage1_train/{name}"
    picture, cells = nuclei(_draw(clinic_seed, MASKS, number))
    write_png(root / folder / "images" / f"{name}.png", picture)
    masks: list[str] = []
    for cell in cells:
        masks.append(f"{folder}/masks/{digest(name, len(masks), size=12)}.png")
        write_png(root / masks[-1], cell.mask.astype(np.uint8) * 255)
    return _truth(MASKS, f"{folder}/images/{name}.png", picture.shape, cells, None, f"{folder}/masks", masks)


def _colour_coded(root: Path, clinic_seed: int, number: int) -> PictureTruth:
    """``images/x.png`` and ``masks/x.png`` of the same name, one RGB colour per class."""
    name = f"smear_{number + 1:03d}.png"
    picture, cells = blood_smear(_draw(clinic_seed, COLOUR, number), (256, 192))
    write_png(root / COLOUR / "images" / name, picture)
    coded = np.zeros_like(picture)
    for cell in cells:
        coded[cell.mask] = COLOURS[cell.concept]
    write_png(root / COLOUR / "masks" / name, coded)
    return _truth(COLOUR, f"{COLOUR}/images/{name}", picture.shape, cells, None, f"{COLOUR}/masks/{name}")


def _voc(root: Path, clinic_seed: int, count: int) -> list[PictureTruth]:
    """``Annotations/*.xml`` (corners from 1, both inside), ``JPEGImages/*.jpg`` and ``ImageSets/Main/SPLIT.txt``."""
    found = []
    listed: dict[Split, list[str]] = {split: [] for split in ("train", "validation", "test")}
    for number in range(count):
        name, split = f"BloodImage_{number:05d}", SPLITS[number % len(SPLITS)]
        picture, cells = blood_smear(_draw(clinic_seed, VOC, number))
        write_jpeg(root / VOC / "JPEGImages" / f"{name}.jpg", picture)
        annotation = f"{VOC}/Annotations/{name}.xml"
        _write(root / annotation, _voc_xml(name, picture.shape, cells))
        listed[split].append(name)
        found.append(_truth(VOC, f"{VOC}/JPEGImages/{name}.jpg", picture.shape, cells, split, annotation))
    for split, names in listed.items():
        file = {"train": "train", "validation": "val", "test": "test"}[split]
        _write(root / VOC / "ImageSets" / "Main" / f"{file}.txt", "".join(f"{name}\n" for name in names))
    return found


def _voc_xml(name: str, shape: tuple[int, ...], cells: list[Cell]) -> str:
    lines = [
        "<annotation>", "\t<folder>JPEGImages</folder>", f"\t<filename>{name}.jpg</filename>",
        "\t<source>\n\t\t<database>medloom phantom, not real data</database>\n\t</source>",
        f"\t<size>\n\t\t<width>{shape[1]}</width>\n\t\t<height>{shape[0]}</height>\n\t\t<depth>3</depth>\n\t</size>",
        "\t<segmented>0</segmented>",
    ]  # fmt: skip
    for cell in cells:
        x0, y0, x1, y1 = box_of(cell.mask)
        corners = {"xmin": x0 + 1, "ymin": y0 + 1, "xmax": x1, "ymax": y1}
        lines += ["\t<object>", f"\t\t<name>{BLOOD_NAMES[cell.concept]}</name>", "\t\t<pose>Unspecified</pose>"]
        lines += ["\t\t<truncated>0</truncated>", "\t\t<difficult>0</difficult>", "\t\t<bndbox>"]
        lines += [f"\t\t\t<{corner}>{value}</{corner}>" for corner, value in corners.items()]
        lines += ["\t\t</bndbox>", "\t</object>"]
    return "\n".join([*lines, "</annotation>"]) + "\n"


def _yolo(root: Path, clinic_seed: int, count: int) -> list[PictureTruth]:
    """``images/{train,val}``, ``labels/{train,val}`` and ``data.yaml``."""
    found = []
    order = list(BLOOD_NAMES)
    for number in range(count):
        split: Split = "validation" if number % 3 == 2 else "train"
        part = "val" if split == "validation" else "train"
        name = f"smear_{number + 1:03d}"
        picture, cells = blood_smear(_draw(clinic_seed, YOLO, number))
        height, width = picture.shape[:2]
        file, annotation = f"{YOLO}/images/{part}/{name}.jpg", f"{YOLO}/labels/{part}/{name}.txt"
        write_jpeg(root / file, picture)
        lines = []
        for cell in cells:
            x0, y0, x1, y1 = box_of(cell.mask)
            shares = (x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height
            lines.append(" ".join([str(order.index(cell.concept)), *(f"{share:.6f}" for share in shares)]) + "\n")
        _write(root / annotation, "".join(lines))
        found.append(_truth(YOLO, file, picture.shape, cells, split, annotation))
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(BLOOD_NAMES.values()))
    _write(root / YOLO / "data.yaml", f"path: .\ntrain: images/train\nval: images/val\nnames:\n{names}")
    return found


def _truth(
    source: str,
    file: str,
    shape: tuple[int, ...],
    cells: list[Cell],
    split: Split | None,
    annotation: str,
    masks: list[str] | None = None,
) -> PictureTruth:
    objects = [
        PictureObject(
            concept=cell.concept,
            box=box_of(cell.mask),
            area_px=int(cell.mask.sum()),
            mask=masks[number] if masks else None,
        )
        for number, cell in enumerate(cells)
    ]
    return PictureTruth(
        source=source,
        file=file,
        patient=None,
        split=split,
        size=(shape[1], shape[0]),
        concept=None,
        objects=objects,
        counts=dict(sorted(Counter(cell.concept for cell in cells).items())),
        annotation=annotation,
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="\n")
