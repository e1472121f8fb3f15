"""Real vLLM on the processor: two servers at once, pictures, forms, and one of them killed at work."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import cv2
import numpy as np
import pytest

from medloom.flows.vllm_engine import Vllm
from medloom.schemas.synthesis import EngineUse, Servers
from medloom.synthesis.engines.request import Answer, Message, Request, Sampling
from medloom.synthesis.engines.tally import Tally

from .conftest import MODELS, SMALL

pytestmark = pytest.mark.llm
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"caption": {"type": "string", "maxLength": 12}},
        "required": ["caption"],
        "additionalProperties": False,
    }
)
COLOURS = {"red": (0, 0, 255), "blue": (255, 0, 0)}


def picture(sha256: str) -> tuple[bytes, str]:
    return cv2.imencode(".png", np.full((60, 80, 3), COLOURS[sha256], np.uint8))[1].tobytes(), "image/png"


def asked(number: int, *pictures: str, schema: str | None = None) -> Request:
    messages = (
        Message(role="system", text="You describe pictures. " * 8),
        Message(role="user", text=f"Picture {number}?", pictures=pictures),
    )
    return Request(
        prompt="t", version="1", messages=messages, sampling=Sampling(max_tokens=40), schema=schema
    )  # fmt: skip


def test_two_servers_see_pictures_and_one_of_them_is_killed() -> None:
    use = EngineUse(
        engine="vllm", model=str(MODELS / "tiny-vision"), concurrency=8, servers=Servers(count=2, **SMALL), patience=240
    )
    tally = Tally()

    async def through() -> tuple[list[Answer], list[Answer]]:
        async with Vllm(use, tally) as engine:
            shown = [engine.answer(c, asked(0, c, schema=SCHEMA), picture) for c in COLOURS]
            said = await asyncio.gather(*shown)
            both = [server.url for server in engine.servers]
            assert len(set(both)) == 2 and None not in both
            pid = await engine.servers[0].actor.process.remote()
            many = [asyncio.ensure_future(engine.answer(str(n), asked(n, "red"), picture)) for n in range(40)]
            await asyncio.sleep(0.1)
            os.killpg(pid, signal.SIGKILL)
            answers = await asyncio.gather(*many)
            while engine.servers[0].url is None or engine.servers[0].url == both[0]:
                await asyncio.sleep(0.5)
            return said, answers

    said, answers = asyncio.run(through())
    assert [set(json.loads(answer.text)) for answer in said] == [{"caption"}] * 2
    assert said[0].text != said[1].text, "what is shown changes what is said"
    assert {answer.finish for answer in answers} <= {"stop", "length"}
    assert tally.restarts == 1 and sum(tally.retries.values()) > 0
    assert any(answer.cached_tokens for answer in answers), "the shared beginning is in the prefix cache"
