"""Names of record types and modalities as people read them."""

from __future__ import annotations

RECORD_TYPES: dict[int, str] = {
    1: "caption",
    2: "knowledge caption",
    3: "concept annotation",
    4: "closed question",
    5: "open question",
    6: "single choice",
    7: "multiple choice",
    8: "hierarchical questions",
    9: "dialogue",
    10: "box grounding",
    11: "mask grounding",
    12: "region-prompted question",
    13: "point localisation",
    14: "3D box",
    15: "measurement",
    16: "counting",
    17: "difference between visits",
    18: "multi-image question",
    19: "sequence grounding",
    20: "video question",
    21: "volume question",
    22: "report",
    23: "answer, reason and box",
    24: "rationale",
    25: "think, act, rethink",
    26: "preference",
    27: "confusing pair",
    28: "retrieval",
    29: "shift and hold-out",
    30: "other language",
    31: "spoken question",
    32: "picture generation",
    33: "query summary",
    34: "text-only instruction",
    35: "outcome",
    36: "projection",
}


def record_type(number: int) -> str:
    """The type's name, or ``type N`` for one that has none yet."""
    return RECORD_TYPES.get(number, f"type {number}")


_MODALITIES = {"ct": "CT", "mr": "MR", "xray": "X-ray", "oct": "OCT", "pet": "PET", "nuclear": "nuclear medicine"}


def modality_name(modality: str | None) -> str:
    """``ct`` as ``CT``; ``not stated`` for None."""
    return "not stated" if modality is None else _MODALITIES.get(modality, modality)
