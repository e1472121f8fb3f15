"""Contrasts: several pictures of one patient at one visit, told apart by how they were taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from medloom.schemas.identity import pick, shuffled
from medloom.schemas.record import Answer, Config, Record
from medloom.schemas.view import Plane
from medloom.synthesis.acquired import acquired
from medloom.synthesis.compose import case_key, compose_case
from medloom.synthesis.grammar import article
from medloom.synthesis.scene import Case, Scene
from medloom.synthesis.task import CaseTask, Context, TaskParams


class ContrastParams(TaskParams):
    """`per_sample` questions of one Sample, each of at most `pictures` pictures."""

    per_sample: int = Field(default=2, ge=1)
    pictures: int = Field(default=5, ge=2, le=5)


class WhichContrast(CaseTask):
    """Record type 18: which of two to five pictures of one visit was taken with a given MR sequence.

    One picture for each sequence that has a name in words, of one plane, in an order drawn by content.
    """

    name: ClassVar[str] = "contrast.which"
    type: ClassVar[int] = 18
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"contrasts"}),)
    Params = ContrastParams
    params: ContrastParams

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        if any(media.day is not None for media in case.sample.media):
            return  # of several visits
        by_plane: dict[Plane | None, dict[str, Scene]] = {}
        for media in case.sample.media:
            scenes = case.of(media.key)
            for plane in dict.fromkeys(scene.view.derivation.plane for scene in scenes):
                those = [scene for scene in scenes if scene.view.derivation.plane == plane]
                middle = those[len(those) // 2]
                said = acquired(middle).get("sequence")
                if said is not None:
                    by_plane.setdefault(plane, {}).setdefault(said[0], middle)
        for plane, named in by_plane.items():
            if len(named) < 2:
                continue
            for number in range(self.params.per_sample):
                yield self._one(case, plane, named, number, context)

    def _one(self, case: Case, plane: Plane | None, named: dict[str, Scene], number: int, context: Context) -> Record:
        seed = (case.terms.source, case.sample.key, self.stamp, plane, number)
        words = shuffled(sorted(named), *seed)[: self.params.pictures]
        asked = words[pick(len(words), "asked", *seed)]
        scenes = [named[one] for one in words]
        views = [scene.view for scene in scenes]
        key = case_key(self, case, views, asked, number)
        place = str(words.index(asked) + 1)
        what = f"{article(asked)} {asked} MR picture"
        wording = context.templates[self.name].render(
            key, {"what": what, "count": str(len(words)), "picture": place}
        )  # fmt: skip
        facts = [acquired(scene)["sequence"][1] for scene in scenes]
        return compose_case(
            self, case, views, key, wording, facts, form="open",
            answer=Answer(text=place, variants=(f"picture {place}",)),
        )  # fmt: skip
