"""The engine `openai` against a real server on loopback that fails in every way that servers fail."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import socket
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from medloom.schemas.synthesis import EngineUse
from medloom.synthesis.engines import pace
from medloom.synthesis.engines.engine import EngineDown
from medloom.synthesis.engines.openai import OpenAI
from medloom.synthesis.engines.request import Answer, Message, Request, Sampling
from medloom.synthesis.engines.tally import Tally

from .conftest import fault_server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_S", 0.01)


def asked(acts: str, number: int = 0, **fields: Any) -> Request:
    messages = (Message(role="system", text="Describe."), Message(role="user", text=f"{number}|{acts}"))
    return Request(prompt="test", version="1", messages=messages, **fields)


def use(url: str, **fields: Any) -> EngineUse:
    return EngineUse(engine="openai", model="m", base_url=url, **({"attempts": 3, "patience": 20} | fields))


def ask(url: str, *requests: Request, pictures: Callable[[str], tuple[bytes, str]] | None = None, **fields: Any) -> Any:
    """The answers in order, and the tally."""
    tally = Tally()

    async def all_of_them() -> list[Answer]:
        async with OpenAI(use(url, **fields), tally) as engine:
            show = pictures or (lambda _: (b"", ""))
            return await asyncio.gather(*(engine.answer(one.key("m", ""), one, show) for one in requests))

    return asyncio.run(all_of_them()), tally


def seen(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/seen") as reply:
        return json.loads(reply.read())


def test_an_answer_and_what_it_took(server: str) -> None:
    (answer,), _ = ask(server, request := asked("ok"))
    assert answer == Answer(
        key=request.key("m", ""), text='{"caption": "A chest radiograph."}',
        prompt_tokens=50, generated_tokens=7, cached_tokens=20,
    )  # fmt: skip


def test_what_is_sent(server: str) -> None:
    shown = Message(role="user", text="9|ok", pictures=("aa", "bb"))
    request = Request(
        prompt="gemex.reason", version="1", messages=(Message(role="system", text="S"), shown),
        sampling=Sampling(temperature=0.5, max_tokens=9, seed=2**40 + 5, stop=("\n\n",)), schema='{"type":"object"}',
    )  # fmt: skip
    ask(server, request, pictures=lambda sha256: (sha256.encode(), "image/png"))
    body = seen(server)[-1]["body"]
    assert body["messages"][1]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,YWE="}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,YmI="}},
        {"type": "text", "text": "9|ok"},
    ]
    assert (body["temperature"], body["max_tokens"], body["seed"], body["stop"]) == (0.5, 9, 5, ["\n\n"])
    form = {"name": "gemex_reason", "schema": {"type": "object"}, "strict": True}
    assert body["response_format"] == {"type": "json_schema", "json_schema": form}


@pytest.mark.parametrize(
    ("acts", "why"),
    [
        ("429 ok", "rate_limited"),
        ("503 ok", "overloaded"),
        ("500 ok", "server_error"),
        ("500 500 ok", "server_error"),
        ("hangup ok", "server_hung_up"),
        ("half ok", "half_an_answer"),
        ("torn ok", "not_an_answer"),
        ("slow ok", "timed_out"),
    ],
)
def test_what_may_pass_is_asked_again(server: str, acts: str, why: str) -> None:
    (answer,), tally = ask(server, asked(acts), timeout=1.0)
    assert answer.text == '{"caption": "A chest radiograph."}'
    assert set(tally.retries) == {why}


@pytest.mark.parametrize(
    ("acts", "finish", "reason"),
    [
        ("500", "failed", "server_error"),
        ("half", "failed", "half_an_answer"),
        ("torn", "failed", "not_an_answer"),
        ("400", "failed", "prompt_too_long"),
        ("refuse", "refused", "refusal"),
        ("filter", "refused", "content_filter"),
        ("cut", "length", None),
        ("long", "length", "runs_on"),
    ],
)
def test_what_does_not_pass_is_told_with_a_reason(server: str, acts: str, finish: str, reason: str | None) -> None:
    """While others are answered as ever."""
    (bad, good), _ = ask(server, asked(acts, 1, sampling=Sampling(max_tokens=100)), asked("ok", 2))
    assert (bad.finish, bad.reason) == (finish, reason)
    assert good.finish == "stop"


def test_a_rate_limit_is_kept(server: str) -> None:
    began = time.monotonic()
    answers, tally = ask(server, *(asked("429 ok", number) for number in range(8)), concurrency=4)
    assert all(answer.finish == "stop" for answer in answers)
    assert time.monotonic() - began >= 0.2  # Retry-After
    assert tally.retries["rate_limited"] >= 4


def test_a_server_that_is_gone_stops_the_build() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(EngineDown, match=r"no answer from .* --resume goes on"):
            ask(f"http://127.0.0.1:{port}/v1", asked("ok"), patience=0.3)


def test_a_server_that_comes_back_is_asked_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"

    async def through() -> Answer:
        async with OpenAI(use(url), Tally()) as engine:
            answer = asyncio.ensure_future(engine.answer("k", asked("ok"), lambda _: (b"", "")))
            await asyncio.sleep(0.3)
            with fault_server(port):
                return await answer

    assert asyncio.run(through()).finish == "stop"


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        ("401", "says 401: the key is not accepted"),
        ("404", "says 404: no such model"),
        ("302", "says 302: it points elsewhere"),
        ("429later", "wants to be left alone for 86,400 s"),
    ],
)
def test_what_is_wrong_for_all_stops_the_build(server: str, acts: str, said: str) -> None:
    with pytest.raises(EngineDown, match=said):
        ask(server, asked(acts))


def test_an_engine_that_rejects_everything_stops_the_build(server: str) -> None:
    with pytest.raises(EngineDown, match="rejected the first 40 requests: 400: This model's maximum"):
        ask(server, *(asked("400", number) for number in range(60)))


def test_the_key_goes_to_the_server_and_nowhere_else(
    server: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("A_KEY", secret := f"sk-{secrets.token_hex(12)}")
    caplog.set_level(logging.DEBUG)
    with pytest.raises(EngineDown) as caught:
        ask(server, asked("401"), key_env="A_KEY")
    ask(server, asked("half ok", 77), key_env="A_KEY")
    assert seen(server)[-1]["authorization"] == f"Bearer {secret}"
    told = str(caught.getrepr(style="long")) + caplog.text + "".join(capfd.readouterr())
    assert "***" in str(caught.value)
    assert secret not in told and secret[-8:] not in told


def test_a_key_that_is_not_there_is_asked_for(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    with pytest.raises(EngineDown, match=r"A_KEY \(synthesis.key_env\) is not set"):
        ask(server, asked("ok"), key_env="A_KEY")
