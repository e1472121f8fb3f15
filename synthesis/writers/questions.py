"""Questions: closed and open, of facts or of a report, worded by an engine and answered by the annotation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

import msgspec
from pydantic import Field

from medloom.schemas.identity import shuffled
from medloom.schemas.record import Answer, Config, Record
from medloom.synthesis.brief import Brief, Finding, Told
from medloom.synthesis.compose import case_key
from medloom.synthesis.evidence.check import Wanted, faults
from medloom.synthesis.evidence.claims import claims_of
from medloom.synthesis.evidence.ground import joined, of_text
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.grammar import indefinite
from medloom.synthesis.prompt import Slot
from medloom.synthesis.scene import Case
from medloom.synthesis.task import Context
from medloom.synthesis.text_facts import text_facts
from medloom.synthesis.writers.briefed import brief_of, lines
from medloom.synthesis.writers.prompted import Fields, record_of
from medloom.synthesis.writers.reworded import Bases, RewordedParams, RewordedWriter, proved


class QuestionParams(RewordedParams):
    """`of` are the tasks whose questions are worded anew; `per_text` is the number of questions about a report."""

    of: Bases = ("vqa.closed", "vqa.open", "counting")
    per_text: int = Field(default=2, ge=0)


ASKED = {
    "where": r"\b(?:where|whereabouts|locat\w+|position\w*|place|(?:which|what) (?:part|area|region|side|ninth|"
    r"corner)|lie|lies|found)\b",
    "how many": r"\b(?:how many|count\w*|number)\b",
    "how taken": r"\b(?:modality|imaging|technique|method|taken|kind of (?:picture|image|imaging|scan)|acquired|"
    r"made|produced)\b",
    "plane": r"\b(?:plane|orientation|axial|cut|slice\w*)\b",
    "view": r"\b(?:projection|view|direction|position\w*)\b",
    "how big": r"\b(?:how (?:large|big|long|wide|far|much)|size|measure\w*|area|volume|length|diameter|axis|axes|"
    r"extent|distance|"
    r"angle|dimension\w*)\b",
    "which": r"\b(?:which|what|name|identify|choose|select)\b",
}
"""What a question can ask for, by the words that it then has one of."""
_TEMPLATES = (
    ("where", r"\bwhere\b|\bwhich part\b|\blocate\b|\bpart of the picture does\b|\bwhich side\b"),
    ("how many", r"\bhow many\b|\bcount\b|\bnumber of\b"), ("how taken", r"\bmodality\b|"
        r"\bimaging\b"), ("plane", r"\bplane\b"),
    ("view", r"\bprojection\b"), ("how big", r"\bhow (?:large|big|long|wide|far)\b|\bsize\b|\bmeasure\b|\barea of\b|"
        r"\bvolume of\b"),
    ("which", r"^(?:which|what) (?!part)\b.*\b(?:lies|shown?|seen|these|following)\b"),
)  # fmt: skip


def another_asked(template: str, question: str) -> str | None:
    """What the template's question asks for and the other doesn't; None where they ask for the same."""
    for name, pattern in _TEMPLATES:
        if re.search(pattern, template, re.IGNORECASE):
            return None if re.search(ASKED[name], question, re.IGNORECASE) else name
    return None


def question_faults(brief: Brief, question: str, untold: tuple[str, ...] = (), boxes: bool = False) -> Iterator[Fault]:
    """What is wrong with a question that stands for the template's: another thing asked, another place, the answer
    given away, a thing taken for granted that isn't proved."""
    theirs = claims_of(brief.slot("question"))
    about = brief.concepts if any(claim.term in brief.concepts for claim in theirs.claims) else ()
    wanted = Wanted(ground=proved(brief), question=True, about=about, untold=untold, boxes=boxes, words=(3, 45))
    yield from faults(question, wanted)
    missing = another_asked(brief.slot("question"), question)
    if missing is not None and brief.form != "closed":
        yield Fault("answer", f"asks for something else than {missing}")
    asked, ours = ({spot.words for spot in theirs.spots}, {spot.words for spot in claims_of(question).spots})
    if asked != ours:
        yield Fault("place", "another place is asked about")


def untold_of(brief: Brief) -> tuple[str, ...]:
    """Words that a question must not say because they are its answer."""
    if brief.answer is None or brief.form in ("closed", "single", "multiple"):
        return ()
    return tuple(word for word in (brief.answer.text, *brief.answer.variants) if len(word) > 1 or word.isdigit())


class WrittenQuestion(RewordedWriter):
    """Record types 4, 5 and 16 (of facts) and 34 (of a report). The answer's first words are the annotation's own;
    what is said beyond them is held against the facts."""

    name: ClassVar[str] = "write.qa"
    type: ClassVar[int] = 5
    config: ClassVar[Config] = "vqa"
    prompts: ClassVar[tuple[str, ...]] = ("qa",)
    needs = (frozenset({"labels"}), frozenset({"boxes"}), frozenset({"masks"}), frozenset({"texts"}))
    Params = QuestionParams
    params: QuestionParams

    def briefs_of_case(self, case: Case, context: Context) -> Iterator[Brief]:
        """Questions about what a report states, where there is a text and no picture."""
        if case.scenes:
            return
        for text in case.sample.texts:
            found = [one for one in text_facts(text) if one.polarity != "uncertain" and text.language == "en"]
            for one in shuffled(found, case.terms.source, case.sample.key, self.name, text.kind)[
                : self.params.per_text
            ]:
                meant = context.vocabulary[one.concept]
                word = "yes" if one.polarity == "present" else "no"
                key = case_key(self, case, (), text.pointer, one.concept)
                said = f"There is {indefinite(meant)}." if word == "yes" else f"There is no {meant.name}."
                finding = Finding(concept=one.concept, polarity=one.polarity, says=said, fact=0)
                asked = f"Is there {indefinite(meant)}?"
                yield brief_of(
                    self, case, (), key, ask="text", form="closed", concepts=(one.concept,), polarity=one.polarity,
                    answer=Answer(text=word), facts=(one.fact,), findings=(finding,),
                    texts=(Told(kind=text.kind, body=text.body, fact=0),),
                    given=(("question", asked), ("said", said), ("reason", ""), ("type", "34"), ("config", "text")),
                )  # fmt: skip

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        facts = [text.body for text in brief.texts] or lines(brief)
        return {"facts": facts, "question": brief.slot("question"), "answer": brief.slot("said")}

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        yield from question_faults(brief, fields["question"], untold_of(brief))
        yield from answer_faults(brief, fields["answer"])

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        fields = done["qa"]
        question = fields["question"]
        if brief.texts:
            question = f"{brief.texts[0].body}\n\n{question}"
        yield record_of(
            self, brief, [(question, fields["answer"])], worded, type=int(brief.slot("type")),
            config=brief.slot("config"), answer=None if brief.answer is None else _with(brief.answer, fields["answer"]),
        )  # fmt: skip


def answer_faults(brief: Brief, answer: str) -> Iterator[Fault]:
    """What is wrong with an answer in words: it has to say what the annotation answers, and nothing unproved."""
    texts = [of_text(text.body, whole=False) for text in brief.texts]
    wanted = Wanted(ground=joined(proved(brief), *texts), words=(1, 60))
    yield from faults(answer, wanted)
    first = answer.strip().lower()
    right = brief.answer
    if right is None:
        return
    if brief.form == "closed":
        says = (
            "yes"
            if first.startswith("yes")
            else "no"
            if first.startswith(("no,", "no.", "no:", "no ")) or first == "no"
            else ""
        )
        stances = {claim.stance for claim in claims_of(answer).claims if claim.term in brief.concepts}
        meant = "present" if right.text == "yes" else "absent"
        if says and says != right.text:
            yield Fault("answer", f"{says}, not {right.text}")
        if (not says or stances) and stances != {meant}:
            yield Fault("answer", f"does not say that it is {meant}")
    elif right.number is not None and right.unit == "count":
        if not any(number.value == right.number for number in claims_of(answer).numbers) and right.number:
            yield Fault("answer", f"does not say {right.number:g}")
    elif not any(word.lower() in first for word in (right.text, *right.variants) if word):
        yield Fault("answer", f"does not say {right.text!r}")


def _with(answer: Answer, said: str) -> Answer:
    return msgspec.structs.replace(answer, variants=tuple(dict.fromkeys((*answer.variants, said))))
