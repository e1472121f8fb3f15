"""Words that name a side of the patient, not of the picture."""

from __future__ import annotations

SIDES = ("left", "right")

_PARTS = (
    "lung|kidney|breast|eye|ear|hand|foot|knee|hip|shoulder|elbow|wrist|ankle|leg|arm|thigh|ventricle|atrium|"
    "hemisphere|hemithorax|hemidiaphragm|clavicle|femur|humerus|tibia|fibula|adrenal|ovary|testis|ureter|carotid|"
    "optic nerve|hilum|axilla|maxillary|temporal|parietal|frontal|occipital"
)


def naming(side: str) -> str:
    """A case-blind regular expression (Rust syntax) of English phrases that name that side of the patient.

    "The patient's left", "left side of the patient", "left-sided", "left lower lung"; not "upper left", "left of the
    picture", "left half".
    """
    return "(?i)" + "|".join(
        (
            rf"\bpatient(?:['’]s)?[ \t]+(?:own[ \t]+|anatomical[ \t]+)?{side}\b",
            rf"\b{side}(?:-hand)?(?:[ \t]+side)?[ \t]+of[ \t]+(?:the|this|his|her|their)[ \t]+(?:patient|body)\b",
            rf"\banatomical(?:ly)?[ \t]+(?:on[ \t]+the[ \t]+)?{side}\b",
            rf"\b{side}[- ]sided\b",
            rf"\b{side}[ \t]+(?:upper[ \t]+|middle[ \t]+|lower[ \t]+|main[ \t]+)?(?:{_PARTS})s?\b",
        )
    )
