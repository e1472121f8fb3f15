"""What medloom adds to an engine: its own ceiling against an instant server, and tokens per second beside bare vLLM.

``python tests/bench/llm.py ceiling [--requests N]``: so many requests through engine, cache and accounts, with an echo
server in a process of its own. Says requests per second of this process's processor time, and memory as it goes.

``python tests/bench/llm.py ratio [--model FOLDER]``: one vLLM server; the same prompts by a bare loop and through
medloom in turn, in one run: the median of the rounds' ratios, and between which the middle half of them lies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from medloom.flows.vllm_server import VllmServer, server_command
from medloom.schemas.synthesis import EngineUse, Servers, Synthesis
from medloom.synthesis.engines.cache import AnswerCache
from medloom.synthesis.engines.desk import Desk
from medloom.synthesis.engines.request import Message, Request, Sampling
from medloom.synthesis.engines.wire import body_of

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
SYSTEM = "You are a radiologist who writes short, plain captions of what the findings say, and nothing else. " * 4
SCHEMA = json.dumps({"type": "object", "properties": {"caption": {"type": "string"}}, "required": ["caption"]})


def requests(count: int, start: int = 0, tokens: int = 128, schema: str | None = SCHEMA) -> Iterator[Request]:
    """Prompts as a corpus has them: one system part, and findings that differ."""
    for number in range(start, start + count):
        text = f"Case {number}. Findings: pleural effusion, left, moderate; cardiomegaly absent; pneumothorax absent."
        messages = (Message(role="system", text=SYSTEM), Message(role="user", text=text * 2))
        yield Request(
            prompt="bench", version="1", messages=messages, sampling=Sampling(max_tokens=tokens), schema=schema
        )


async def through_medloom(use: Synthesis, cache: AnswerCache, asked: Iterator[Request], say: int = 0) -> Desk:
    """All requests by way of the desk, a batch at a time as units hand them in."""
    async with Desk(use, cache) as desk:
        done = 0

        async def unit(batch: list[Request]) -> None:
            nonlocal done
            keyed = [(one.key(use.model or "", use.revision), one) for one in batch]
            there = cache.get(key for key, _ in keyed)
            await desk.ask([(key, one) for key, one in keyed if key not in there], lambda _: (b"", ""))
            done += len(batch)
            if say and done % say < len(batch):
                print(f"  {done:>9,} requests: {rss():5.0f} MB", flush=True)

        flying: set[asyncio.Task[None]] = set()
        batch: list[Request] = []
        for one in asked:
            batch.append(one)
            if len(batch) == 256:
                await desk.room()
                task = asyncio.ensure_future(unit(batch))
                flying.add(task)
                task.add_done_callback(flying.discard)
                batch = []
        if batch:
            await unit(batch)
        await asyncio.gather(*flying)
    return desk


def rss() -> float:
    """Megabytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def ceiling(count: int) -> None:
    command = [sys.executable, str(HERE / "echo_server.py")]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryDirectory() as folder,
        AnswerCache(Path(folder) / "answers.sqlite") as cache,
    ):
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        use = Synthesis(engine="openai", model="m", base_url=url, local=True, concurrency=64)
        began, used = time.monotonic(), time.process_time()
        asyncio.run(through_medloom(use, cache, requests(count), say=max(count // 10, 1)))
        wall, cpu = time.monotonic() - began, time.process_time() - used
        print(f"{count:,} requests: {count / cpu:,.0f} per second of processor, {count / wall:,.0f} per second of time")
        server.communicate("")


async def bare(url: str, key: str, model: str, asked: list[Request], width: int) -> int:
    """The same bodies by as little code as there can be; returns the tokens that were generated."""
    import aiohttp

    bodies = iter([body_of(one, model, {}) for one in asked])
    tokens = 0
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def hand() -> None:
            nonlocal tokens
            for body in bodies:
                async with session.post(f"{url}/chat/completions", data=body) as reply:
                    tokens += (await reply.json())["usage"]["completion_tokens"]

        await asyncio.gather(*(hand() for _ in range(width)))
    return tokens


def ratio(model: str, count: int, rounds: int, width: int) -> None:
    servers = Servers(
        python=str(REPO / ".venv-vllm/bin/python"), gpus=0, max_model_len=1024,
        arguments=("--dtype", "float32", "--enforce-eager", "--gpu-memory-utilization", "0.1"),
    )  # fmt: skip
    engine = EngineUse(engine="vllm", model=model, servers=servers)
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    server = VllmServer(server_command(engine), environment, 900)
    try:
        url = server.start(alone=True)
        use = Synthesis(engine="openai", model=model, base_url=url, local=True, concurrency=width)
        rates: dict[str, list[float]] = {"bare": [], "medloom": []}
        asyncio.run(bare(url, "", model, list(requests(width, 10**6, 64, None)), width))
        for turn in range(rounds):
            for name in ("bare", "medloom") if turn % 2 == 0 else ("medloom", "bare"):
                # prompts of its own: who came second would find the other's in the prefix cache
                asked = list(requests(count, (2 * turn + (name == "bare")) * count, 64, None))
                began = time.monotonic()
                if name == "bare":
                    tokens = asyncio.run(bare(url, "", model, asked, width))
                else:
                    with tempfile.TemporaryDirectory() as folder, AnswerCache(Path(folder) / "a.sqlite") as cache:
                        desk = asyncio.run(through_medloom(use, cache, iter(asked)))
                        tokens = desk.usage.generated_tokens
                rates[name].append(tokens / (time.monotonic() - began))
                print(f"  {name:8} {rates[name][-1]:7.1f} tokens per second", flush=True)
        ratios = [ours / plain for ours, plain in zip(rates["medloom"], rates["bare"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        print(
            f"medloom / bare: median {middle:.3f}, middle half {low:.3f} to {high:.3f}, "
            f"of {rounds} rounds of {count} requests each way"
        )
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("ceiling", "ratio"))
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--model", default=str(REPO / ".venv-vllm/models/smollm2-135m"))
    given = parser.parse_args()
    if given.what == "ceiling":
        ceiling(given.requests or 100_000)
    else:
        ratio(given.model, given.requests or 96, given.rounds, given.width)


if __name__ == "__main__":
    main()
