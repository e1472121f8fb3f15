"""Request: its key changes with everything that an answer depends on, and with nothing else."""

from __future__ import annotations

import msgspec
import pytest

from medloom.synthesis.engines.request import Message, Request, Sampling

ASKED = Request(
    prompt="caption",
    version="1",
    messages=(
        Message(role="system", text="Say what is shown."),
        Message(role="user", text="Effusion, left.", pictures=("ab" * 32,)),
    ),
    sampling=Sampling(temperature=0.7, seed=3),
    schema='{"type":"object"}',
)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "other"},
        {"version": "2"},
        {"messages": ASKED.messages[:1]},
        {"messages": (ASKED.messages[0], Message(role="user", text="Effusion, left."))},
        {"messages": (ASKED.messages[0], Message(role="user", text="Effusion, right.", pictures=("ab" * 32,)))},
        {"sampling": Sampling(temperature=0.7, seed=4)},
        {"sampling": Sampling(temperature=0.7, seed=3, stop=("\n",))},
        {"schema": None},
    ],
)
def test_another_question_has_another_key(change: dict[str, object]) -> None:
    changed = msgspec.structs.replace(ASKED, **change)
    assert changed.key("model", "1") != ASKED.key("model", "1")


def test_another_model_or_revision_has_another_key() -> None:
    assert len({ASKED.key("a", "1"), ASKED.key("b", "1"), ASKED.key("a", "2")}) == 3


def test_the_same_question_has_the_same_key_after_a_journey() -> None:
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(ASKED), type=Request)
    assert again.key("model", "1") == ASKED.key("model", "1")
