"""The engine `vllm`: servers that medloom starts as Ray actors, watches, and asks like any other server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

from medloom.flows.vllm_server import VllmServer, gpus_of, server_command
from medloom.schemas.synthesis import EngineUse
from medloom.synthesis.engines.engine import EngineDown
from medloom.synthesis.engines.openai import OpenAI
from medloom.synthesis.engines.tally import Tally

LOOK_EVERY = 1.0
"""Seconds between two looks at each server."""


@dataclass
class _Server:
    """One server: its actor, its address while it is well, and the requests that it has."""

    actor: Any
    url: str | None = None
    in_flight: int = 0
    restarts: int = 0


class Vllm(OpenAI):
    """Each try of a request goes to the server that has least to do, so that what a dead one had goes to another."""

    name: ClassVar[str] = "vllm"
    starts_servers: ClassVar[bool] = True

    def __init__(self, use: EngineUse, tally: Tally) -> None:
        super().__init__(use, tally, f"vllm ({use.model})")
        self.servers: list[_Server] = []
        self._down: EngineDown | None = None
        self._watchers: list[asyncio.Task[None]] = []
        self._own_ray = False
        self._key = secrets.token_hex(16)

    async def __aenter__(self) -> Self:
        import ray

        if not ray.is_initialized():
            # in this thread, which lives as long as the engine: Ray's processes end with the thread that starts them
            import logging

            options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False}
            ray.init(**options, logging_level=logging.ERROR, object_store_memory=128 * 2**20)
            self._own_ray = True
        try:
            self._enough_gpus(ray.cluster_resources().get("GPU", 0.0))  # type: ignore[no-untyped-call]
            self.servers = [_Server(self._actor()) for _ in range(self.use.servers.count)]
            await asyncio.gather(*(self._start(server) for server in self.servers))
            await super().__aenter__()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        self._watchers = [asyncio.ensure_future(self._watch(server)) for server in self.servers]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import ray

        for watcher in self._watchers:
            watcher.cancel()
        await super().__aexit__(kind, error, trace)
        for server in self.servers:
            with suppress(Exception):
                await asyncio.wait_for(server.actor.stop.remote(), 30)
            ray.kill(server.actor)
        if self._own_ray:
            ray.shutdown()

    @contextmanager
    def _address(self) -> Iterator[str | None]:
        if self._down is not None:
            raise self._down
        well = [server for server in self.servers if server.url is not None]
        if not well:
            yield None
            return
        server = min(well, key=lambda one: one.in_flight)
        server.in_flight += 1
        try:
            yield server.url
        finally:
            server.in_flight -= 1

    def _enough_gpus(self, there: float) -> None:
        wanted = gpus_of(self.use) * self.use.servers.count
        if wanted > there:
            raise EngineDown(
                f"{self.use.servers.count} vLLM servers need {wanted:g} GPUs, and Ray has {there:g}: fewer of them, or "
                "`servers: {gpus: 0}` to run on the processor"
            )

    def _actor(self) -> Any:
        import ray

        environment = {**self.use.servers.environment, "VLLM_API_KEY": self._key}
        kind = ray.remote(num_gpus=gpus_of(self.use), num_cpus=self.use.servers.cpus)(VllmServer)
        return kind.remote(server_command(self.use), environment, self.use.servers.start_seconds)

    async def _start(self, server: _Server) -> None:
        """Raises EngineDown where it doesn't start."""
        import ray

        try:
            server.url = await server.actor.start.remote(_one_machine())
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            raise EngineDown(f"a vLLM server of {self.use.model} did not start: {cause}") from None

    async def _watch(self, server: _Server) -> None:
        """Starts the server again when it is dead, as often as the catalog allows."""
        import ray

        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                code = await server.actor.ended.remote()
                lost = False
            except ray.exceptions.RayError:
                code, lost = -1, True
            if code is None:
                continue
            server.url = None
            server.restarts += 1
            self.tally.restarts += 1
            if server.restarts > self.use.servers.restarts:
                self._down = EngineDown(
                    f"a vLLM server of {self.use.model} died {server.restarts} times (last exit code {code}); "
                    "--resume goes on"
                )
                return
            if lost:
                server.actor = self._actor()
            try:
                await self._start(server)
            except EngineDown as error:
                self._down = error
                return


def _one_machine() -> bool:
    """Whether Ray runs on this machine alone."""
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return sum(bool(node["Alive"]) for node in nodes) == 1
