"""Small trees in native layouts, and cards to read them by."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medloom.converters.registry import load_converter
from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Refusal, Sample


def png(width: int, height: int, grey: int = 0) -> bytes:
    """A whole 8-bit grey PNG, written by hand so that no codec of ours makes its own test data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes([grey]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Writes files given as path=content; None makes a PNG of 40 × 30."""

    def write(files: dict[str, bytes | str | None]) -> Path:
        for name, content in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = png(40, 30) if content is None else content.encode() if isinstance(content, str) else content
            path.write_bytes(data)
        return tmp_path / "root"

    return write


@pytest.fixture
def make_card() -> Callable[..., SourceCard]:
    """A card with what every card must have."""

    def make(converter: str, params: dict[str, Any] | None = None, **fields: Any) -> SourceCard:
        given: dict[str, Any] = {
            "source": "made_up", "title": "Made up", "licence": "CC0-1.0", "citation": "none", "modality": "xray",
            "patient": "unknown", "verified": "layout", "converter": converter, "params": params or {}, **fields,
        }  # fmt: skip
        return SourceCard.model_validate(given)

    return make


@pytest.fixture
def read() -> Callable[[Path, SourceCard], tuple[list[Sample], list[Refusal]]]:
    """Samples and refusals of a source, each in order."""

    def run(root: Path, card: SourceCard) -> tuple[list[Sample], list[Refusal]]:
        found = list(load_converter(card.converter).samples(root, card))
        return [one for one in found if isinstance(one, Sample)], [one for one in found if isinstance(one, Refusal)]

    return run


def mnist() -> bytes:
    """An archive as MedMNIST's are: deflated, labels N×1."""
    rng, data = np.random.default_rng(0), io.BytesIO()
    arrays: dict[str, np.ndarray] = {}
    for split, count in (("train", 6), ("val", 2), ("test", 3)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, 64, 64), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % 2)[:, None]
    np.savez_compressed(data, **arrays)
    return data.getvalue()


RAD = {
    "phrase_type": "freeform", "image_case_url": "https://medpix.nlm.nih.gov/case?id=48e1dd0e", "image_organ": "HEAD",
    "image_name": "synpic54610.jpg", "evaluation": "evaluated", "question_rephrase": "NULL",
    "question_relation": "NULL", "question_frame": "NULL",
}  # fmt: skip
SLAKE = {
    "img_id": 1, "img_name": "xmlab1/source.jpg", "q_lang": "en", "location": "Abdomen", "modality": "MRI",
    "base_type": "vqa", "triple": ["vhead", "_", "_"],
}  # fmt: skip
OMNI = {"dataset": "ACRIMA", "question_type": "Modality Recognition", "modality_type": "Fundus Photography"}


@pytest.fixture(scope="session")
def card_files() -> dict[str, dict[str, bytes | str | None]]:
    """By card: a few files as its authors ship them, with what is odd about them."""
    rad = [
        {**RAD, "qid": 0, "question": "Are regions of the brain infarcted?", "answer": "Yes", "answer_type": "CLOSED ",
         "question_type": "PRES, ABN"},
        {**RAD, "qid": 1, "phrase_type": "para", "question": "Is the brain infarcted?", "answer": "Yes.",
         "question_type": "PRES", "answer_type": "CLOSED"},
        {**RAD, "qid": 2, "phrase_type": "test_para", "question": "How many lesions are there? ", "answer": 2,
         "question_type": "COUNT", "answer_type": "OPEN"},
        {**RAD, "qid": 3, "image_name": "synpic33844.jpg", "image_organ": "CHEST",
         "image_case_url": "https://medpix.nlm.nih.gov/case?id=ffa9e4b9", "question": "Which lobe is opaque?",
         "answer": "Left lower lobe", "question_type": "POS", "answer_type": "OPEN"},
    ]  # fmt: skip
    slake = [
        {**SLAKE, "question": "What modality is used to take this image?", "answer": "MRI", "answer_type": "OPEN",
         "content_type": "Modality", "qid": 7},
        {**SLAKE, "q_lang": "zh", "question": "肝脏在图中的哪里?", "answer": "左侧", "answer_type": "OPEN",
         "content_type": "Position", "qid": 8},
        {**SLAKE, "question": "Does the picture contain liver?", "answer": "Yes", "answer_type": "CLOSED",
         "content_type": "Organ", "qid": 9},
    ]  # fmt: skip
    omni = [
        {**OMNI, "question_id": "ACRIMA_0000", "question": "What imaging technique was employed for this picture?",
         "gt_answer": "Fundus imaging", "image_path": "Images/ACRIMA/Im553_g_ACRIMA.png", "option_A": "PET scan",
         "option_B": "CT scan", "option_C": "Blood test", "option_D": "Fundus imaging"},
        {**OMNI, "question_id": "ACRIMA_0001", "question": "Does this picture contain glaucoma?",
         "question_type": "Disease Diagnosis", "gt_answer": "No, It's normal.", "option_A": "No, It's normal.",
         "image_path": "Images/ACRIMA/Im553_g_ACRIMA.png", "option_B": "Yes"},
    ]  # fmt: skip
    pmc = (
        "\ufeffFigure_path,Question ,Answer,Choice A,Choice B,Choice C,Choice D,Answer_label\r\n"
        "PMC1064097_F1.jpg, What is the uptake pattern in the breast? ,Focal uptake pattern, A:Diffuse uptake pattern,"
        " B:Focal uptake pattern , C:No uptake pattern, D:Cannot determine from the information given,B\r\n"
        'PMC1064097_F1.jpg,"Which side, if any?", Left," A:Left"," B:Right",,,A\r\n'
    )
    told = {"image_path": "files/p10/p10000032/s50414267/02aa804e.jpg", "question_type": "single-choice"}
    gemex = [
        {**told, "question": "Where is the abnormality?", "answer": "B", "reason": "The right base is hazy.",
         "options": {"A": "Left lung", "B": "Right lung", "C": "Trachea"},
         "visual_locations": [{"region": "right lung", "bbox": [2, 3, 14.5, 25]}]},
        {**told, "question_type": "multi-choice", "question": "Which are seen?", "answer": "A, C", "reason": "Both.",
         "options": ["Heart", "Mass", "Lungs"],
         "visual_locations": [{"region": "right lung", "bbox": [[2, 3, 14, 25], [18, 3, 30, 25]]}]},
    ]  # fmt: skip
    lines = "".join(json.dumps(row) + "\n" for row in gemex)
    oa = {
        "image": "PMC212319_Fig3_4.jpg", "caption": "A. Real time image of the translocation", "alignment_type": "yolo",
        "alignment_score": 0.99,
    }  # fmt: skip
    phases = "".join(f"{frame}\t{'Preparation' if frame < 50 else 'ClippingCutting'}\n" for frame in range(100))
    triplet = [0, 0, 1, 0.25, 0.5, 0.25, 0.25, 0, 3, -1, -1, -1, -1, -1, 0]
    cholect50 = {
        "video": 1, "fps": 1, "num_frames": 3,
        "categories": {
            "triplet": {"0": "grasper,dissect,cystic_plate", "94": "grasper,null_verb,null_target"},
            "instrument": {"0": "grasper", "2": "hook"}, "phase": {"0": "preparation", "2": "clipping-and-cutting"},
        },
        "annotations": {
            "0": [triplet], "1": [triplet, [94, 2, 1, -1, -1, -1, -1, 9, 14, -1, -1, -1, -1, -1, 0]],
            "2": [[-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2]],
        },
    }  # fmt: skip
    boxes = [{"Liver": [4, 5, 10, 12]}, {"Left Kidney": [30.0, 8.0, 6.0, 9.0]}]
    return {
        "vqa_rad": {
            "VQA_RAD Dataset Public.json": json.dumps(rad), "VQA_RAD Image Folder/synpic54610.jpg": None,
            "VQA_RAD Image Folder/synpic33844.jpg": None,
        },
        "slake": {
            "train.json": json.dumps(slake, ensure_ascii=False), "imgs/xmlab1/source.jpg": None,
            "imgs/xmlab1/mask.png": png(40, 30, 3), "imgs/xmlab1/detection.json": json.dumps(boxes),
            "imgs/xmlab1/question.json": json.dumps(slake), "mask.txt": "Liver:3\nSpleen:4\n",
            "validation.json": json.dumps([{**slake[0], "img_name": "xmlab2/source.jpg"}]), "test.json": "[]",
            "imgs/xmlab2/source.jpg": None,
        },
        "omnimedvqa": {
            "QA_information/Open-access/ACRIMA.json": json.dumps(omni), "Images/ACRIMA/Im553_g_ACRIMA.png": None,
            "QA_information/Restricted-access/X.json": json.dumps([{"question": "not read"}]),
        },
        "pmc_vqa": {"train.csv": pmc, "test.csv": pmc.splitlines()[0], "images/PMC1064097_F1.jpg": None},
        "pneumoniamnist": {"pneumoniamnist_64.npz": mnist()},
        "gemex": {"single_choice_question.jsonl": lines, "files/p10/p10000032/s50414267/02aa804e.jpg": None},
        "roco": {
            "data/train/radiology/traindata.csv": "id,name,caption\r\n"
            'ROCO_00002,PMC4083729_AMHSR-4-14-g002.jpg,"Computed tomography scan in axial view, '
            'showing obliteration.\n"\r\n'
            "ROCO_00003,PMC2837471_IJD2009-150251.001.jpg, Bacterial contamination with a pleural effusion.\r\n",
            "data/train/radiology/images/PMC4083729_AMHSR-4-14-g002.jpg": None,
            "data/test/radiology/testdata.csv": "id,name,caption\r\nROCO_1,PMC9_g1.jpg,Chest radiograph of a mass.\r\n",
            "data/test/radiology/images/PMC9_g1.jpg": None,
        },
        "roco_v2": {
            "train_captions.csv": 'ID,Caption\nROCOv2_2023_train_000001,"Head CT, with a haemorrhage."\n',
            "valid_captions.csv": "ID,Caption\nROCOv2_2023_valid_000001,Showing a cyst.\n",
            "test_captions.csv": "ID,Caption\n",
            "train_images/train/ROCOv2_2023_train_000001.jpg": None,
            "valid_images/valid/ROCOv2_2023_valid_000001.jpg": None,
        },
        "pmc_oa": {
            "train.jsonl": json.dumps(oa) + "\n", "valid.jsonl": "\n",
            "test.jsonl": json.dumps({"image": "PMC3_F1.jpg", "caption": "A view of the heart."}) + "\n",
            "caption_T060_filtered_top4_sep_v0_subfigures/PMC212319_Fig3_4.jpg": None,
            "caption_T060_filtered_top4_sep_v0_subfigures/PMC3_F1.jpg": None,
        },
        "indiana_csv": {
            "indiana_reports.csv": "uid,MeSH,Problems,image,indication,comparison,findings,impression\n"
            "1,normal,normal,Xray Chest PA and Lateral,Positive TB test,None.,"
            '"The cardiac silhouette is normal. No pneumothorax.",Normal chest x-XXXX.\n'
            "2,Cardiomegaly/borderline,Cardiomegaly;Pulmonary Artery,PA and lateral,Pain,,,"
            "There is borderline cardiomegaly.\n",
            "indiana_projections.csv": "uid,filename,projection\n1,1_IM-0001-4001.dcm.png,Frontal\n"
            "1,1_IM-0001-3001.dcm.png,Lateral\n2,2_IM-0652-1001.dcm.png,Frontal\n",
            "images/images_normalized/1_IM-0001-4001.dcm.png": None,
            "images/images_normalized/1_IM-0001-3001.dcm.png": None,
        },
        "cholec80": {
            "videos/video01.mp4": b"x",
            "phase_annotations/video01-phase.txt": f"Frame\tPhase\n{phases}",
            "tool_annotations/video01-tool.txt": "Frame\tGrasper\tBipolar\tHook\tScissors\tClipper\tIrrigator\t"
            "SpecimenBag\n"
            "0\t1\t0\t0\t0\t0\t0\t0\n25\t1\t0\t1\t0\t0\t0\t0\n50\t0\t0\t1\t0\t0\t0\t0\n75\t1\t0\t0\t0\t0\t0\t0\n",
        },
        "cholect50": {
            **{f"videos/VID01/{frame:06d}.png": None for frame in range(3)},
            "labels/VID01.json": json.dumps(cholect50),
        },
        "mimic_cxr_reports": {
            "mimic_cxr_sectioned.csv": "study,impression,findings,last_paragraph,comparison\n"
            's50414267,"No acute process.","There is no focal consolidation, pleural effusion or pneumothorax.",,___\n'
            "s1,,,No change since the last examination.,\n",
            "mimic-cxr-2.0.0-metadata.csv": "dicom_id,subject_id,study_id,ViewPosition\n"
            "02aa804e-bde0afdd,10000032,50414267,PA\n"
            "174413ec-4ec4c1f7,10000032,50414267,LATERAL\n68b5c4b1,10000098,1,AP\n",
            "files/p10/p10000098/s1/68b5c4b1.jpg": None,
            "files/p10/p10000032/s50414267/02aa804e-bde0afdd.jpg": None,
            "files/p10/p10000032/s50414267/174413ec-4ec4c1f7.jpg": None,
        },
    }  # fmt: skip
