"""Prompted: what all writers share: a prompt after the other, one retry with what was wrong, then a record or none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from medloom.schemas.identity import digest, seed
from medloom.schemas.record import MEDIA_TAGS, Record, Turn
from medloom.synthesis.brief import Brief
from medloom.synthesis.engines.request import Message, Request, Sampling
from medloom.synthesis.evidence.copies import copied
from medloom.synthesis.evidence.form import BadForm, parsed
from medloom.synthesis.evidence.held import Fault
from medloom.synthesis.prompt import Prompt, PromptBook, Slot, as_data, schema_text
from medloom.synthesis.writer import Exchange, Refused, Writer, Written

LONGEST_SHOWN = 1500
"""Characters of a wrong answer that are shown to the engine again."""
LONG = {"system": 8, "assistant": 12}
"""Words in a row that an answer may not have from the instructions, or from an example."""
Fields = dict[str, Any]
Schema = dict[str, Any]


class State(NamedTuple):
    """Where a brief stands: the fields of every prompt that was answered well, the last answer that was not (to be
    asked once more), and why it is over where it is."""

    done: dict[str, Fields]
    again: tuple[Exchange, str] | None = None
    over: Refused | None = None


class PromptedWriter(Writer):
    """Goes through the prompts that `steps` names. What a subclass says: the slots of each, what is wrong with the
    fields that came back, and the records that they make."""

    version = "8"
    """A changed evidence check counts: whoever let more or less through wrote other records."""
    longest = 8000
    """Characters of text in a brief beyond which nothing is asked."""

    def step(self, brief: Brief, done: Mapping[str, Fields]) -> str | None:
        """The next prompt's id; None where all is answered. Without more said: each of `prompts` in its turn."""
        return next((prompt for prompt in self.prompts if prompt not in done), None)

    def slots(self, brief: Brief, prompt: str, done: Mapping[str, Fields]) -> dict[str, Slot]:
        """Values of all the slots that the prompt may have."""
        raise NotImplementedError

    def narrowed(self, brief: Brief, prompt: str, answer: Schema) -> Schema:
        """The prompt's schema, with no more room than this brief leaves; an engine that keeps to it can't go astray."""
        return answer

    def most_tokens(self, brief: Brief, prompt: str) -> int | None:
        """Tokens beyond which no answer can be right; None where the prompt's own bound is the only one."""
        return None

    def wrong(self, brief: Brief, prompt: str, fields: Fields, done: Mapping[str, Fields]) -> Iterator[Fault]:
        """What of the answer is not proved, or not of the form that was asked for."""
        raise NotImplementedError

    def made(self, brief: Brief, done: Mapping[str, Fields], worded: str) -> Iterator[Record]:
        """The records; `worded` names the prompts and their versions, for `Record.template`."""
        raise NotImplementedError

    def requests(self, brief: Brief, prompts: PromptBook, past: Sequence[Exchange] = ()) -> tuple[Request, ...]:
        if sum(len(text.body) for text in brief.texts) > self.longest:
            return ()
        state = self._state(brief, past)
        if state.over is not None:
            return ()
        if state.again is not None:
            return (_once_more(*state.again),)
        named = self.step(brief, state.done)
        if named is None:
            return ()
        prompt = prompts[named]
        values = self.slots(brief, named, state.done)
        schema = self.narrowed(brief, named, json.loads(prompt.schema))
        text = prompt.render({slot: values[slot] for slot in prompt.page.slots})
        return (_request(brief, prompt, text, schema_text(schema), self.most_tokens(brief, named)),)

    def written(self, brief: Brief, past: Sequence[Exchange]) -> Written:
        if not past:
            return Written(refused=(Refused("too_long", f"more than {self.longest} characters of text"),))
        state = self._state(brief, past)
        if state.again is not None:
            return Written(refused=(Refused(_code(state.again[1]), state.again[1]),))
        if state.over is not None:
            return Written(refused=(state.over,))
        named = dict.fromkeys(f"{exchange.request.prompt}@{exchange.request.version}" for exchange in past)
        return Written(records=tuple(self.made(brief, state.done, "+".join(named))))

    def _state(self, brief: Brief, past: Sequence[Exchange]) -> State:
        done: dict[str, Fields] = {}
        tried: set[str] = set()
        state = State(done)
        for exchange in past:
            prompt = exchange.request.prompt
            said = exchange.answer
            if said.finish in ("refused", "failed"):
                return State(done, over=Refused(f"engine_{said.finish}", said.reason or ""))
            opening = exchange.request.messages[: -3 if prompt in tried else -1]
            problem = self._problem(brief, exchange, done, opening)
            if problem is None:
                state = State(done)
            elif prompt in tried:
                return State(done, over=Refused(_code(problem), problem))
            else:
                tried.add(prompt)
                state = State(done, again=(exchange, problem))
        return state

    def _problem(
        self, brief: Brief, exchange: Exchange, done: dict[str, Fields], opening: Sequence[Message]
    ) -> str | None:
        """What is wrong with an answer, or None; then its fields are in `done`. `opening` stands before the data."""
        request, said = exchange
        if said.finish == "length":
            return "cut_off: longer than allowed"
        try:
            fields = parsed(said.text, request.schema or "{}")
        except BadForm as bad:
            return f"schema: {bad}"
        for text, most in _texts(fields, json.loads(request.schema or "{}")):
            if most is not None and len(text) >= most and not text.endswith((".", "!", "?")):
                return f"cut_off: it ends with its {most} characters: {text[-40:]}"
            for message in opening:
                run = None if message.role == "user" else copied(text, message.text, LONG[message.role])
                if run is not None:
                    return f"copied: {run}"
        faults = list(dict.fromkeys(self.wrong(brief, request.prompt, fields, done)))
        if faults:
            return "; ".join(str(fault) for fault in faults[:4])
        done[request.prompt] = fields
        return None


def _texts(value: Any, schema: Schema) -> Iterator[tuple[str, int | None]]:
    """Every text in the fields of an answer, with the most characters that its schema has room for."""
    if isinstance(value, str):
        yield value, schema.get("maxLength")
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from _texts(one, schema.get("properties", {}).get(name, {}))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, schema.get("items", {}))


def _code(problem: str) -> str:
    return problem.split(":", 1)[0]


def _request(brief: Brief, prompt: Prompt, text: str, schema: str, most: int | None) -> Request:
    pictures = tuple(view.sha256 for view in brief.views if view.kind == "picture") if prompt.page.pictures else ()
    messages = [Message(role=role, text=said) for role, said in prompt.opening()]  # type: ignore[arg-type]
    draw = prompt.page.sampling
    return Request(
        prompt=prompt.id,
        version=str(prompt.page.version),
        messages=(*messages, Message(role="user", text=text, pictures=pictures)),
        sampling=Sampling(
            temperature=draw.temperature, top_p=draw.top_p, max_tokens=min(draw.max_tokens, most or draw.max_tokens),
            seed=seed("sampling", brief.id, prompt.id) % 2**31,
        ),
        schema=schema,
    )  # fmt: skip


def _once_more(exchange: Exchange, problem: str) -> Request:
    """The same request with the answer and what was wrong with it."""
    request, said = exchange
    wrong = f"That cannot be used: {as_data(problem)[:600]}. Say only what is stated, and answer once more as JSON."
    shown = said.text[:LONGEST_SHOWN] or "{}"
    more = (Message(role="assistant", text=shown), Message(role="user", text=wrong))
    return Request(
        prompt=request.prompt,
        version=request.version,
        messages=(*request.messages, *more),
        sampling=request.sampling,
        schema=request.schema,
    )


def record_of(
    writer: Writer, brief: Brief, turns: Sequence[tuple[str, str]], worded: str, number: int = 0, **fields: Any
) -> Record:
    """The Record of a brief; `turns` are (question, answer) in order, the first question without marks of media."""
    tags = [MEDIA_TAGS[view.kind] for view in brief.views]
    said: list[Turn] = []
    for first, (question, answer) in enumerate(turns):
        said.append(Turn(role="user", text="\n".join([*(tags if first == 0 else ()), question])))
        said.append(Turn(role="assistant", text=answer))
    base: dict[str, Any] = {
        "form": brief.form, "concepts": brief.concepts, "polarity": brief.polarity, "options": brief.options,
        "answer": brief.answer, "places": brief.places, "measurements": brief.measurements, "evidence": brief.facts,
        "language": brief.language, "config": writer.config, "type": writer.type,
    }  # fmt: skip
    return Record(
        id=brief.id if number == 0 else digest(brief.id, number),
        task=writer.name,
        source=brief.source,
        sample=brief.sample,
        views=tuple(view.id for view in brief.views),
        turns=tuple(said),
        template=worded,
        licence=brief.licence,
        access=brief.access,
        redistribute=brief.redistribute,
        patient=brief.patient,
        study=brief.study,
        published_split=brief.published_split,
        **{**base, **fields},
    )


def as_json(value: Any) -> str:
    """Compact JSON, as answers write it."""
    return json.dumps(value, ensure_ascii=False)
