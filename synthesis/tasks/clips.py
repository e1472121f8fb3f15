"""Clips: what a source says of a whole clip, asked of its frames in order, or of the clip where it is kept whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import msgspec
from pydantic import Field

from medloom.schemas.record import Answer, Config, Record, Span
from medloom.schemas.view import View
from medloom.synthesis.compose import case_key, compose_case
from medloom.synthesis.facts import label_fact
from medloom.synthesis.grammar import indefinite, listed
from medloom.synthesis.scene import Case
from medloom.synthesis.task import CaseTask, Context, TaskParams
from medloom.synthesis.template import Wording
from medloom.synthesis.text_facts import text_fact


class ClipParams(TaskParams):
    """A clip that isn't kept whole is asked about by its frames, at least `min_frames` of them."""

    min_frames: int = Field(default=2, ge=2)


class _ClipTask(CaseTask):
    type: ClassVar[int] = 20
    config: ClassVar[Config] = "vqa"
    Params = ClipParams
    params: ClipParams

    def shown(self, case: Case) -> tuple[Config, Sequence[View]] | None:
        """The whole clip where it is kept, else its frames; None where the Sample isn't one clip."""
        media = case.sample.media
        if len(media) != 1 or media[0].kind != "clip":
            return None
        if case.whole:
            return "video", case.whole[:1]
        views = [scene.view for scene in case.of(media[0].key)]
        return ("vqa", views) if len(views) >= self.params.min_frames else None


class ClipQuestion(_ClipTask):
    """Record type 20: is a finding in the clip? Yes and no by what the source states of the clip."""

    name: ClassVar[str] = "clip.closed"
    needs = (frozenset({"clips", "labels"}),)

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        shown = self.shown(case)
        if shown is None or case.labels_of_patient:
            return
        config, views = shown
        for stated in case.labels:
            concept = context.vocabulary[stated.concept]
            if stated.polarity == "uncertain" or concept.kind not in ("finding", "device"):
                continue
            said = "Yes" if stated.polarity == "present" else "No"
            key = case_key(self, case, views, stated.concept)
            wording = context.templates["clip.closed"].render(
                key, {"finding": indefinite(concept), "answer": f"{said}."}
            )
            yield compose_case(
                self, case, views, key, wording, [stated.fact], config=config, form="closed",
                answer=Answer(text=said, variants=(said.lower(),)), concepts=(stated.concept,),
                polarity=stated.polarity,
            )  # fmt: skip


class ClipFindings(_ClipTask):
    """Record type 20: all findings that the source states of the clip to be present."""

    name: ClassVar[str] = "clip.open"
    needs = (frozenset({"clips", "labels"}),)

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        shown = self.shown(case)
        if shown is None or case.labels_of_patient:
            return
        config, views = shown
        found = [
            one
            for one in case.labels
            if one.polarity == "present" and context.vocabulary[one.concept].kind in ("finding", "device")
        ]
        if not found:
            return
        key = case_key(self, case, views)
        words = listed([indefinite(context.vocabulary[one.concept]) for one in found])
        wording = context.templates["clip.open"].render(key, {"findings": words})
        yield compose_case(
            self, case, views, key, wording, [one.fact for one in found], config=config, form="open",
            answer=Answer(text=words), concepts=tuple(one.concept for one in found),
        )  # fmt: skip


class EventTime(_ClipTask):
    """Record type 20: when an event is seen, all of its times in seconds from the clip's start. Only where the clip is
    kept whole: a few frames don't tell a time.
    """

    name: ClassVar[str] = "clip.event"
    version: ClassVar[str] = "2"
    config: ClassVar[Config] = "video"
    needs = (frozenset({"clips", "events"}),)

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        shown = self.shown(case)
        if shown is None or shown[0] != "video":
            return
        config, views = shown
        by_concept: dict[str, list[tuple[float, float, str, str]]] = {}
        for event in case.sample.events:
            concept = case.naming.concept(event.name)
            if concept is not None:
                by_concept.setdefault(concept, []).append((event.start_s, event.end_s, event.pointer, event.name))
        for concept in sorted(by_concept):
            times = sorted(by_concept[concept])
            facts = [
                msgspec.structs.replace(
                    label_fact(concept, "present", pointer, name), predicate="seen", value=_seconds(start, end)
                )
                for start, end, pointer, name in times
            ]
            key = case_key(self, case, views, concept)
            said = listed([_seconds(start, end) for start, end, _, _ in times])
            wording = context.templates["clip.event"].render(
                key, {"event": indefinite(context.vocabulary[concept]), "span": said}
            )
            spans = tuple(
                Span(start_s=start, end_s=end, concept=concept, fact=number)
                for number, (start, end, _, _) in enumerate(times)
            )
            yield compose_case(
                self, case, views, key, wording, facts, config=config, form="open", answer=Answer(text=said),
                concepts=(concept,), spans=spans,
            )  # fmt: skip


class NarrationParams(ClipParams):
    """Cues of at least `min_words` words; at most `per_clip` of one clip, at even steps."""

    min_words: int = Field(default=5, ge=1)
    per_clip: int = Field(default=8, ge=1)


class Narration(_ClipTask):
    """Record type 20: what is said of a stretch of the clip, in the words of its transcript. Only where the clip is
    kept whole; it has no sound, so that the answer is told from what is seen.
    """

    name: ClassVar[str] = "clip.narration"
    config: ClassVar[Config] = "video"
    needs = (frozenset({"clips", "texts"}),)
    Params = NarrationParams
    params: NarrationParams

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        shown = self.shown(case)
        if shown is None or shown[0] != "video":
            return
        config, views = shown
        said = [
            text
            for text in case.sample.texts
            if text.kind == "transcript" and len(text.body.split()) >= self.params.min_words
        ]
        for text in said[:: -(-len(said) // self.params.per_clip) or 1]:
            if text.start_s is None or text.end_s is None:
                continue
            key = case_key(self, case, views, text.start_s, text.end_s, text.body)
            span = _seconds(text.start_s, text.end_s)
            drawn = context.templates["clip.narration"].render(key, {"span": span, "words": text.body})
            wording = Wording(drawn.prompt, text.body, drawn.template, drawn.fills)
            yield compose_case(
                self, case, views, key, wording, [text_fact(text, "stated")], config=config, form="open",
                answer=Answer(text=text.body), language=text.language,
                spans=(Span(start_s=text.start_s, end_s=text.end_s, concept="", fact=0),),
            )  # fmt: skip


def _seconds(start: float, end: float) -> str:
    """``from 1.2 to 3.4 s``; a moment is ``at 1.2 s``."""
    return f"at {start:.1f} s" if end == start else f"from {start:.1f} to {end:.1f} s"
