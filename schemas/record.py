"""Record: one training item and the annotation that proves it."""

from __future__ import annotations

from typing import Literal

import msgspec

from medloom.schemas.sample import Polarity, Rle, Split

Config = Literal["image_text", "vqa", "grounding", "reasoning", "text", "volume", "video", "preference"]
Role = Literal["user", "assistant"]
Form = Literal["none", "closed", "open", "single", "multiple", "numeric", "region"]
CONFIGS: tuple[Config, ...] = (
    "image_text", "vqa", "grounding", "reasoning", "text", "volume", "video", "preference",
)  # fmt: skip
MEDIA_TAGS = {"picture": "<image>", "volume": "<volume>", "clip": "<video>"}
"""What a user turn carries once for each view, by the view's kind."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn. A user turn carries a tag of `MEDIA_TAGS` once for each view that it shows, in the order of `views`."""

    role: Role
    text: str


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One option of a choice: its letter, its text, the concept behind it, and whether it is right."""

    key: str
    text: str
    concept: str
    correct: bool


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One region of an answer or a prompt, in stored pixels of view number `view` (half-open xyxy, origin top-left).

    `fact` is the index of the fact that proves it.
    """

    view: int = 0
    concept: str
    box: tuple[float, float, float, float] | None = None
    point: tuple[float, float] | None = None
    rle: Rle | None = None
    role: Literal["answer", "prompt", "context"] = "answer"
    fact: int


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """A number that was measured, unrounded, with its unit and the name of its method.

    HU are Hounsfield units; SUV is the standardised uptake value by body weight, in g/ml.
    """

    name: str
    value: float
    unit: Literal["mm", "mm2", "mm3", "deg", "count", "ratio", "HU", "SUV"]
    method: str
    fact: int


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What the ground truth says and where: the evidence that a record cites.

    `file` and `pointer` lead to the annotation in the source (``labels/x.nii.gz``, ``value=3;component=1``).
    """

    concept: str
    predicate: str
    polarity: Polarity = "present"
    value: str | None = None
    number: float | None = None
    unit: str | None = None
    file: str
    pointer: str
    source_name: str | None = None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a clip's own time, in seconds, that an answer or a question is about; fact `fact` proves it."""

    start_s: float
    end_s: float
    concept: str
    fact: int


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """A concept in a text of the record: characters `start` (inclusive) to `end` (exclusive) of ``texts[text]``."""

    concept: str
    polarity: Polarity
    start: int
    end: int
    text: int = 0
    fact: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer in a form that can be scored: text and accepted variants, option keys, or a number with unit."""

    text: str
    variants: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    number: float | None = None
    unit: str | None = None


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """That the record is of something which training never saw: the axis of the shift, and the value on it."""

    axis: str
    value: str


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """A score that a judging model gave, 1 (worst) to 5. `name` is relevance, visual_dependence, image_correspondence
    or formatting, after FineVision (Wiedmann et al., 2025)."""

    name: str
    value: float


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """What a preference rejects beside the last turn, which it chooses: another text, or the same text over another
    picture (`view`: a View of the row that `views` doesn't name).

    `reason` is a short snake_case code of what is wrong with it; `weight` is for trainers that weigh pairs.
    """

    text: str | None = None
    view: str | None = None
    reason: str
    weight: float = 1.0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One training item.

    `id` digests (source, sample, task, parameters, views); `views` are View ids in the order of their tags, and none
    in the config ``text``. The configs ``volume`` and ``video`` show media that are kept whole.
    `texts` are the several captions of a caption record, never joined. `fills` names the template's slots that the
    answer fills. `split` is None until the corpus-level split has run. `licence` is an SPDX expression.
    """

    id: str
    config: Config
    task: str
    type: int
    source: str
    sample: str
    views: tuple[str, ...]
    turns: tuple[Turn, ...]
    template: str
    licence: str
    access: Literal["open", "registration", "credentialed"] = "open"
    redistribute: Literal["bytes", "text", "index"] = "bytes"
    patient: str | None = None
    study: str | None = None
    published_split: Split | None = None
    split: Split | None = None
    held_out: HeldOut | None = None
    language: str = "en"
    form: Form = "none"
    concepts: tuple[str, ...] = ()
    polarity: Polarity | None = None
    options: tuple[Option, ...] = ()
    answer: Answer | None = None
    places: tuple[Place, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    spans: tuple[Span, ...] = ()
    mentions: tuple[Mention, ...] = ()
    texts: tuple[str, ...] = ()
    reason: str | None = None
    rejected: Rejected | None = None
    ratings: tuple[Rating, ...] = ()
    fills: tuple[str, ...] = ()
    evidence: tuple[Fact, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one filter says of one record. `reason` is a short snake_case code where it drops."""

    record: str
    filter: str
    keep: bool
    reason: str | None = None
    score: float | None = None
