"""Brief: what a writer leaves for an engine to phrase, with everything that its Record needs and that proves it."""

from __future__ import annotations

from typing import Literal

import msgspec

from medloom.schemas.record import Answer, Fact, Form, Measurement, Option, Place
from medloom.schemas.sample import Polarity, Split


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A view that the record shows: its id, the SHA-256 of its stored bytes, and its size in stored pixels."""

    id: str
    sha256: str
    kind: Literal["picture", "volume", "clip"] = "picture"
    width: int
    height: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A text that the engine gets to work on. `kind` as in `Text` (findings, impression, caption, ...), or ``source``
    for what is to be rephrased word for word; `fact` is the index of the fact that proves it."""

    kind: str
    body: str
    language: str = "en"
    fact: int | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that may be said of the picture, proved by fact `fact`.

    `side` is the patient's, `places` are words for where in the picture its instances lie (3×3 grid, quadrant), `count`
    is the number of all its instances where that is known, `boxes` are half-open xyxy in stored pixels of the first
    view. `says` is the same in one English sentence, for the prompt.
    """

    concept: str
    polarity: Polarity = "present"
    says: str
    fact: int
    side: Literal["left", "right", "both"] | None = None
    places: tuple[str, ...] = ()
    count: int | None = None
    boxes: tuple[tuple[float, float, float, float], ...] = ()


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be written. Made in a unit from facts alone, stored beside the records, rendered after conversion.

    `id` is that of the Record to be; where one brief gives several, they are digests of it. `ask` names what the writer
    wants of the brief where it has several kinds ("closed", "single"). `findings`, `known` (how the picture was taken:
    modality, view, body_part, plane, each by its words), `measurements`, `places` and `texts` are all that may be said;
    `answer`, `options` and `polarity` are settled before anything is asked. `language` is that of the text to be
    written. `given` are values by slot that prompts fill in as they are (the fixed question, say).
    """

    id: str
    task: str
    version: str
    source: str
    sample: str
    views: tuple[Shown, ...] = ()
    licence: str
    access: Literal["open", "registration", "credentialed"] = "open"
    redistribute: Literal["bytes", "text", "index"] = "bytes"
    patient: str | None = None
    study: str | None = None
    published_split: Split | None = None
    ask: str = ""
    form: Form = "none"
    concepts: tuple[str, ...] = ()
    polarity: Polarity | None = None
    answer: Answer | None = None
    options: tuple[Option, ...] = ()
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()
    known: tuple[tuple[str, str], ...] = ()
    measurements: tuple[Measurement, ...] = ()
    places: tuple[Place, ...] = ()
    texts: tuple[Told, ...] = ()
    given: tuple[tuple[str, str], ...] = ()
    language: str = "en"

    def slot(self, name: str) -> str:
        """A value of `given`. Raises KeyError where there is none."""
        return dict(self.given)[name]
