"""Compose: a Record from what a task found, with everything that every record carries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from medloom.schemas.identity import digest
from medloom.schemas.record import MEDIA_TAGS, Fact, Place, Record, Turn
from medloom.schemas.view import View
from medloom.schemas.vocabulary import Concept
from medloom.synthesis.scene import Case, Instance, Scene
from medloom.synthesis.task import Task

if TYPE_CHECKING:
    from medloom.synthesis.template import Wording


def record_key(task: Task, scene: Scene, *asked: object) -> str:
    """The record's id: source, sample, view, task with its parameters, and what is asked. It seeds every draw."""
    return digest("record", scene.terms.source, scene.sample.key, scene.view.id, task.stamp, asked)


def case_key(task: Task, case: Case, views: Sequence[View], *asked: object) -> str:
    """The same for a record that shows `views` of a Case, or none."""
    return digest("record", case.terms.source, case.sample.key, [view.id for view in views], task.stamp, asked)


def compose(task: Task, scene: Scene, key: str, wording: Wording, evidence: Sequence[Fact], **fields: Any) -> Record:
    """The Record of one View; `fields` are those of Record that the task sets itself."""
    return _composed(task, scene, (scene.view,), key, wording, evidence, fields)


def compose_case(
    task: Task, case: Case, views: Sequence[View], key: str, wording: Wording, evidence: Sequence[Fact], **fields: Any
) -> Record:
    """The Record that shows `views` of a Case in that order, or none; `fields` may name another `config` or `type`."""
    return _composed(task, case, views, key, wording, evidence, fields)


def _composed(
    task: Task,
    of: Scene | Case,
    views: Sequence[View],
    key: str,
    wording: Wording,
    evidence: Sequence[Fact],
    fields: dict[str, Any],
) -> Record:
    terms = of.terms
    asked = "\n".join([*(MEDIA_TAGS[view.kind] for view in views), wording.prompt])
    return Record(
        id=key,
        config=fields.pop("config", task.config),
        task=task.name,
        type=fields.pop("type", task.type),
        source=terms.source,
        sample=of.sample.key,
        views=tuple(view.id for view in views),
        turns=(Turn(role="user", text=asked), Turn(role="assistant", text=wording.answer)),
        template=wording.template,
        licence=terms.licence,
        access=terms.access,  # type: ignore[arg-type]
        redistribute=terms.redistribute,  # type: ignore[arg-type]
        patient=terms.patient,
        study=terms.study,
        published_split=of.sample.split,
        fills=wording.fills,
        evidence=tuple(evidence),
        **fields,
    )


def boxes_text(instances: Iterable[tuple[str, Instance]]) -> str:
    """JSON of (name, instance): ``[{"bbox_2d": [x0, y0, x1, y1], "label": "liver"}]``, pixels to one decimal."""
    return named_boxes_text((name, one.box) for name, one in instances)


def named_boxes_text(boxes: Iterable[tuple[str, tuple[float, float, float, float]]]) -> str:
    """The same of (name, box)."""
    return json.dumps([{"bbox_2d": [_short(edge) for edge in box], "label": name} for name, box in boxes])


def points_text(points: Iterable[tuple[str, tuple[float, float]]]) -> str:
    """JSON of (name, (x, y)): ``[{"point_2d": [x, y], "label": "liver"}]``, pixels to one decimal."""
    return json.dumps([{"point_2d": [_short(x), _short(y)], "label": name} for name, (x, y) in points])


def _short(value: float) -> float | int:
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def boxed(instances: Sequence[Instance], first_fact: int = 0) -> tuple[Place, ...]:
    """A Place with box and mask for each instance; instance i is proved by fact `first_fact` + i."""
    return tuple(
        Place(concept=one.concept, box=one.box, rle=one.rle, fact=first_fact + number)
        for number, one in enumerate(instances)
    )


def known_fact(meant: Concept, what: str, value: str) -> Fact:
    """What the vocabulary says of a concept: its definition or its attributes, and whose words they are."""
    return Fact(
        concept=meant.id, predicate=what, value=value, file="catalogs/vocab", pointer=f"catalogs/vocab#{meant.id}",
        source_name=meant.definition_source,
    )  # fmt: skip


def absence(scene: Scene, concept: str) -> Fact | None:
    """What proves that a concept has no instance in the picture; None where nothing does.

    Nor is there proof where a label of the picture says that it is there, or is unsure of it.
    """
    doubted = ("uncertain",) if scene.labels_of_patient else ("uncertain", "present")
    if any(stated.concept == concept and stated.polarity in doubted for stated in scene.labels):
        return None
    if concept not in scene.complete or concept in scene.by_concept:
        return None
    return scene.nothing_of(concept)
