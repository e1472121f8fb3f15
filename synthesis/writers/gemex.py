"""GEMeX: answer, reason and box in the four forms of Liu et al. (2024); question and reason in an engine's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

import msgspec

from medloom.schemas.identity import pick
from medloom.schemas.record import Config, Record
from medloom.synthesis.brief import Brief
from medloom.synthesis.compose import named_boxes_text
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.grammar import definite, indefinite
from medloom.synthesis.prompt import Slot
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context
from medloom.synthesis.tasks.choices import option_lines
from medloom.synthesis.template import sentence
from medloom.synthesis.vocabulary import load_vocabulary
from medloom.synthesis.writers.briefed import asked, lines
from medloom.synthesis.writers.prompted import Fields, record_of
from medloom.synthesis.writers.questions import question_faults, untold_of
from medloom.synthesis.writers.reworded import Bases, RewordedParams, RewordedWriter, proved

ASKS = (
    "Give your reason and a box.", "Explain, and box it.", "Reason and box, please.",
    "Add a reason and a bounding box.", "Justify the answer and mark it with a box.",
)  # fmt: skip
"""What follows the question, since the answer gives a reason and boxes."""


class GemexParams(RewordedParams):
    """Records of ``reasoning.box`` are reworded."""

    of: Bases = ("reasoning.box",)
    per_picture: int = 4


class Gemex(RewordedWriter):
    """Record type 23. Answer, options and boxes are the annotation's; question and reason are held against it."""

    name: ClassVar[str] = "write.gemex"
    type: ClassVar[int] = 23
    config: ClassVar[Config] = "reasoning"
    prompts: ClassVar[tuple[str, ...]] = ("gemex.closed", "gemex.open", "gemex.choice")
    needs = (frozenset({"boxes"}), frozenset({"masks"}))
    Params = GemexParams
    params: GemexParams

    def brief(self, scene: Scene, record: Record, context: Context) -> Brief:
        brief = super().brief(scene, record, context)
        given = dict(brief.given) | {
            "question": plain_question(record, context),
            "reason": plain_reason(record, context),
        }
        return msgspec.structs.replace(brief, given=tuple(given.items()))

    def step(self, brief: Brief, done: Mapping[str, Fields]) -> str | None:
        prompt = _prompt(brief)
        return None if prompt in done else prompt

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        return {
            "facts": lines(brief, brief.concepts),
            "question": brief.slot("question"),
            "options": [option.text for option in brief.options],
            "answer": _head(brief),
            "reason": brief.slot("reason"),
        }

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        yield from question_faults(brief, fields["question"], untold_of(brief))
        reason = fields["reason"]
        if re.match(r"(?:yes|no)[,.]", reason, re.IGNORECASE):
            yield Fault("format", "yes or no, which the answer says already")
        wanted = Wanted(ground=proved(brief), must=brief.concepts, words=(4, 80))
        yield from faults(reason, wanted)

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        fields = done[_prompt(brief)]
        asks = ASKS[pick(len(ASKS), "asks", brief.id)]
        question = "\n".join(
            [f"{fields['question']} {asks}", *([option_lines(brief.options)] if brief.options else [])]
        )
        vocabulary = load_vocabulary()
        boxes = named_boxes_text(
            (vocabulary[place.concept].name, place.box) for place in brief.places if place.box is not None
        )
        said = f"{_head(brief)} {fields['reason']} {boxes}"
        yield record_of(
            self, brief, [(question, said)], worded, reason=fields["reason"],
            fills=("answer", "boxes", "reason") if brief.places else ("answer", "reason"),
        )  # fmt: skip


_WHERE = re.compile(r"\bin the ([a-z ]+?) of (?:the|this) picture\b|\bthe ([a-z ]+?) of this picture\b")


def plain_question(record: Record, context: Context) -> str:
    """What the template's question asks, without its options and without asking for reason and box."""
    meant = context.vocabulary[record.concepts[0]]
    place = _WHERE.search(asked(record))
    if record.form == "closed":
        return f"Does this picture show {indefinite(meant)}?"
    if record.form == "multiple":
        return "Which of these does this picture show?"
    if place is not None:
        return f"What lies in the {place[1] or place[2]} of the picture?"
    return f"Where in the picture is {definite(meant)}?"


def plain_reason(record: Record, context: Context) -> str:
    """The template's reason in words that name what is asked about; without the shares of width and height that show
    where it lies."""
    assert record.answer is not None
    if record.form == "open" and record.answer.text.startswith("in the "):
        return f"{sentence(definite(context.vocabulary[record.concepts[0]]))} lies {record.answer.text}."
    return record.reason or ""


def _prompt(brief: Brief) -> str:
    """The prompt of the brief's form: examples of one form alone are what small models keep to."""
    return f"gemex.{brief.form if brief.form in ('closed', 'open') else 'choice'}"


def _head(brief: Brief) -> str:
    """The answer as it is said first: yes or no, the right options, or the annotation's words."""
    assert brief.answer is not None
    if brief.options:
        right = [f"{option.key}. {option.text}" for option in brief.options if option.correct]
        return f"{' and '.join(right)}."
    return f"{sentence(brief.answer.text)}."
