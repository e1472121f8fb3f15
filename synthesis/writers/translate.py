"""Translate: a record in another language, checked by translating it back and holding that to the original."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from medloom.schemas.identity import digest
from medloom.schemas.record import Answer, Config, Record
from medloom.synthesis.brief import Brief
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.claims import claims_of
from medloom.synthesis.evidence.ground import of_text
from medloom.synthesis.evidence.held import Fault, held
from medloom.synthesis.prompt import Slot
from medloom.synthesis.scene import Scene
from medloom.synthesis.task import Context
from medloom.synthesis.writers.prompted import Fields, record_of
from medloom.synthesis.writers.reworded import Bases, RewordedParams, RewordedWriter

LANGUAGES = {
    "ar": "Arabic",
    "zh": "Chinese (simplified)",
    "hi-en": "Hindi mixed with English medical words, as doctors in India speak",
    "hi": "Hindi", "fr": "French", "de": "German", "es": "Spanish", "pt": "Portuguese", "it": "Italian",
}  # fmt: skip
"""What prompts call a language, by its tag."""
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९０１２３４５６７８９", "0123456789" * 4)


class TranslateParams(RewordedParams):
    """`languages` are tags of `LANGUAGES`; each drawn record is translated to each of them."""

    of: Bases = ("vqa.closed", "vqa.open")
    languages: tuple[str, ...] = Field(default=("ar", "zh", "hi-en"), min_length=1)
    per_picture: int = 1


class Translate(RewordedWriter):
    """Record type 30. Two prompts: there, and back. The way back is asked without the original, and what it says is
    held to the original in every claim; numbers stand in the translation itself."""

    name: ClassVar[str] = "write.translate"
    type: ClassVar[int] = 30
    config: ClassVar[Config] = "vqa"
    prompts: ClassVar[tuple[str, ...]] = ("translate", "translate.back")
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}))
    Params = TranslateParams
    params: TranslateParams

    def fits(self, record: Record) -> bool:
        return super().fits(record) and not record.options and record.language == "en" and not record.places

    def briefs(self, scene: Scene, context: Context) -> Iterator[Brief]:
        import msgspec

        for brief in super().briefs(scene, context):
            for language in self.params.languages:
                yield msgspec.structs.replace(brief, id=digest(brief.id, language), language=language)

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        language = LANGUAGES.get(brief.language, brief.language)
        if prompt == "translate":
            return {"language": language, "question": brief.slot("question"), "answer": brief.slot("said")}
        return {"language": language, **{name: done["translate"][name] for name in ("question", "answer")}}

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        question, said = brief.slot("question"), brief.slot("said")
        if prompt == "translate":
            for name, original in (("question", question), ("answer", said)):
                wanted = Wanted(ground=of_text(original), language=brief.language, words=(1, 120))
                yield from faults(fields[name], wanted)
                if _figures(fields[name]) != _figures(original):
                    yield Fault("number", f"figures of the {name} differ")
            return
        yield from faults(fields["answer"], Wanted(ground=of_text(said), words=(1, 120), of_text=True))
        back, first = claims_of(fields["question"]), claims_of(question)
        for fault in held(back, of_text(question)):
            if fault.kind in ("added", "side", "place", "number", "count", "polarity"):
                yield fault
        if {claim.term for claim in first.claims} - {claim.term for claim in back.claims}:
            yield Fault("lost", "what is asked about")

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        fields = done["translate"]
        answer = None if brief.answer is None else Answer(
            text=fields["answer"], number=brief.answer.number, unit=brief.answer.unit,
            variants=(brief.answer.text,),
        )  # fmt: skip
        yield record_of(
            self, brief, [(fields["question"], fields["answer"])], worded, answer=answer, config=brief.slot("config")
        )


def _figures(text: str) -> list[str]:
    return sorted(re.findall(r"\d+(?:\.\d+)?", text.translate(_DIGITS)))
