"""The patients' key is asked for where it is needed, and only there."""

from __future__ import annotations

import pytest

from medloom.flows.patient_key import PATIENT_KEY, key_fault, patient_key
from medloom.schemas.card import SourceCard


def card(ids: str) -> SourceCard:
    return SourceCard.model_validate(
        {
            "source": "ward", "title": "t", "licence": "CC0-1.0", "citation": "c", "modality": "ct", "converter": "msd",
            "patient": "unknown", "verified": "layout", "patient_ids": ids,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    "key,fault", [(None, "is not set"), ("", "is not set"), ("short", "has 5 characters"), ("x" * 32, None)]
)
def test_identifying_ids_need_a_key_that_nobody_guesses(monkeypatch, key, fault):
    monkeypatch.delenv(PATIENT_KEY, raising=False)
    if key is not None:
        monkeypatch.setenv(PATIENT_KEY, key)
    found = key_fault(card("identifying"))
    assert (found is None) == (fault is None)
    if fault is not None and found is not None:
        assert fault in found[0] and PATIENT_KEY in found[1]
    assert key_fault(card("pseudonyms")) is None
    assert patient_key(card("pseudonyms")) is None
    assert patient_key(card("identifying")) == (key.encode() if key else None)
