"""Task: makes Records out of one Scene, or out of one Case, purely and deterministically."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

from medloom.converters.base import Feature
from medloom.schemas.identity import digest
from medloom.schemas.record import Config, Record
from medloom.schemas.vocabulary import Vocabulary
from medloom.synthesis.scene import Case, Scene

if TYPE_CHECKING:
    from medloom.synthesis.glance import Glance
    from medloom.synthesis.template import TemplateBook


class TaskParams(BaseModel):
    """Base of a task's parameters: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Census:
    """Which concepts are right somewhere in one source: the only place that distractors may come from.

    `labels` are concepts stated present for at least one Sample, `regions` concepts with at least one region.
    """

    labels: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a task may look at beside its Scene."""

    vocabulary: Vocabulary
    templates: TemplateBook
    census: Census


class Task:
    """One way to make records. `type` is the number of the record type; `needs` are the features that it feeds on
    (any one of the inner sets suffices). `of_all` tasks speak of every region of a name, and so of none where the card
    doesn't say that all are drawn. `version` changes whenever the same Scene would give other records."""

    name: ClassVar[str]
    type: ClassVar[int]
    config: ClassVar[Config]
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[frozenset[Feature], ...]]
    of_all: ClassVar[bool] = False
    Params: ClassVar[builtins.type[TaskParams]] = TaskParams

    def __init__(self, params: TaskParams) -> None:
        self.params = params
        self.stamp = digest(self.name, params.model_dump(mode="json"))

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        """Yields the records that this scene proves; none where it proves none."""
        raise NotImplementedError


class CaseTask(Task):
    """A task that asks about all of one Sample: several pictures, a whole volume or clip, or its text."""

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        """Nothing: one picture alone is not its business."""
        return iter(())

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        """Yields the records that this case proves; none where it proves none."""
        raise NotImplementedError


class PatientTask(Task):
    """A task that compares visits of one patient, of whatever Samples."""

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        """Nothing: one picture alone is not its business."""
        return iter(())

    def of_patient(self, visits: Sequence[Glance], context: Context) -> Iterator[Record]:
        """Yields the records that these visits of one patient prove; they come in the order of their Samples."""
        raise NotImplementedError
