"""Conversations in a row: which turn asks, which answers, and what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medloom.converters.base import Params
from medloom.converters.formats.vqa_pointer import Fields, plain
from medloom.schemas.errors import BadInput


class TurnFields(Params):
    """A conversation in one row: `at` points to its turns, in each of which stand `role` and `text`. Turns of the roles
    of `skip` are left out."""

    at: str = "conversations"
    role: str = "from"
    text: str = "value"
    asks: tuple[str, ...] = ("human", "user")
    answers: tuple[str, ...] = ("gpt", "assistant")
    skip: tuple[str, ...] = ("system",)


def pairs_of(entries: Any, turns: TurnFields, pointer: str) -> Iterator[tuple[str, str, str]]:
    """(pointer, question, answer) of a conversation. Raises BadInput ``turns_order``, ``missing_field``."""
    if not isinstance(entries, list):
        raise BadInput("missing_field", f"{turns.at!r} holds no list of turns")
    asked: str | None = None
    for number, entry in enumerate(entries):
        fields = Fields(entry)
        role = fields[turns.role].lower()
        if role in turns.skip:
            continue
        text = _content(fields.value(turns.text))
        if (role not in turns.asks if asked is None else role not in turns.answers) or not text:
            raise BadInput("turns_order", f"turn {number} is of {role!r}, {len(text)} characters long")
        if asked is None:
            asked = text
        else:
            yield f"{pointer},{turns.at}={number - 1}", asked, text
            asked = None
    if asked is not None:
        raise BadInput("turns_order", "the last turn has no answer")


def _content(value: Any) -> str:
    """The text of a turn, which may come in parts, of which some are pictures."""
    if isinstance(value, list):
        return "\n".join(filter(None, (plain(part.get("text")) for part in value if isinstance(part, dict))))
    return plain(value)
