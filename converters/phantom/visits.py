"""Visits: what became of each object since the visit before."""

from __future__ import annotations

from medloom.converters.phantom.course import Course, Patient
from medloom.converters.phantom.truth import Change, ChangeTruth

SAME = 0.2
"""A size that changes by less than this share is the same (RECIST 1.1 calls a fifth more progression)."""


def changes_since(patient: Patient, visit: int) -> list[ChangeTruth]:
    """Every object that is there at this visit (from 1) or was there at the one before."""
    found = []
    for key, concept, sizes in _tracked(patient.key, patient.course):
        before, after = sizes[visit - 1], sizes[visit]
        if before is not None or after is not None:
            found.append(
                ChangeTruth(key=key, concept=concept, change=_change(before, after), before_mm=before, after_mm=after)
            )
    return found


def _tracked(patient: str, course: Course) -> list[tuple[str, str, tuple[float | None, ...]]]:
    found: list[tuple[str, str, tuple[float | None, ...]]] = [
        (f"{patient}-nodule-{number}", "lung_nodule", sizes) for number, sizes in enumerate(course.nodules, start=1)
    ]
    if course.effusion is not None:
        found.append((f"{patient}-effusion-{course.effusion[0]}", "pleural_effusion", course.effusion[1]))
    if course.consolidation is not None:
        side, there = course.consolidation
        found.append((f"{patient}-consolidation-{side}", "consolidation", tuple(1.0 if one else None for one in there)))
    return found


def _change(before: float | None, after: float | None) -> Change:
    if before is None or after is None:
        return "new" if before is None else "gone"
    if abs(after - before) < SAME * before:
        return "same"
    return "grown" if after > before else "shrunk"
