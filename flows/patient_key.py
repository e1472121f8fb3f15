"""The key under which patients of a source get their digests, where the source's own ids identify people.

It comes from the environment alone and is written nowhere. The same key gives the same ids in the next version.
"""

from __future__ import annotations

import os

from medloom.schemas.card import SourceCard

PATIENT_KEY = "MEDLOOM_PATIENT_KEY"
"""Environment variable that holds it."""
SHORTEST = 16
"""Characters; whoever can guess the key can tell the patients by trying all ids."""


def patient_key(card: SourceCard) -> bytes | None:
    """The key for this source; None where its ids are pseudonyms already, or where no key is set."""
    key = os.environ.get(PATIENT_KEY) if card.patient_ids == "identifying" else None
    return key.encode() if key else None


def key_fault(card: SourceCard) -> tuple[str, str] | None:
    """What is wrong with the key for this source, and what to do; None where nothing is."""
    if card.patient_ids != "identifying":
        return None
    key = os.environ.get(PATIENT_KEY, "")
    hint = f"export {PATIENT_KEY}=$(openssl rand -hex 32), and keep it: the same key gives the same ids again"
    if not key:
        return f"the patients' ids of {card.source!r} identify people, and {PATIENT_KEY} is not set", hint
    if len(key) < SHORTEST:
        return f"{PATIENT_KEY} has {len(key)} characters, and {card.source!r} needs at least {SHORTEST}", hint
    return None
