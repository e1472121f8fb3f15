"""Desk: where requests are handed in. It asks the engines, keeps what comes back, and counts what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from medloom.schemas.errors import BuildError
from medloom.schemas.synthesis import EngineUse, Synthesis
from medloom.synthesis.engines.cache import AnswerCache, Keeper, Said
from medloom.synthesis.engines.engine import Engine, Pictures, load_engine
from medloom.synthesis.engines.request import Answer, Ear, Request
from medloom.synthesis.engines.tally import Tally, Usage, over_budget

Asked = tuple[str, Request]
"""A request and its key."""


class BudgetSpent(BuildError):
    """The catalog's budget is spent: what was answered is kept, and a later build goes on."""


class Desk:
    """One for a build. Entering starts the engines, leaving ends them and returns when every answer is on disk.

    `heard` is called with each answer, for those who watch.
    """

    def __init__(
        self, synthesis: Synthesis, cache: AnswerCache, heard: Callable[[Answer], None] = lambda _: None
    ) -> None:
        self.synthesis = synthesis
        self.cache = cache
        self.tallies: dict[Ear, Tally] = {}
        self.engines: dict[Ear, Engine] = {}
        self.backlog = 0
        self._heard = heard
        self._keeper = Keeper(cache)
        self._open = AsyncExitStack()
        self._slots: dict[Ear, asyncio.Semaphore] = {}
        self._flying: dict[str, asyncio.Task[Answer]] = {}
        self._asking = 0
        self._stopped: BuildError | None = None
        self._room = asyncio.Event()
        self._room.set()

    async def __aenter__(self) -> Self:
        try:
            for ear, use in uses(self.synthesis).items():
                self.tallies[ear] = Tally()
                self._slots[ear] = asyncio.Semaphore(use.concurrency)
                self.engines[ear] = await self._open.enter_async_context(
                    load_engine(use.engine)(use, self.tallies[ear])
                )
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._flying.values():
            task.cancel()
        await asyncio.gather(*self._flying.values(), return_exceptions=True)
        await self._open.aclose()
        self._keeper.close()

    @property
    def usage(self) -> Usage:
        """What this run asked so far, of all engines."""
        return sum((tally.usage for tally in self.tallies.values()), Usage())

    @property
    def cost(self) -> float:
        """What that costs, at each engine's price."""
        return sum(tally.usage.cost(self.engines[ear].use.price) for ear, tally in self.tallies.items())

    async def room(self) -> None:
        """Waits until fewer requests wait than would keep the engines busy."""
        await asyncio.sleep(0)  # whoever was let in before hands in first
        await self._room.wait()

    async def ask(self, asked: Iterable[Asked], pictures: Pictures) -> dict[str, Answer]:
        """The answers by key, each on disk unless it failed. The same key asked twice at a time is asked once.

        Raises EngineDown or BudgetSpent where it can't go on; what was in flight is still waited for, and kept.
        """
        tasks = {key: self._task(key, request, pictures) for key, request in asked}
        answers = await asyncio.gather(*tasks.values(), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return {key: answer for key, answer in zip(tasks, answers, strict=True) if isinstance(answer, Answer)}

    def _task(self, key: str, request: Request, pictures: Pictures) -> asyncio.Task[Answer]:
        task = self._flying.get(key)
        if task is None:
            self._count(1)
            task = self._flying[key] = asyncio.ensure_future(self._ask(key, request, pictures))
            task.add_done_callback(lambda _: self._landed(key))
        return task

    def _landed(self, key: str) -> None:
        del self._flying[key]
        self._count(-1)

    def _count(self, by: int) -> None:
        self.backlog += by
        if self.backlog < 2 * sum(engine.use.concurrency for engine in self.engines.values()):
            self._room.set()
        else:
            self._room.clear()

    async def _ask(self, key: str, request: Request, pictures: Pictures) -> Answer:
        engine = self.engines[request.to]
        async with self._slots[request.to]:
            if self._stopped is not None:
                raise self._stopped
            self._asking += 1
            try:
                self._check_budget()
                answer = await engine.answer(key, request, pictures)
            except BuildError as error:
                self._stopped = self._stopped or error
                raise
            finally:
                self._asking -= 1
            self.tallies[request.to].heard(answer)
            self._heard(answer)
        model, revision = engine.use.model or "", engine.use.revision
        await self._keeper.keep(Said(model=model, revision=revision, request=request, answer=answer))
        return answer

    def _check_budget(self) -> None:
        """Raises BudgetSpent where nothing more may be asked."""
        spent = over_budget(self.synthesis.budget, self.usage, self.cost, self._asking - 1)
        if spent is not None:
            what = f"the budget of {spent} is spent (synthesis.budget)"
            raise BudgetSpent(f"{what}: every answer is kept; raise it, and --resume goes on")


def uses(synthesis: Synthesis) -> Mapping[Ear, EngineUse]:
    """The engines of a catalog, by whom a request is for."""
    found: dict[Ear, EngineUse] = {"writer": synthesis}
    if synthesis.judge is not None:
        found["judge"] = synthesis.judge
    return found


def identities(synthesis: Synthesis) -> dict[Ear, tuple[str, str]]:
    """(model, revision) of each engine."""
    return {ear: (use.model or "", use.revision) for ear, use in uses(synthesis).items()}


def in_order(asked: Sequence[Asked]) -> list[Asked]:
    """Requests of one prompt together: what they share at the beginning is then in the engine's prefix cache."""
    return sorted(asked, key=lambda one: (one[1].to, one[1].prompt, one[1].version))
