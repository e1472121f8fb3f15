"""Transcript: what is said in a clip around a frame, cleaned of slips and fillers, as the frame's caption."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from medloom.schemas.identity import pick
from medloom.schemas.record import Answer, Config, Record
from medloom.schemas.sample import Text
from medloom.synthesis.brief import Brief, Told
from medloom.synthesis.compose import case_key
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.ground import of_text
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.prompt import Slot
from medloom.synthesis.scene import Case
from medloom.synthesis.task import Context, TaskParams
from medloom.synthesis.text_facts import text_fact
from medloom.synthesis.writers.briefed import brief_of
from medloom.synthesis.writers.prompted import Fields, PromptedWriter, record_of

ASKS = ("What is said of this frame?", "Describe this frame of the video.", "What is being explained here?")


_FILLER = re.compile(
    r",?\s*\b(?:u[hm]+|e[rh]m*|ah+|h?mm+|you know|i mean|okay|ok|all right|alright|right(?=\s*\?))\b,?", re.IGNORECASE
)
_STUTTER = re.compile(r"\b(\w+)(?:\s+\1\b)+", re.I)


class TranscriptParams(TaskParams):
    """Speech from `before` seconds before the frame to `after` seconds after it, of `min_words` words or more."""

    before: float = Field(default=8.0, ge=0)
    after: float = Field(default=4.0, ge=0)
    min_words: int = Field(default=6, ge=1)


class Transcript(PromptedWriter):
    """Record type 20 as a frame with its speech (MedFrameQA, Yu et al. 2025): a faithful rephrase and no more."""

    name: ClassVar[str] = "write.transcript"
    type: ClassVar[int] = 20
    config: ClassVar[Config] = "image_text"
    prompts: ClassVar[tuple[str, ...]] = ("transcript",)
    needs = (frozenset({"texts", "clips"}),)
    Params = TranscriptParams
    params: TranscriptParams

    def briefs_of_case(self, case: Case, context: Context) -> Iterator[Brief]:
        for scene in case.scenes:
            time = scene.view.derivation.time_s
            if time is None:
                continue
            heard = [text for text in case.sample.texts if self._near(text, time, scene.view.media)]
            body = " ".join(text.body.strip() for text in heard)
            if len(body.split()) < self.params.min_words:
                continue
            key = case_key(self, case, (scene.view,), [text.pointer for text in heard])
            yield brief_of(
                self, case, (scene.view,), key, form="open", facts=tuple(text_fact(text, "said") for text in heard),
                texts=(Told(kind="transcript", body=body, language=heard[0].language, fact=0),),
                given=(("question", ASKS[pick(len(ASKS), "prompt", key)]),), language=heard[0].language,
            )  # fmt: skip

    def _near(self, text: Text, time: float, media: str) -> bool:
        if text.kind != "transcript" or text.start_s is None or text.end_s is None or text.language != "en":
            return False
        here = text.media in (None, media)
        return here and text.start_s <= time + self.params.after and text.end_s >= time - self.params.before

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        return {"speech": brief.texts[0].body}

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        speech = plain_speech(brief.texts[0].body)
        most = max(12, int(1.5 * len(speech.split())))
        yield from faults(fields["text"], Wanted(ground=of_text(speech), words=(3, most)))
        left = _FILLER.search(fields["text"])
        if left is not None:
            yield Fault("format", f"still has {left[0].strip(' ,')!r}")

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        said = done["transcript"]["text"]
        yield record_of(self, brief, [(brief.slot("question"), said)], worded, texts=(said,), answer=Answer(text=said))


def plain_speech(heard: str) -> str:
    """What was said without fillers and stutters: "all right" is no side, and "the the" no two things."""
    return _STUTTER.sub(r"\1", " ".join(_FILLER.sub(" ", heard).split()))
