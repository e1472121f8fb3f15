"""`derm_class_folders`: skin lesions in a folder per class, train and test, with planted faults for the filters.

Files are called PATIENT_PICTURE: a patient has one or two pictures of one lesion, always in one split.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.outlines import box_of
from medloom.converters.phantom.pictures import jpeg
from medloom.converters.phantom.skin import KINDS, skin_lesion
from medloom.converters.phantom.truth import Defect, PictureObject, PictureTruth
from medloom.schemas.identity import seed

FOLDER = "derm_class_folders"
NAMES = {
    "melanocytic_naevus": "nevus", "melanoma": "melanoma", "basal_cell_carcinoma": "bcc",
    "seborrhoeic_keratosis": "seborrheic_keratosis",
}  # fmt: skip
"""Folder name of each concept."""


def write_skin_folder(root: Path, clinic_seed: int, patients: int) -> tuple[list[PictureTruth], list[Defect]]:
    """Writes ``train/CLASS/*.jpg`` and ``test/CLASS/*.jpg``; there are as many pictures as `patients` asks for."""
    found: list[PictureTruth] = []
    number = 0
    splits: tuple[tuple[Literal["train", "test"], int], ...] = (
        ("train", max(3, patients // 3)),
        ("test", max(2, patients // 6)),
    )
    for concept in KINDS:
        for split, count in splits:
            for _ in range(count):
                number += 1
                patient = f"D{number:03d}"
                pictures = "ab" if number % 4 == 0 else "a"
                found += [_write(root, clinic_seed, concept, split, patient, picture) for picture in pictures]
    return found, _plant(root, clinic_seed, found)


def _write(
    root: Path, clinic_seed: int, concept: str, split: Literal["train", "test"], patient: str, picture: str
) -> PictureTruth:
    pixels, mask = skin_lesion(concept, np.random.default_rng(seed(clinic_seed, FOLDER, patient)))
    if picture == "b":  # the same lesion, photographed again: nearer, turned, in another light
        pixels, mask = _again(pixels), _again(mask.astype(np.uint8)) > 0
    file = f"{FOLDER}/{split}/{NAMES[concept]}/{patient}_{picture}.jpg"
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_bytes(jpeg(pixels))
    one = PictureObject(concept=concept, box=box_of(mask), area_px=int(mask.sum()))
    height, width = mask.shape
    return PictureTruth(
        source=FOLDER,
        file=file,
        patient=patient,
        split=split,
        size=(width, height),
        concept=concept,
        objects=[one],
        counts={concept: 1},
    )


def _again(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    nearer = picture[height // 12 : -(height // 12), width // 12 : -(width // 12)][::-1, ::-1]
    found = cv2.resize(
        nearer, (width, height), interpolation=cv2.INTER_LINEAR if picture.ndim == 3 else cv2.INTER_NEAREST
    )
    return np.asarray(found if picture.ndim == 2 else cv2.convertScaleAbs(found, alpha=0.93, beta=6), np.uint8)


def _plant(root: Path, clinic_seed: int, found: list[PictureTruth]) -> list[Defect]:
    """Writes one file for each fault among the naevi, under the name of a patient of its own."""
    first, second, third = (one for one in found[:3])
    draw = np.random.default_rng(seed(clinic_seed, FOLDER, "faults"))
    lesion, _ = skin_lesion("melanocytic_naevus", draw)
    same, _ = skin_lesion("melanocytic_naevus", np.random.default_rng(seed(clinic_seed, FOLDER, second.patient)))
    whole = (root / third.file).read_bytes()
    faults: tuple[tuple[str, str, bytes, str | None], ...] = (
        ("exact_duplicate", "exact_duplicates", (root / first.file).read_bytes(), first.file),
        ("near_duplicate", "near_duplicates", jpeg(same, quality=60), second.file),
        ("blank", "image", jpeg(np.full_like(lesion, 128)), None),
        ("too_small", "image", jpeg(cv2.resize(lesion, (24, 18), interpolation=cv2.INTER_AREA)), None),
        ("overexposed", "image", jpeg(_burnt_out(lesion)), None),
        ("truncated", "decode", whole[: len(whole) // 2], None),
        ("empty_file", "list", b"", None),
        ("not_a_picture", "decode", b"This is a text file that somebody renamed.\n", None),
    )
    planted = []
    for number, (kind, check, data, same_as) in enumerate(faults, start=901):
        split = "test" if kind == "near_duplicate" else "train"  # this one leaks from train into test
        file = f"{FOLDER}/{split}/{NAMES['melanocytic_naevus']}/D{number}_a.jpg"
        (root / file).write_bytes(data)
        planted.append(Defect(source=FOLDER, file=file, kind=kind, caught_by=check, same_as=same_as))
    return planted


def _burnt_out(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """So much light that nothing is left but a mark of ink."""
    white = cv2.convertScaleAbs(picture, alpha=1.0, beta=200)
    return np.asarray(cv2.circle(white, (40, 36), 4, (150, 146, 160), -1, cv2.LINE_AA), np.uint8)
