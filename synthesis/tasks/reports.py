"""Reports: the source's own text as the answer, or as what is asked about. Nothing is rewritten."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import Field

from medloom.converters.text.polarity import any_phrase
from medloom.converters.text.sentences import sentences
from medloom.schemas.record import Answer, Config, Fact, Mention, Record
from medloom.schemas.sample import Text
from medloom.schemas.view import View
from medloom.synthesis.compose import case_key, compose_case
from medloom.synthesis.grammar import indefinite
from medloom.synthesis.scene import Case
from medloom.synthesis.task import CaseTask, Context, TaskParams
from medloom.synthesis.template import Wording
from medloom.synthesis.text_facts import text_fact, text_facts

BLANK = re.compile(r"X{3,}|_{3,}|\[\*\*.*?\*\*\]|\[(?:NAME|DATE|ID|PLACE|PHONE|AGE|NUMBER)[^\]]*\]")
"""What de-identification leaves in the place of a word."""
OF_BEFORE = any_phrase(
    "prior", "previous(?:ly)?", "compar(?:ed|ison|ative)", "unchanged", "interval", "again", "since", "stable", "new",
    "newly", "increas(?:ed|ing)", "decreas(?:ed|ing)", "improv(?:ed|ing|ement)", "worsen(?:ed|ing)", "persist(?:s|ent)",
    "remains?", "no longer", "resol(?:ved|ution)", "progress(?:ed|ion)", "as before", "earlier", "last",
)  # fmt: skip
"""Speaks of an earlier examination, which isn't shown."""
ELSEWHERE = re.compile(r"\s*(?:see|as|same as)\s+(?:above|below|before|figure|fig\.?|text)\b", re.IGNORECASE)
"""Says nothing of its own picture."""
ORDER = ("indication", "technique", "comparison", "findings", "impression", "recommendation")


STATING = ("findings", "impression", "report", "caption")
"""Kinds of texts that state what is there."""


class ReportParams(TaskParams):
    """A text counts where it has at least `min_words` words."""

    min_words: int = Field(default=3, ge=1)


class _TextTask(CaseTask):
    """What the tasks on text share."""

    type: ClassVar[int] = 22
    config: ClassVar[Config] = "text"
    needs = (frozenset({"texts"}),)
    Params = ReportParams
    params: ReportParams

    def usable(self, case: Case, *kinds: str) -> Iterator[Text]:
        """Texts of these kinds (of any, without) that are long enough."""
        for text in case.sample.texts:
            if (not kinds or text.kind in kinds) and len(text.body.split()) >= self.params.min_words:
                yield text

    def compose(
        self,
        case: Case,
        context: Context,
        template: str,
        slots: dict[str, str],
        evidence: Sequence[Fact],
        **fields: Any,
    ) -> Record:
        """A record without pictures, worded by a template."""
        key = case_key(self, case, (), template, sorted(slots.items()))
        wording = context.templates[template].render(key, slots)
        fields = {"form": "open", "answer": Answer(text=wording.answer)} | fields
        return compose_case(self, case, (), key, wording, evidence, **fields)


class Impression(_TextTask):
    """Record type 22: the impression of a report from its findings, both in the source's words.

    Left out where de-identification took a word of the impression, or where it speaks of an earlier examination.
    """

    name: ClassVar[str] = "report.impression"

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        findings, impression = (list(self.usable(case, kind)) for kind in ("findings", "impression"))
        if len(findings) != 1 or len(impression) != 1:
            return
        said = impression[0].body
        if BLANK.search(said) or OF_BEFORE.search(said):
            return
        slots = {"findings": _unstopped(findings[0].body), "impression": said}
        evidence = [text_fact(impression[0], "stated"), text_fact(findings[0], "stated")]
        yield self.compose(case, context, "text.impression", slots, evidence, language=impression[0].language)


class Sections(_TextTask):
    """Record type 22: a report as running text, and the same parted into its sections."""

    name: ClassVar[str] = "report.sections"

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        by_kind = {text.kind: text for text in case.sample.texts if text.kind in ORDER}
        parts = [by_kind[kind] for kind in ORDER if kind in by_kind]
        if len(parts) < 2 or len(parts) < sum(text.kind in ORDER for text in case.sample.texts):
            return
        running = " ".join(text.body if text.body.endswith((".", "!", "?")) else f"{text.body}." for text in parts)
        shown = "\n".join(f"{text.kind.capitalize()}: {text.body}" for text in parts)
        slots = {"text": _unstopped(running), "sections": shown}
        yield self.compose(case, context, "text.sections", slots, [text_fact(text, "stated") for text in parts])


class ConceptAnnotation(_TextTask):
    """Record type 3: the findings that a text names, each with polarity and the characters where it does."""

    name: ClassVar[str] = "concept.annotation"
    type: ClassVar[int] = 3

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        for text in self.usable(case, *STATING):
            facts = text_facts(text)
            if not facts:
                continue
            lines = [f"{context.vocabulary[one.concept].name}: {one.polarity}" for one in facts]
            mentions = tuple(
                Mention(concept=one.concept, polarity=one.polarity, start=each.start, end=each.end, fact=number)
                for number, one in enumerate(facts)
                for each in one.mentions
            )
            yield self.compose(
                case,
                context,
                "text.concepts",
                {"text": _unstopped(text.body), "concepts": "\n".join(lines)},
                [one.fact for one in facts],
                concepts=tuple(one.concept for one in facts),
                mentions=mentions,
                texts=(text.body,),
                language=text.language,
            )


class TextQuestion(_TextTask):
    """Record type 34: whether a text states a finding to be present; only where it says yes or no itself."""

    name: ClassVar[str] = "text.question"
    type: ClassVar[int] = 34

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        for text in self.usable(case, *STATING):
            for one in text_facts(text):
                if one.polarity == "uncertain":
                    continue
                said = "Yes" if one.polarity == "present" else "No"
                yield self.compose(
                    case,
                    context,
                    "text.question",
                    {
                        "text": _unstopped(text.body),
                        "finding": indefinite(context.vocabulary[one.concept]),
                        "answer": f"{said}.",
                    },
                    [one.fact],
                    form="closed",
                    answer=Answer(text=said, variants=(said.lower(),)),
                    concepts=(one.concept,),
                    polarity=one.polarity,
                    language=text.language,
                )


class FindingsOfPictures(_TextTask):
    """Record type 22: the source's findings for all pictures of a study, which it shows.

    Sentences that speak of an earlier examination, or of which de-identification took a word, are left out; where
    pictures of the study are missing nothing is asked, since they may be what the findings are of.
    """

    name: ClassVar[str] = "report.generate"
    config: ClassVar[Config] = "image_text"

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        views = _pictures(case)
        texts = list(self.usable(case, "findings"))
        if not views or case.sample.missing or len(texts) != 1:
            return
        spans = sentences(texts[0].body)
        said = [texts[0].body[start:end] for start, end in spans]
        left = [one for one in said if not (BLANK.search(one) or OF_BEFORE.search(one))]
        body = " ".join(left)
        if len(body.split()) < self.params.min_words:
            return
        key = case_key(self, case, views)
        drawn = context.templates["report.findings"].render(key, {"findings": body})
        wording = Wording(drawn.prompt, body, drawn.template, drawn.fills)
        evidence = [text_fact(texts[0], "stated")]
        yield compose_case(
            self, case, views, key, wording, evidence, form="open", answer=Answer(text=body), texts=(body,)
        )


class GivenCaption(_TextTask):
    """Record type 1: the source's own caption of all the pictures that it is about, in its own words.

    Left out where one of them is missing, where it was shown by text that was scrubbed, and where it only points to
    another one ("See above").
    """

    name: ClassVar[str] = "caption.given"
    type: ClassVar[int] = 1
    config: ClassVar[Config] = "image_text"

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        views = _pictures(case)
        if not views or case.sample.missing:
            return
        for text in self.usable(case, "caption"):
            if BLANK.search(text.body) or ELSEWHERE.match(text.body):
                continue
            key = case_key(self, case, views, text.body)
            drawn = context.templates["caption.given"].render(key, {"words": text.body})
            wording = Wording(drawn.prompt, text.body, drawn.template, drawn.fills)
            yield compose_case(
                self, case, views, key, wording, [text_fact(text, "stated")], form="open",
                answer=Answer(text=text.body), texts=(text.body,), language=text.language,
            )  # fmt: skip


def _pictures(case: Case) -> tuple[View, ...]:
    """The views of a study of pictures, one for each; none where it has volumes or clips, of which a view is a part."""
    if any(media.kind != "picture" for media in case.sample.media):
        return ()
    views = tuple(scene.view for scene in case.scenes)
    return views if len(views) == len(case.sample.media) else ()


def _unstopped(text: str) -> str:
    """Without its last full stop, which the template sets."""
    return text[:-1] if text.endswith(".") else text
