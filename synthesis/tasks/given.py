"""Questions that the source itself ships, in its own words, with their origin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import msgspec
from pydantic import Field

from medloom.schemas.identity import pick
from medloom.schemas.record import Answer, Config, Fact, Form, Option, Place, Record, Turn
from medloom.schemas.sample import Question
from medloom.schemas.view import View
from medloom.synthesis.compose import case_key, compose_case, named_boxes_text
from medloom.synthesis.facts import region_fact
from medloom.synthesis.scene import Case
from medloom.synthesis.task import CaseTask, Context, TaskParams
from medloom.synthesis.tasks.choices import chosen, option_lines
from medloom.synthesis.template import Template, Wording

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Origin = Literal["people", "template", "model", "unknown"]


class GivenParams(TaskParams):
    """`origins` whose questions are taken; at most `per_sample` questions or conversations of one Sample, the first."""

    origins: tuple[Origin, ...] = ("people", "template", "model", "unknown")
    per_sample: int | None = Field(default=None, ge=1)


class GivenQuestion(CaseTask):
    """Record types 4 to 7 by form; 9 for a conversation, 17 for an earlier and a later picture, 18 for other sets, 23
    with reason and boxes, 24 with a reason alone, 34 without any picture.

    Words, options and their order are the source's. A question is asked only where every picture that it names is
    shown; a volume or clip only where it is kept whole, since no slice proves what is said of all of it.
    """

    name: ClassVar[str] = "question.given"
    type: ClassVar[int] = 5
    config: ClassVar[Config] = "vqa"
    needs = (frozenset({"questions"}),)
    Params = GivenParams
    params: GivenParams

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        taken: set[str] = set()
        for talk in _talks(case.sample.questions):
            if not all(one.origin in self.params.origins for one in talk):
                continue
            views = _views(talk[0], case)
            if views is None or len(taken) == self.params.per_sample:
                continue
            said = [(one.question, one.answer, one.options) for one in talk]
            key = case_key(self, case, views, *said)
            if key not in taken:
                taken.add(key)
                yield (
                    self._talk(talk, views, key, case)
                    if len(talk) > 1
                    else self._one(talk[0], views, key, case, context)
                )

    def _one(self, asked: Question, views: Sequence[View], key: str, case: Case, context: Context) -> Record:
        form, answer, options = _answered(asked)
        places = _places(asked, views, case)
        evidence = [_stated(asked)]
        prompt = asked.question + (f"\n{option_lines(options)}" if options else "")
        said = chosen(options)[0] if options else asked.answer
        wording = Wording(prompt, said, f"{self.name}@{self.version}", ("choice",) if options else ("answer",))
        fields: dict[str, Any] = {"form": form, "answer": answer, "options": options, "type": _type(form, views, case)}
        if asked.reason is not None and asked.language == "en":
            slots = {"question": asked.question, "answer": said, "reason": asked.reason}
            named = f"{self.name}.{'boxes' if places else 'reason'}{'.choice' if options else ''}"
            if options:
                slots["options"] = option_lines(options)
            if places:
                labels = [context.vocabulary[place.concept].name for place in places]
                slots["boxes"] = named_boxes_text(
                    (label, place.box) for label, place in zip(labels, places, strict=True) if place.box is not None
                )
            wording = _worded(context.templates[named], key, slots)
            fields |= {"config": "reasoning", "reason": asked.reason, "type": 23 if places else 24}
            evidence.append(msgspec.structs.replace(evidence[0], predicate="explained", value=asked.reason))
        first = len(evidence)
        if places:
            role = "answer" if "boxes" in wording.fills else "context"
            fields["places"] = tuple(
                msgspec.structs.replace(place, fact=first + number, role=role) for number, place in enumerate(places)
            )
            fields["concepts"] = tuple(sorted({place.concept for place in places}))
            evidence += [
                region_fact(place.concept, evidence[0].file, asked.pointer, box.name)
                for place, box in zip(places, asked.boxes, strict=True)
            ]
        if fields.get("config") != "reasoning":
            fields["config"] = _config(views)
        return compose_case(self, case, views, key, wording, evidence, language=asked.language, **fields)

    def _talk(self, talk: list[Question], views: Sequence[View], key: str, case: Case) -> Record:
        """A conversation as it is: one record of several turns."""
        wording = Wording(talk[0].question, talk[0].answer, f"{self.name}@{self.version}", ("answer",))
        first = compose_case(
            self, case, views, key, wording, [_stated(one) for one in talk], language=talk[0].language,
            config=_config(views), type=9 if views else 34,
        )  # fmt: skip
        rest = [
            turn
            for one in talk[1:]
            for turn in (Turn(role="user", text=one.question), Turn(role="assistant", text=one.answer))
        ]
        return msgspec.structs.replace(first, turns=(*first.turns, *rest))


def _talks(questions: Sequence[Question]) -> list[list[Question]]:
    """Conversations: each question with those that follow it."""
    found: list[list[Question]] = []
    for one in questions:
        if one.follows and found:
            found[-1].append(one)
        else:
            found.append([one])
    return found


def _views(asked: Question, case: Case) -> list[View] | None:
    """What the question shows, in its order; None where some of it can't be shown."""
    kinds = {media.key: media.kind for media in case.sample.media}
    whole = {view.media: view for view in case.whole}
    found = []
    for key in asked.media or kinds:
        scenes = case.of(key)
        if key in whole:
            found.append(whole[key])
        elif kinds.get(key) == "picture" and len(scenes) == 1:
            found.append(scenes[0].view)
        else:
            return None
    if not found and (case.sample.media or asked.media):
        return None
    return found if sum(view.kind != "picture" for view in found) <= 1 else None


def _config(views: Sequence[View]) -> Config:
    if not views:
        return "text"
    kinds = {view.kind for view in views}
    return "volume" if "volume" in kinds else "video" if "clip" in kinds else "vqa"


def _type(form: Form, views: Sequence[View], case: Case) -> int:
    if not views:
        return 34
    if len(views) > 1:
        roles = {media.key: media.role for media in case.sample.media}
        return 17 if {roles.get(view.media) for view in views} == {"earlier", "later"} else 18
    kind = views[0].kind
    if kind != "picture":
        return 21 if kind == "volume" else 20
    return {"closed": 4, "single": 6, "multiple": 7}.get(form, 5)


def _answered(asked: Question) -> tuple[Form, Answer, tuple[Option, ...]]:
    if asked.options:
        options = tuple(
            Option(key=LETTERS[number], text=text, concept="", correct=number in asked.correct)
            for number, text in enumerate(asked.options)
        )
        return "multiple" if len(asked.correct) > 1 else "single", chosen(options)[1], options
    form: Form = "closed" if asked.answer.lower() in ("yes", "no") else "open"
    return form, Answer(text=asked.answer, variants=asked.variants), ()


def _stated(asked: Question) -> Fact:
    """The evidence: question and answer as the source has them, and whose words they are."""
    return Fact(
        concept="",
        predicate="stated",
        value=f"{asked.question}\n{asked.answer}",
        file=asked.pointer.split("#", 1)[0],
        pointer=asked.pointer,
        source_name=f"{asked.kind} ({asked.origin})" if asked.kind else asked.origin,
    )


def _places(asked: Question, views: Sequence[View], case: Case) -> tuple[Place, ...]:
    """The question's boxes in stored pixels of the first picture; none unless all of them have a concept."""
    labels = case.naming.card.labels
    concepts = [labels.get(box.name) for box in asked.boxes]
    if not views or views[0].kind != "picture" or views[0].derivation.crop or None in concepts:
        return ()
    view = views[0]
    sx, sy = view.derivation.scale or (1.0, 1.0)
    found = []
    for box, concept in zip(asked.boxes, concepts, strict=True):
        x0, y0, x1, y1 = box.box
        scaled = (x0 * sx, y0 * sy, min(x1 * sx, float(view.width)), min(y1 * sy, float(view.height)))
        if concept is None or scaled[0] >= scaled[2] or scaled[1] >= scaled[3]:
            return ()
        found.append(Place(concept=concept, box=scaled, fact=0))
    return tuple(found)


def _worded(template: Template, key: str, slots: dict[str, str]) -> Wording:
    """As `Template.render`, but the source's words keep their case."""
    prompt, answer = (
        pick(len(lines), what, key) for what, lines in (("prompt", template.prompts), ("answer", template.answers))
    )
    return Wording(
        prompt=template.prompts[prompt].format_map({slot: slots[slot] for slot in template.asks}),
        answer=template.answers[answer].format_map({slot: slots[slot] for slot in template.fills}),
        template=f"{template.id}@{template.version}#{prompt}.{answer}",
        fills=tuple(sorted(template.fills)),
    )
