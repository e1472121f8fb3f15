"""Engine: answers requests, through the entry points ``medloom.engines``: ours and strangers' by the same door."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import ClassVar, Self

from medloom.schemas.errors import BuildError, MedloomError
from medloom.schemas.plugins import plugins
from medloom.schemas.synthesis import EngineUse
from medloom.synthesis.engines.request import Answer, Request
from medloom.synthesis.engines.tally import Tally

GROUP = "medloom.engines"

Pictures = Callable[[str], tuple[bytes, str]]
"""The stored bytes of a picture by their SHA-256, and their media type."""


class EngineDown(BuildError):
    """The engine can't go on: what was answered is kept, and a later build goes on from there."""


class Engine:
    """Answers one request at a time, many at once: who asks keeps at most ``use.concurrency`` of them in flight.

    It is an asynchronous context: entering starts it, leaving ends it. What goes wrong with one request alone is an
    Answer with a reason; what goes wrong for all of them raises EngineDown. `tally` counts retries and waits.
    """

    name: ClassVar[str]
    starts_servers: ClassVar[bool] = False
    """Whether it needs Ray."""

    def __init__(self, use: EngineUse, tally: Tally) -> None:
        self.use = use
        self.tally = tally

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def answer(self, key: str, request: Request, pictures: Pictures) -> Answer:
        """The answer, whatever it is. Raises EngineDown where none can be had for any request."""
        raise NotImplementedError


class NoEngine(Engine):
    """Nobody: only templates phrase."""

    name = "none"

    async def answer(self, key: str, request: Request, pictures: Pictures) -> Answer:
        """Raises EngineDown: there is nobody to ask."""
        raise EngineDown("the catalog names no engine (synthesis.engine: none), and a task asked one")


def engine_names() -> list[str]:
    """Names of all engines installed here, sorted; nothing is imported."""
    return sorted(plugins(GROUP))


@cache
def load_engine(name: str) -> type[Engine]:
    """The engine of that name. Raises MedloomError where there is none."""
    points = plugins(GROUP)
    if name not in points:
        raise MedloomError(f"no engine {name!r}; installed: {', '.join(sorted(points))}")
    try:
        found = points[name].load()
    except ImportError as error:
        raise MedloomError(f"engine {name!r} ({points[name].value}) can't be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Engine)):
        raise MedloomError(f"engine {name!r} ({points[name].value}) is no medloom Engine")
    return found
