"""Converter: reads a dataset in its native layout and names what is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from medloom.schemas.card import SourceCard
from medloom.schemas.sample import Refusal, Sample

Feature = Literal[
    "labels", "absent_labels", "boxes", "masks", "spacing", "landmarks", "texts", "questions", "events", "measured",
    "volumes", "clips", "pairs", "changes", "contrasts", "visits",
]  # fmt: skip


class Params(BaseModel):
    """Base of a converter's parameters: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Converter:
    """One native layout. `version` changes whenever the Samples that it yields for the same files would change.

    `samples` yields lazily, in a stable order, and decodes no pixel; an input that can't be used is yielded as a
    Refusal, never raised and never dropped. It neither resizes nor windows, splits, boxes or writes.
    `gives` names the features that a source with this card can feed to tasks.
    """

    version: ClassVar[str] = "1"
    Params: ClassVar[type[Params]] = Params

    def samples(self, root: Path, card: SourceCard) -> Iterator[Sample | Refusal]:
        """Yields one Sample, or one Refusal, for each unit of the dataset under `root`."""
        raise NotImplementedError

    def gives(self, card: SourceCard) -> frozenset[Feature]:
        """The features that Samples of this card carry."""
        raise NotImplementedError
