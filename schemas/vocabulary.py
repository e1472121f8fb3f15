"""Vocabulary: the concepts that labels map to, with the words that records may use for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["finding", "organ", "structure", "cell", "device", "view", "modality", "quality", "class"]


class Concept(BaseModel):
    """One concept. `name` reads in running text ("pleural effusion"); `countable` allows "How many ...?".

    `definition` is a sentence that stands alone. `attributes` are what one sees in a picture. `side` marks a concept
    that is itself one-sided ("left lung"). `codes` are only those whose licence lets us carry them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    name: str
    plural: str
    kind: Kind
    synonyms: tuple[str, ...] = ()
    definition: str | None = None
    definition_source: str | None = None
    attributes: tuple[str, ...] = ()
    parent: str | None = None
    organ: str | None = None
    side: Literal["left", "right"] | None = None
    countable: bool = True
    mass: bool = False
    """Takes no article: "there is pneumonia", not "a pneumonia"."""
    codes: Mapping[str, str] = Field(default_factory=dict)


class Vocabulary:
    """Concepts by id. Raises KeyError for an unknown id; `names` says which ids there are."""

    def __init__(self, concepts: Iterable[Concept]) -> None:
        self._concepts: dict[str, Concept] = {}
        for concept in concepts:
            if concept.id in self._concepts:
                raise ValueError(f"concept {concept.id!r} stands twice in the vocabulary")
            self._concepts[concept.id] = concept

    def __getitem__(self, concept: str) -> Concept:
        return self._concepts[concept]

    def __contains__(self, concept: object) -> bool:
        return concept in self._concepts

    def __iter__(self) -> Iterator[Concept]:
        return iter(self._concepts.values())

    @property
    def names(self) -> list[str]:
        return sorted(self._concepts)

    def ancestors(self, concept: str) -> tuple[str, ...]:
        """Parents upwards, nearest first."""
        found: list[str] = []
        parent = self._concepts[concept].parent
        while parent is not None and parent not in found:
            found.append(parent)
            parent = self._concepts[parent].parent
        return tuple(found)

    def related(self, one: str, other: str) -> bool:
        """True where one is the other or lies above it: such a pair can't be right and wrong at once."""
        return one == other or one in self.ancestors(other) or other in self.ancestors(one)
