"""The desk: requests are handed in as there is room, asked once, and kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

from medloom.schemas.synthesis import Synthesis
from medloom.synthesis.engines.cache import AnswerCache
from medloom.synthesis.engines.desk import Desk
from medloom.synthesis.engines.request import Message, Request


def test_no_more_is_handed_in_than_keeps_the_engine_busy(server: str, tmp_path: Path) -> None:
    """Who waits for room holds little in memory, however much there is to ask."""
    synthesis = Synthesis(engine="openai", model="m", base_url=server, local=True, concurrency=4)
    most = 0

    async def through() -> None:
        nonlocal most
        async with Desk(synthesis, cache) as desk:
            tasks = []
            for number in range(40):
                await desk.room()
                request = Request(prompt="p", version="1", messages=(Message(role="user", text=f"desk {number}|ok"),))
                asked = desk.ask([(request.key("m", ""), request)], lambda _: (b"", ""))
                tasks.append(asyncio.ensure_future(asked))
                most = max(most, number + 1 - desk.usage.requests)
            await asyncio.gather(*tasks)
            assert desk.usage.requests == 40 == len(cache)

    with AnswerCache(tmp_path / "a.sqlite") as cache:
        asyncio.run(through())
    assert most <= 2 * 4 + 2


def test_the_same_question_asked_twice_at_a_time_is_asked_once(server: str, tmp_path: Path) -> None:
    synthesis = Synthesis(engine="openai", model="m", base_url=server, local=True)
    request = Request(prompt="p", version="1", messages=(Message(role="user", text="twice|wait0.1"),))
    asked = [(request.key("m", ""), request)]

    async def through() -> int:
        async with Desk(synthesis, cache) as desk:
            await asyncio.gather(*(desk.ask(asked, lambda _: (b"", "")) for _ in range(3)))
            return desk.usage.requests

    with AnswerCache(tmp_path / "a.sqlite") as cache:
        assert asyncio.run(through()) == 1
