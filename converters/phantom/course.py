"""Courses: who the clinic's patients are, when they come, and what each visit finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from medloom.schemas.identity import seed

Side = Literal["left", "right"]
FINDINGS = ("lung_nodule", "pleural_effusion", "cardiomegaly", "consolidation", "pneumothorax")
"""What every radiograph is judged for. Nobody here has a pneumothorax: it is only ever absent."""


@dataclass(frozen=True)
class Course:
    """One patient's story. Tuples over visits hold None where there is nothing.

    `nodules`: long axis in mm. `effusion`: its side, and the height of its level above the diaphragm in mm.
    `uncertain` and `silent` name the findings that the last visit's report hedges, or does not mention at all.
    """

    nodules: tuple[tuple[float | None, ...], ...] = ()
    effusion: tuple[Side, tuple[float | None, ...]] | None = None
    consolidation: tuple[Side, tuple[bool, ...]] | None = None
    visits: int = 1
    large_heart: bool = False
    inverted: bool = False
    liver_lesions: int = 0
    uncertain: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


COURSES = (
    Course(visits=2, nodules=((12.0, 18.0), (15.0, 15.0)), liver_lesions=2),
    Course(inverted=True, large_heart=True, liver_lesions=1),
    Course(
        visits=3,
        nodules=((17.0, 11.0, None), (None, 13.0, 13.0)),
        effusion=("right", (46.0, 30.0, None)),
        liver_lesions=3,
    ),
    Course(silent=("consolidation",)),
    Course(visits=2, nodules=((22.0, 14.0),), silent=("pneumothorax",)),
    Course(effusion=("left", (52.0,)), large_heart=True, liver_lesions=1),
    Course(visits=2, uncertain=("pleural_effusion",), liver_lesions=2),
    Course(nodules=((11.0,), (16.0,), (25.0,)), liver_lesions=1),
    Course(visits=2, consolidation=("right", (True, False))),
    Course(effusion=("right", (38.0,)), nodules=((19.0,),), liver_lesions=1),
    Course(visits=3, nodules=((None, 10.0, 16.0),), uncertain=("consolidation",), liver_lesions=1),
    Course(uncertain=("lung_nodule",)),
    Course(visits=2, nodules=((14.0, None),), effusion=("left", (None, 45.0))),
    Course(consolidation=("left", (True,)), large_heart=True, silent=("lung_nodule",)),
    Course(visits=2, large_heart=True, nodules=((20.0, 20.0),), liver_lesions=1),
    Course(visits=2, silent=("cardiomegaly",)),
)


@dataclass(frozen=True)
class Patient:
    """`number` counts from 0 and picks the course; `days` are the visits' days from the patient's own first one."""

    number: int
    key: str
    sex: Literal["female", "male"]
    age_years: int
    course: Course
    days: tuple[int, ...]

    def states(self, finding: str, visit: int) -> Literal["present", "absent", "uncertain", "not_stated"]:
        """What the labels and the report of a visit (from 0) say of a finding."""
        if _present(self.course, finding, visit):
            return "present"
        last = visit == self.course.visits - 1
        if last and finding in self.course.uncertain:
            return "uncertain"
        return "not_stated" if last and finding in self.course.silent else "absent"


def patients(clinic_seed: int, count: int) -> list[Patient]:
    """The first `count` patients. A patient is the same however many others there are."""
    found = []
    for number in range(count):
        key = f"P{number + 1:03d}"
        draw = np.random.default_rng(seed(clinic_seed, "patient", key))
        course = COURSES[number % len(COURSES)]
        sex: Literal["female", "male"] = "female" if draw.random() < 0.5 else "male"
        age = int(draw.integers(34, 86))
        days = [0, *np.cumsum(draw.integers(28, 200, course.visits - 1)).tolist()]
        found.append(Patient(number, key, sex, age, course, tuple(days)))
    return found


def _present(course: Course, finding: str, visit: int) -> bool:
    if finding == "lung_nodule":
        return any(sizes[visit] is not None for sizes in course.nodules)
    if finding == "pleural_effusion":
        return course.effusion is not None and course.effusion[1][visit] is not None
    if finding == "consolidation":
        return course.consolidation is not None and course.consolidation[1][visit]
    return finding == "cardiomegaly" and course.large_heart
