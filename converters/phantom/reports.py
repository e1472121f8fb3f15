"""Reports: what a radiologist would say of a visit, no more and no less than its truth."""

from __future__ import annotations

from collections.abc import Sequence

from medloom.converters.phantom.course import FINDINGS
from medloom.converters.phantom.truth import ChangeTruth, FilmObject, State
from medloom.schemas.identity import pick

SECTIONS = ("INDICATION", "COMPARISON", "FINDINGS", "IMPRESSION")
TERMS = {
    "lung_nodule": "lung nodule",
    "pleural_effusion": "pleural effusion",
    "cardiomegaly": "cardiomegaly",
    "consolidation": "consolidation",
    "pneumothorax": "pneumothorax",
}

_COUNTS = ("No", "One", "Two", "Three", "Four", "Five")
_INDICATIONS = ("Cough.", "Chest pain.", "Shortness of breath.", "Fever.", "Routine examination.")
_ABSENT = {
    "lung_nodule": ("No lung nodule is seen.", "There is no lung nodule."),
    "pleural_effusion": (
        "No pleural effusion.",
        "There is no pleural effusion.",
        "No pleural effusion on either side.",
    ),
    "cardiomegaly": ("The heart is normal in size.", "Heart size is normal.", "No cardiomegaly."),
    "consolidation": ("No consolidation.", "There is no consolidation."),
    "pneumothorax": ("No pneumothorax.", "There is no pneumothorax."),
}
_UNCERTAIN = (
    "A small {term} cannot be excluded.",
    "There may be a small {term}.",
    "A small {term} is possible.",
)


def report(
    visit: str,
    interval_days: int | None,
    findings: dict[str, State],
    objects: Sequence[FilmObject],
    changes: Sequence[ChangeTruth],
    cardiothoracic_ratio: float,
) -> dict[str, str]:
    """The report's sections by name. `visit` seeds the choice of words; the facts are the other arguments."""
    by_key = {change.key: change for change in changes}
    said: list[str] = []
    for finding in FINDINGS:
        state = findings[finding]
        if state == "present":
            shown = [one for one in objects if one.concept == finding]
            said += _present(finding, shown, by_key, cardiothoracic_ratio)
        elif state == "absent":
            said.append(_ABSENT[finding][pick(len(_ABSENT[finding]), "report", visit, finding)])
        elif state == "uncertain":
            said.append(_UNCERTAIN[pick(len(_UNCERTAIN), "report", visit, finding)].format(term=TERMS[finding]))
        said += [_gone(change) for change in changes if change.concept == finding and change.change == "gone"]
    first = interval_days is None
    indication = _INDICATIONS[pick(len(_INDICATIONS), "report", visit, "indication")] if first else "Follow-up."
    before = "None." if first else f"Radiograph of {interval_days} days before."
    return {
        "INDICATION": indication,
        "COMPARISON": before,
        "FINDINGS": " ".join(said),
        "IMPRESSION": _impression(findings, objects, by_key),
    }


def written(sections: dict[str, str]) -> str:
    """The report as one text."""
    return "\n".join(f"{name}: {body}" for name, body in sections.items())


def _present(finding: str, shown: Sequence[FilmObject], changes: dict[str, ChangeTruth], ratio: float) -> list[str]:
    if finding == "cardiomegaly":
        return [f"There is cardiomegaly with a cardiothoracic ratio of {ratio:.2f}."]
    if finding == "pleural_effusion":
        return [_effusion(one, changes.get(one.key)) for one in shown]
    if finding == "consolidation":
        return [f"There is a consolidation in the {one.side} {one.zone} zone." for one in shown]
    several = [f"{_COUNTS[len(shown)]} lung nodules are seen."] if len(shown) > 1 else []
    return several + [_nodule(one, changes.get(one.key)) for one in shown]


def _nodule(one: FilmObject, change: ChangeTruth | None) -> str:
    size = f"{_size(one)} mm"
    place = f"in the {one.side} {one.zone} zone"
    if change is None:
        return f"There is a {size} lung nodule {place}."
    before = f"{round(change.before_mm or 0)} mm"
    return {
        "new": f"There is a new {size} lung nodule {place}.",
        "grown": f"A lung nodule {place} has grown from {before} to {size}.",
        "shrunk": f"A lung nodule {place} has shrunk from {before} to {size}.",
        "same": f"A {size} lung nodule {place} is unchanged.",
    }[change.change]


def _effusion(one: FilmObject, change: ChangeTruth | None) -> str:
    kind = {"new": "a new", "grown": "a larger", "shrunk": "a smaller", "same": "an unchanged"}
    return f"There is {kind[change.change] if change else 'a'} {one.side} pleural effusion."


def _gone(change: ChangeTruth) -> str:
    if change.concept == "lung_nodule":
        return f"The former {round(change.before_mm or 0)} mm lung nodule is no longer seen."
    return f"The former {TERMS[change.concept]} has resolved."


def _impression(findings: dict[str, State], objects: Sequence[FilmObject], changes: dict[str, ChangeTruth]) -> str:
    """The present findings, briefly; possible ones after them."""
    said = []
    for finding in FINDINGS:
        shown = [one for one in objects if one.concept == finding]
        if findings[finding] == "uncertain":
            said.append(f"Possible {TERMS[finding]}.")
        elif findings[finding] == "present" and finding == "cardiomegaly":
            said.append("Cardiomegaly.")
        elif findings[finding] == "present" and len(shown) == 1:
            change = changes.get(shown[0].key)
            word = (
                {"new": "New", "grown": "Larger", "shrunk": "Smaller", "same": "Unchanged"}[change.change]
                if change
                else ""
            )
            said.append(f"{word} {shown[0].side} {TERMS[finding]}.".strip().capitalize())
        elif findings[finding] == "present":
            said.append(f"{_COUNTS[len(shown)]} {TERMS[finding]}s.")
    everything = "not_stated" not in findings.values()
    return " ".join(said) or (
        "No abnormality of heart, lungs or pleura." if everything else "No abnormality described."
    )


def _size(one: FilmObject) -> int:
    return round(one.lesion.long_axis_mm) if one.lesion is not None else 0
