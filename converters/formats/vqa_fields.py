"""Questions of one row: which fields hold question, answer, options, kind, reason and boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from medloom.converters.base import Params
from medloom.converters.formats.vqa_boxes import BoxFields, boxes_of
from medloom.converters.formats.vqa_choice import Choice, OptionFields
from medloom.converters.formats.vqa_pointer import Fields, plain
from medloom.converters.formats.vqa_turns import TurnFields, pairs_of
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import NamedBox, Question

Origin = Literal["people", "template", "model", "unknown"]
TAG = re.compile(r"<(?:image|img|ImageHere|video)>(?:\s*</(?:image|img)>)?", re.IGNORECASE)
_YES_NO = re.compile(r"(yes|no)[.!]?", re.IGNORECASE)
_SCRIPTS = (
    ("ja", r"[\u3040-\u30ff]"), ("ko", r"[\uac00-\ud7af]"), ("zh", r"[\u4e00-\u9fff]"), ("ar", r"[\u0600-\u06ff]"),
    ("hi", r"[\u0900-\u097f]"), ("ru", r"[\u0400-\u04ff]"), ("el", r"[\u0370-\u03ff]"), ("he", r"[\u0590-\u05ff]"),
    ("th", r"[\u0e00-\u0e7f]"),
)  # fmt: skip


class QuestionFields(Params):
    """Pointers into a row (see `resolve`). `each` is a list of objects, each a question of its own; where `question`
    and `answer` both point to lists, they go in pairs. An answer may be a list, the best first, or an object of scores
    by answer; `several` cuts one text into answers.

    `kind` are the source's own words for the type of question. `language` is that of all, or stands at
    `language_field` as `languages` says; without either it is told by the script, and Latin script is English.
    `null` are words that stand for nothing.
    """

    question: str = "question"
    answer: str = "answer"
    each: str | None = None
    several: str | None = None
    options: OptionFields | None = None
    kind: tuple[str, ...] = ()
    reason: str | None = None
    boxes: BoxFields | None = None
    turns: TurnFields | None = None
    origin: Origin = "unknown"
    language: str | None = None
    language_field: str | None = None
    languages: dict[str, str] = Field(default_factory=dict)
    null: tuple[str, ...] = ()

    @property
    def pointers(self) -> tuple[str, ...]:
        """Every pointer that has to lead somewhere; what `correct` says needs no answer beside it."""
        found = [*self.kind, self.reason, self.language_field]
        if self.turns is not None:
            return tuple(one for one in (self.turns.at, *found) if one is not None)
        if self.options is not None:
            found += [*self.options.at, self.options.correct]
        if self.boxes is not None:
            found += [self.boxes.at, self.boxes.names]
        if self.options is None or self.options.correct is None:
            found.append(self.answer)
        return tuple(one for one in (self.question, *found) if one is not None)


Size = tuple[int, int] | BadInput | None
"""(width, height) of the picture that boxes are in, why it isn't known, or None where nobody needs it."""
Asked = tuple[str, Question | BadInput]
"""Where a question stands (``file#row=3,each=1``), and it or why it can't be used."""


class QuestionReader:
    """Reads the questions of a row as `params` say."""

    def __init__(self, params: QuestionFields) -> None:
        self._params = params

    def read(
        self, row: Any, pointer: str, media: tuple[str, ...], size: tuple[int, int] | BadInput | None
    ) -> Iterator[Asked]:
        """The row's questions about `media`; `size` is that of its first picture, needed for boxes, or why not."""
        params = self._params
        if params.turns is not None:
            yield from self._conversation(row, pointer, media)
            return
        if params.each is not None:
            inner = row.value(params.each)
            if not isinstance(inner, list):
                yield pointer, BadInput("missing_field", f"{params.each!r} holds no list of questions")
                return
            fields = [(f"{pointer},{params.each}={number}", Fields(row.row, own)) for number, own in enumerate(inner)]
        else:
            fields = [(pointer, row)]
        for where, found in fields:
            asked, answered = found.value(params.question), found.value(params.answer)
            if not isinstance(asked, list):
                yield from self._try(found, where, asked, answered, media, size)
            elif not isinstance(answered, list) or len(asked) != len(answered):
                yield where, BadInput("bad_annotation", f"{len(asked)} questions, but not as many answers")
            else:
                for number, pair in enumerate(zip(asked, answered, strict=True)):
                    yield from self._try(found, f"{where},{params.question}={number}", *pair, media, size)

    def _try(
        self, fields: Fields, where: str, asked: Any, answered: Any, media: tuple[str, ...], size: Size
    ) -> Iterator[Asked]:
        """The question; one whose boxes can't be used goes without."""
        boxes: tuple[NamedBox, ...] = ()
        try:
            boxes = self._boxes(fields, size)
        except BadInput as bad:
            yield where, bad
        try:
            yield where, self._question(fields, where, asked, answered, media, boxes)
        except BadInput as bad:
            yield where, bad

    def _question(
        self, fields: Fields, where: str, asked: Any, answered: Any, media: tuple[str, ...], boxes: tuple[NamedBox, ...]
    ) -> Question:
        params = self._params
        text = question_text(self._said(asked))
        answers = self._answers(answered)
        options: tuple[str, ...] = ()
        correct: tuple[int, ...] = ()
        if params.options is not None:
            choice = Choice(fields, params.options)
            if choice.texts:
                beside = params.answer != params.options.correct  # what `correct` reads says nothing twice
                correct = choice.right(answers[0] if answers and beside else "")
                options, answers = choice.texts, [", ".join(choice.texts[index] for index in correct)]
        if not answers:
            raise BadInput("no_answer", f"no answer to {text!r:.80}")
        return Question(
            question=text,
            answer=answers[0],
            pointer=where,
            media=media,
            options=options,
            correct=correct,
            variants=tuple(answers[1:]),
            kind=self._kind(fields),
            origin=params.origin,
            reason=None if params.reason is None else self._said(fields.value(params.reason)) or None,
            boxes=boxes,
            language=self._language(fields, text),
        )

    def _kind(self, fields: Fields) -> str | None:
        said = (self._said(fields.value(pointer)) for pointer in self._params.kind)
        return " / ".join(filter(None, said)) or None

    def _conversation(self, fields: Fields, pointer: str, media: tuple[str, ...]) -> Iterator[Asked]:
        """Questions of one conversation, of which all but the first follow the one before; all of it or nothing."""
        turns = self._params.turns
        assert turns is not None
        entries = fields.value(turns.at)
        try:
            found = list(pairs_of(entries, turns, pointer))
            made = [
                Question(
                    question=question_text(asked),
                    answer=answer_text(answered),
                    pointer=where,
                    media=media,
                    follows=number > 0,
                    kind=self._kind(fields),
                    origin=self._params.origin,
                    language=self._language(fields, asked),
                )
                for number, (where, asked, answered) in enumerate(found)
            ]
        except BadInput as bad:
            yield pointer, bad
            return
        yield from ((question.pointer, question) for question in made)

    def _said(self, value: Any) -> str:
        text = plain(value)
        return "" if text in self._params.null else text

    def _answers(self, value: Any) -> list[str]:
        """The answers, best first, each once."""
        if isinstance(value, dict):
            if not all(type(score) in (int, float) for score in value.values()):
                raise BadInput("bad_annotation", f"answers by score, but {value!r:.80}")
            found = [answer for answer, score in sorted(value.items(), key=lambda one: -one[1]) if score > 0]
        elif isinstance(value, list):
            found = [self._said(one) for one in value]
        else:
            found = [self._said(value)]
            if self._params.several is not None:
                found = found[0].split(self._params.several)
        return list(dict.fromkeys(answer_text(one) for one in found if self._said(one)))

    def _boxes(self, fields: Fields, size: Size) -> tuple[NamedBox, ...]:
        if self._params.boxes is None or size is None:
            return ()
        if isinstance(size, BadInput):
            raise size
        return boxes_of(fields, self._params.boxes, size)

    def _language(self, fields: Fields, text: str) -> str:
        params = self._params
        if params.language_field is not None:
            told = fields[params.language_field]
            if told:
                return params.languages.get(told, told)
        return params.language or language_of(text)


def question_text(text: str) -> str:
    """The question without the tags of its pictures before and after it.

    Raises BadInput: ``no_question``, ``interleaved_pictures`` (a tag within the text: where it stands has a meaning).
    """
    parts = [part.strip() for part in TAG.split(text)]
    said = [part for part in parts if part]
    if not said:
        raise BadInput("no_question", f"no question in {text!r:.80}")
    if len(said) > 1:
        raise BadInput("interleaved_pictures", f"pictures stand within the text: {text!r:.120}")
    return said[0]


def answer_text(text: str) -> str:
    """The answer as it is written, but for spaces around it and the case of yes and no."""
    text = text.strip()
    plain_yes_no = _YES_NO.fullmatch(text)
    return plain_yes_no[1].lower() if plain_yes_no else text


def language_of(text: str) -> str:
    """The language that a script tells (ISO 639-1): the first of those with letters here; Latin script is English."""
    if text.isascii():
        return "en"
    return next((language for language, letters in _SCRIPTS if re.search(letters, text)), "en")
