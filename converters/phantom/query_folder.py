"""`queries`: what patients write to a doctor, as text alone: complaints, since when, on which side, and a question."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from medloom.converters.phantom.course import Patient
from medloom.converters.phantom.truth import QueryTruth, Side
from medloom.schemas.identity import seed

FOLDER = "queries"
_COMPLAINTS = (
    ("pain", "pain in the {side} side of my chest", True),
    ("pain", "pain in my {side} shoulder", True),
    ("swelling", "a swelling of my {side} ankle", True),
    ("numbness", "numbness in my {side} hand", True),
    ("cough", "a dry cough", False),
    ("dyspnea", "shortness of breath when I climb stairs", False),
    ("headache", "a headache every morning", False),
    ("rash", "an itchy rash on my {side} arm", True),
)
"""(what is complained of, in the patient's words, whether it has a side)."""
_DENIED = (("fever", "I have no fever"), ("vomiting", "I do not vomit"), ("weight_loss", "I have not lost weight"))
_BEGINS = ("Hello doctor,", "Good morning,", "Hi, I hope you can help me.", "Dear doctor,")
_ASKED = (
    "Do I need an X-ray?", "Should I be worried?", "Which examination do I need?", "Can I wait for some more days?",
)  # fmt: skip
_ENDS = ("Thank you.", "Thanks in advance.", "Please answer soon.", "")


def write_query_folder(root: Path, clinic_seed: int, patients: list[Patient]) -> list[QueryTruth]:
    """Writes ``queries.csv``, one text of each patient."""
    found = [_query(clinic_seed, patient) for patient in patients]
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["id", "patient", "query"])
    rows.writerows([f"{one.patient}_Q1", one.patient, one.text] for one in found)
    (root / FOLDER / "queries.csv").write_bytes(text.getvalue().encode())
    return found


def _query(clinic_seed: int, patient: Patient) -> QueryTruth:
    draw = np.random.default_rng(seed(clinic_seed, FOLDER, patient.key))
    side: Side = "left" if draw.random() < 0.5 else "right"
    first, second = (int(number) for number in draw.choice(len(_COMPLAINTS), 2, replace=False))
    if _COMPLAINTS[first][0] == _COMPLAINTS[second][0]:
        second = 4  # a cough beside two kinds of one complaint
    chosen = (_COMPLAINTS[first], _COMPLAINTS[second])
    days = int(draw.integers(2, 15))
    denied = _DENIED[int(draw.integers(len(_DENIED)))]
    asked = _ASKED[int(draw.integers(len(_ASKED)))]
    complaints = " and ".join(words.format(side=side) for _, words, _ in chosen)
    text = (
        f"{_BEGINS[int(draw.integers(len(_BEGINS)))]} I am {patient.age_years} years old, and since {days} days I have "
        f"{complaints}. {denied[1]}. {asked} {_ENDS[int(draw.integers(len(_ENDS)))]}"
    )
    return QueryTruth(
        patient=patient.key,
        text=text.strip(),
        days=days,
        present=[name for name, _, _ in chosen],
        absent=[denied[0]],
        side=side if any(sided for _, _, sided in chosen) else None,
    )
