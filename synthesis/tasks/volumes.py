"""Volumes: what a volume shows that is kept whole, by the masks of all of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from medloom.schemas.identity import shuffled
from medloom.schemas.record import Answer, Config, Fact, Record
from medloom.schemas.view import View
from medloom.synthesis.compose import case_key, compose_case
from medloom.synthesis.grammar import definite, indefinite, listed
from medloom.synthesis.scene import Case
from medloom.synthesis.task import CaseTask, Context, TaskParams


class VolumeParams(TaskParams):
    """At most `concepts` concepts are asked for, or named, of one volume: findings first."""

    concepts: int = Field(default=6, ge=1)


class _VolumeTask(CaseTask):
    type: ClassVar[int] = 21
    config: ClassVar[Config] = "volume"
    needs = (frozenset({"volumes", "masks"}),)
    Params = VolumeParams
    params: VolumeParams

    def shown(self, case: Case) -> Iterator[tuple[View, dict[str, Fact], dict[str, Fact]]]:
        """Each whole volume, with the facts of what it shows and of what is proven not to be in it."""
        for view in case.whole:
            scenes = case.of(view.media)
            if view.kind != "volume" or not scenes:
                continue
            first = scenes[0]
            there = {volume.concept: volume.fact for volume in first.volumes}
            proven = (
                (concept, first.nothing_of(concept))
                for concept in sorted(first.complete - first.partial - there.keys())
            )
            absent = {concept: fact for concept, fact in proven if fact is not None}
            yield view, there, absent


class VolumeClosed(_VolumeTask):
    """Record type 21: is something anywhere in the volume? As many questions answered with no as with yes, if there
    are so many.
    """

    name: ClassVar[str] = "volume.closed"

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        for view, there, absent in self.shown(case):
            known = context.census.regions
            no = {concept: fact for concept, fact in absent.items() if concept in known}
            half = max(1, self.params.concepts // 2)
            asked = [*shuffled(sorted(there), view.id, "yes")[:half], *shuffled(sorted(no), view.id, "no")[:half]]
            for concept in asked:
                said = "Yes" if concept in there else "No"
                key = case_key(self, case, [view], concept)
                slots = {"what": indefinite(context.vocabulary[concept]), "answer": f"{said}."}
                yield compose_case(
                    self, case, [view], key, context.templates[self.name].render(key, slots),
                    [there.get(concept) or no[concept]], form="closed", concepts=(concept,),
                    answer=Answer(text=said, variants=(said.lower(),)),
                    polarity="present" if concept in there else "absent",
                )  # fmt: skip


class VolumeOpen(_VolumeTask):
    """Record type 21: what the volume shows, findings first, then the largest of the rest."""

    name: ClassVar[str] = "volume.open"

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        for view, there, _ in self.shown(case):
            sizes = {volume.concept: volume.mm3 for volume in case.of(view.media)[0].volumes}
            if not there:
                continue

            def rank(concept: str, sizes: dict[str, float] = sizes) -> tuple[bool, float, str]:
                return context.vocabulary[concept].kind != "finding", -sizes[concept], concept

            named = sorted(there, key=rank)[: self.params.concepts]
            meant = [context.vocabulary[concept] for concept in named]
            words = listed([indefinite(one) if one.kind == "finding" else definite(one) for one in meant])
            key = case_key(self, case, [view])
            yield compose_case(
                self, case, [view], key, context.templates[self.name].render(key, {"findings": words}),
                [there[concept] for concept in named], form="open", concepts=tuple(named), answer=Answer(text=words),
            )  # fmt: skip
