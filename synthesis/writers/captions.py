"""Captions: what a picture shows, in an engine's words and out of the annotation's facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from medloom.schemas.identity import pick
from medloom.schemas.record import Answer, Config, Record
from medloom.synthesis.brief import Brief
from medloom.synthesis.compose import record_key
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.ground import of_brief
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.prompt import Slot
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context, TaskParams
from medloom.synthesis.writers.briefed import brief_of, lines, told_of
from medloom.synthesis.writers.prompted import Fields, PromptedWriter, record_of


class CaptionParams(TaskParams):
    """At most `findings` findings, those that are shown before those that aren't; at most `absent` of the latter."""

    findings: int = Field(default=6, ge=1)
    absent: int = Field(default=2, ge=0)


class WrittenCaption(PromptedWriter):
    """Record type 1. Every finding that is shown is in the caption; nothing else is."""

    name: ClassVar[str] = "write.caption"
    type: ClassVar[int] = 1
    config: ClassVar[Config] = "image_text"
    prompts: ClassVar[tuple[str, ...]] = ("caption",)
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = CaptionParams
    params: CaptionParams

    def briefs(self, scene: Scene, context: Context) -> Iterator[Brief]:
        told = told_of(scene, context, most=self.params.findings + 40)
        shown = [one for one in told["findings"] if one.polarity == "present"][: self.params.findings]
        absent = [one for one in told["findings"] if one.polarity == "absent"][: self.params.absent]
        if not shown and not absent:
            return
        key = record_key(self, scene)
        asks = context.templates["caption"].prompts
        told["findings"] = (*shown, *absent)
        yield brief_of(
            self, scene, (scene.view,), key, concepts=tuple(one.concept for one in shown),
            given=(("question", asks[pick(len(asks), "prompt", key)]),), **told,
        )  # fmt: skip

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        return {"facts": lines(brief)}

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Any]) -> Iterator[Fault]:
        wanted = Wanted(ground=of_brief(brief), must=brief.concepts, words=(4, 120))
        yield from faults(fields["caption"], wanted)

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        caption = done["caption"]["caption"]
        yield record_of(
            self, brief, [(brief.slot("question"), caption)], worded, texts=(caption,), answer=Answer(text=caption)
        )
