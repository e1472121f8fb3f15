"""Visits: what became of a finding from one visit of a patient to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar, Literal

import msgspec
from pydantic import Field

from medloom.schemas.identity import digest
from medloom.schemas.record import MEDIA_TAGS, Answer, Config, Fact, Measurement, Record, Turn
from medloom.schemas.vocabulary import Concept
from medloom.synthesis.compose import boxed, case_key, compose_case, named_boxes_text
from medloom.synthesis.glance import Glance, Sighting, nearest
from medloom.synthesis.scene import Case, Scene
from medloom.synthesis.task import CaseTask, Context, PatientTask, TaskParams

Change = Literal["new", "gone", "worse", "better", "same"]
SAID: dict[Change, tuple[str, tuple[str, ...]]] = {
    "new": ("New: there was none before.", ("it is new", "appeared")),
    "gone": ("Gone: it can no longer be seen.", ("it is gone", "disappeared", "resolved")),
    "worse": ("Worse: it has grown.", ("larger", "grown", "progressive")),
    "better": ("Better: it has shrunk.", ("smaller", "shrunk", "regressive")),
    "same": ("The same: its size has not changed.", ("unchanged", "stable")),
}


def interval(days: float | None) -> str:
    """When the second picture was taken: ``81 days later``, or ``at a later visit``."""
    if days is None:
        return "at a later visit"
    whole = round(days)
    return f"{whole} day{'' if whole == 1 else 's'} later"


class DifferenceParams(TaskParams):
    """Long axes that grow by `grown` or more are worse, that shrink by `shrunk` or more better (RECIST 1.1: 20 % and
    30 %), those within `same` of each other the same; of what lies between nothing is said.
    """

    grown: float = Field(default=0.2, gt=0)
    shrunk: float = Field(default=0.3, gt=0, lt=1)
    same: float = Field(default=0.1, ge=0)


class VisitDifference(PatientTask):
    """Record type 17: new, gone, worse, better or the same, from one dated visit to the next of the same kind.

    New and gone need the absence proven at one visit and the presence at the other; sizes need one object that was
    measured at both, or the volume of all of it. Both pictures are shown: the one that shows it best, and of the other
    visit the one that shows it best or the nearest slice.
    """

    name: ClassVar[str] = "difference.visits"
    type: ClassVar[int] = 17
    config: ClassVar[Config] = "vqa"
    needs = (
        frozenset({"visits", "labels"}),
        frozenset({"visits", "boxes"}),
        frozenset({"visits", "masks"}),
    )
    Params = DifferenceParams
    params: DifferenceParams

    def of_patient(self, visits: Sequence[Glance], context: Context) -> Iterator[Record]:
        kinds = dict.fromkeys(visit.kind for visit in visits)
        for kind in kinds:
            same = sorted((one for one in visits if one.kind == kind), key=lambda one: (one.day, one.sample))
            for earlier, later in pairwise(same):
                if later.day > earlier.day:
                    yield from self._pair(earlier, later, context)

    def _pair(self, earlier: Glance, later: Glance, context: Context) -> Iterator[Record]:
        for after in later.sightings:
            before = earlier.seen(after.concept)
            meant = context.vocabulary[after.concept]
            if before is None or meant.kind != "finding":
                continue
            change = self._change(before, after)
            shown = _shown(before, after, earlier, later)
            if change is not None and shown is not None:
                yield self._record(change, before, after, shown, earlier, later, meant, context)

    def _change(self, before: Sighting, after: Sighting) -> Change | None:
        polarities = (before.polarity, after.polarity)
        if polarities == ("absent", "present"):
            return "new"
        if polarities == ("present", "absent"):
            return "gone"
        if polarities != ("present", "present") or before.method != after.method:
            return None
        if not before.length_mm or not after.length_mm:
            return None
        ratio = after.length_mm / before.length_mm
        if ratio >= 1 + self.params.grown:
            return "worse"
        if ratio <= 1 - self.params.shrunk:
            return "better"
        return "same" if abs(ratio - 1) <= self.params.same else None

    def _record(
        self,
        change: Change,
        before: Sighting,
        after: Sighting,
        shown: tuple[int, int],
        earlier: Glance,
        later: Glance,
        meant: Concept,
        context: Context,
    ) -> Record:
        views = (earlier.views[shown[0]], later.views[shown[1]])
        terms, days = later.terms, later.day - earlier.day
        asked = (earlier.sample, later.sample, after.concept)
        key = digest("record", terms.source, [view.id for view in views], self.stamp, asked)
        slots = {"what": meant.name, "interval": interval(days), "change": SAID[change][0]}
        wording = context.templates[self.name].render(key, slots)
        tags = "\n".join(MEDIA_TAGS[view.kind] for view in views)
        evidence = [before.fact, after.fact, _days(days, later)]
        measured = [
            Measurement(name=name, value=one.length_mm, unit="mm", method=one.method, fact=number)
            for number, (name, one) in enumerate((("before", before), ("after", after)))
            if change in ("worse", "better", "same") and one.length_mm is not None and one.method is not None
        ]
        return Record(
            id=key, config=self.config, task=self.name, type=self.type, source=terms.source, sample=later.sample,
            views=tuple(view.id for view in views),
            turns=(
                Turn(role="user", text=f"{tags}\n{wording.prompt}"), Turn(role="assistant", text=wording.answer),
            ),
            template=wording.template, licence=terms.licence, access=terms.access,  # type: ignore[arg-type]
            redistribute=terms.redistribute, patient=terms.patient,  # type: ignore[arg-type]
            published_split=later.split, form="open", concepts=(after.concept,),
            answer=Answer(text=change, variants=SAID[change][1]), measurements=tuple(measured), fills=wording.fills,
            evidence=tuple(evidence),
        )  # fmt: skip


def _days(days: float | None, later: Glance) -> Fact:
    file = later.views[0].source_file
    return Fact(concept="", predicate="interval", number=days, unit="d", file=file, pointer=f"{file}#visit")


def _shown(before: Sighting, after: Sighting, earlier: Glance, later: Glance) -> tuple[int, int] | None:
    """The numbers of the two views; None where one of them can't show it."""
    first, second = before.view, after.view
    if first is None and second is None:
        return None
    if before.polarity == "absent" and second is not None:
        first = nearest(later.views[second], earlier.views)
    elif after.polarity == "absent" and first is not None:
        second = nearest(earlier.views[first], later.views)
    return None if first is None or second is None else (first, second)


class ChangeParams(TaskParams):
    """Slices with more than `boxes` changes are not asked about."""

    boxes: int = Field(default=40, ge=1)


class MarkedChanges(CaseTask):
    """Record type 17: where something changed between two visits, on two slices of one place; and whether.

    Only where the source marks what changed. Which of them grew or shrank isn't asked: the mark doesn't say.
    """

    name: ClassVar[str] = "difference.changes"
    type: ClassVar[int] = 17
    config: ClassVar[Config] = "grounding"
    needs = (frozenset({"changes"}),)
    Params = ChangeParams
    params: ChangeParams

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        days = {media.key: media.day for media in case.sample.media}
        for later in case.scenes:
            if later.since is None:
                continue
            earlier = _same_slice(case, later)
            if earlier is None:
                continue
            first, second = days.get(later.since.media), days.get(later.view.media)
            gap = None if first is None or second is None else second - first
            concepts = {one.concept for one in later.changes} | {fact.concept for fact in later.since.judged}
            for concept in sorted(concepts):
                yield from self._of(concept, case, earlier, later, gap, context)

    def _of(
        self, concept: str, case: Case, earlier: Scene, later: Scene, gap: float | None, context: Context
    ) -> Iterator[Record]:
        assert later.since is not None
        views = (earlier.view, later.view)
        meant = context.vocabulary[concept]
        changed = [one for one in later.changes if one.concept == concept]
        denied = [fact for fact in later.since.judged if fact.concept == concept]
        if len(changed) > self.params.boxes or not (changed or denied):
            return
        facts = [one.fact for one in changed] or denied[:1]
        slots = {"what": meant.name, "interval": interval(gap)}
        polarity: Literal["present", "absent"] = "present" if changed else "absent"
        if denied:
            key = case_key(self, case, views, concept, "whether")
            said = "Yes" if changed else "No"
            wording = context.templates["difference.changed"].render(key, slots | {"answer": f"{said}."})
            yield compose_case(
                self, case, views, key, wording, facts, config="vqa", form="closed", concepts=(concept,),
                answer=Answer(text=said, variants=(said.lower(),)), polarity=polarity,
            )  # fmt: skip
        key = case_key(self, case, views, concept)
        if not changed:
            wording = context.templates["difference.changes.none"].render(key, slots | {"nothing": meant.name})
            yield compose_case(
                self, case, views, key, wording, facts, form="region", concepts=(concept,), answer=Answer(text="[]"),
                polarity=polarity,
            )  # fmt: skip
            return
        text = named_boxes_text((meant.name, one.box) for one in changed)
        wording = context.templates[self.name].render(key, slots | {"boxes": text})
        places = tuple(msgspec.structs.replace(place, view=1) for place in boxed(changed))
        yield compose_case(
            self, case, views, key, wording, facts, form="region", concepts=(concept,), answer=Answer(text=text),
            places=places, polarity=polarity,
        )  # fmt: skip


def _same_slice(case: Case, later: Scene) -> Scene | None:
    """The earlier medium's picture of the same slice on the same grid."""
    assert later.since is not None
    made = later.view.derivation
    media = {one.key: one for one in case.sample.media}
    if media[later.since.media].onto != later.view.media:
        return None
    for scene in case.of(later.since.media):
        if (scene.view.derivation.plane, scene.view.derivation.slice_index) == (made.plane, made.slice_index):
            return scene
    return None
