"""Reworded: writers that begin with records which templates have made, so that everything but the words is settled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import msgspec
from pydantic import Field

from medloom.schemas.identity import digest, shuffled
from medloom.schemas.record import Record
from medloom.synthesis.brief import Brief
from medloom.synthesis.evidence.ground import Ground, joined, measured, of_brief, of_text
from medloom.synthesis.registry import load_task
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context, Task, TaskParams
from medloom.synthesis.writers.briefed import asked, brief_of, told_of
from medloom.synthesis.writers.prompted import PromptedWriter

Bases = tuple[str | dict[str, dict[str, Any]], ...]
"""Names of tasks, or a name with its parameters, as a catalog has them."""


class RewordedParams(TaskParams):
    """`of` are the tasks whose records are reworded, names or a name with its parameters; at most `per_picture` of
    them, drawn by content."""

    of: Bases
    per_picture: int = Field(default=2, ge=1)


class RewordedWriter(PromptedWriter):
    """Its Briefs are records of other tasks: form, options, answer, places and evidence stay as they are."""

    params: RewordedParams

    @cached_property
    def base(self) -> list[Task]:
        """The tasks of `of`."""
        named = [(entry, {}) if isinstance(entry, str) else next(iter(entry.items())) for entry in self.params.of]
        return [load_task(name, params) for name, params in named]

    def fits(self, record: Record) -> bool:
        """Whether a record is one that this writer can reword."""
        return len(record.turns) == 2

    def briefs(self, scene: Scene, context: Context) -> Iterator[Brief]:
        records = [record for task in self.base for record in task.records(scene, context) if self.fits(record)]
        drawn = shuffled(sorted(records, key=lambda record: record.id), scene.view.id, self.name)
        for record in drawn[: self.params.per_picture]:
            yield self.brief(scene, record, context)

    def brief(self, scene: Scene, record: Record, context: Context) -> Brief:
        """The Brief of a record: its evidence first, then what else the picture is proved to show."""
        told = told_of(scene, context, record.concepts)
        ahead = len(record.evidence)
        findings = tuple(msgspec.structs.replace(one, fact=one.fact + ahead) for one in told["findings"])
        return brief_of(
            self, scene, (scene.view,), digest("record", record.id, self.stamp), ask=record.form, form=record.form,
            concepts=record.concepts, polarity=record.polarity, answer=record.answer, options=record.options,
            facts=(*record.evidence, *told["facts"]), findings=findings, known=told["known"],
            measurements=record.measurements, places=record.places,
            given=(("question", asked(record)), ("said", record.turns[1].text), ("reason", record.reason or ""),
                   ("task", record.task), ("type", str(record.type)), ("config", record.config)),
        )  # fmt: skip


def proved(brief: Brief) -> Ground:
    """What annotations prove, and what the template's question and answer state of them: places only of what the
    annotations have no place for, since a place that a sentence names goes with one thing."""
    said = of_text(brief.slot("said"), brief.slot("reason"), brief.slot("question"), whole=False)
    numbers = frozenset(one.value for one in brief.measurements)
    placed = {finding.concept for finding in brief.findings if finding.places}
    spots = () if brief.concepts and placed.issuperset(brief.concepts) else said.spots
    stated = said._replace(claims=(), spots=spots, quantities=(*said.quantities, *measured(brief.measurements)))
    return joined(of_brief(brief), stated._replace(numbers=said.numbers | numbers, unsided=True, boxes=said.boxes))


def names(concepts: Sequence[str], context: Context) -> list[str]:
    """The concepts' names."""
    return [context.vocabulary[concept].name for concept in concepts]
