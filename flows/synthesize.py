"""Synthesize: the driver's side of what an engine phrases: it keeps the engine busy while workers tell units."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from medloom.flows.tell import Telling, Told, Voice, Wanted, tell_unit
from medloom.flows.unit_rows import Unit, UnitPlace, open_unit
from medloom.schemas.errors import BuildError
from medloom.synthesis.engines.cache import AnswerCache
from medloom.synthesis.engines.desk import Asked, Desk, identities, in_order, uses
from medloom.synthesis.engines.engine import Pictures, load_engine
from medloom.synthesis.engines.request import Answer

if TYPE_CHECKING:
    from medloom.flows.build import Build
    from medloom.flows.progress import Progress
    from medloom.flows.workers import Workers
    from medloom.schemas.synthesis import Synthesis

ASKED_AT_ONCE = 4096
"""Requests of a filter that are handed in at a time."""
UNITS_AHEAD = 64
"""Units that are told at a time: many, so that the engine is busy while some wait for their last answers."""
SAY_EVERY = 0.25
"""Seconds between two steps of the bar of tokens."""


class Conversation:
    """The engines of one build while it runs, in a thread with an event loop of its own. Safe to call from any thread.

    Entering begins to start the engines and returns at once; leaving ends them.
    """

    def __init__(self, synthesis: Synthesis, cache: Path, workers: Workers, progress: Progress) -> None:
        self.synthesis = synthesis
        self.workers = workers
        self.cache_file = cache
        self._progress = progress
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="conversation", daemon=True)
        self._hands = ThreadPoolExecutor(UNITS_AHEAD if workers.count else 1, thread_name_prefix="tell")
        self._stack = ExitStack()
        self._tokens = 0
        self.desk: Desk | None = None

    def __enter__(self) -> Conversation:
        self.cache = self._stack.enter_context(AnswerCache(self.cache_file))
        self._thread.start()
        self._opened = asyncio.run_coroutine_threadsafe(self._open(), self._loop)
        return self

    async def _open(self) -> Desk:
        starting = any(load_engine(use.engine).starts_servers for use in uses(self.synthesis).values())
        if starting and self.workers.count:
            await asyncio.to_thread(self.workers.ready)
        desk = Desk(self.synthesis, self.cache, self._heard)
        self.desk = await desk.__aenter__()
        self._bar = self._stack.enter_context(self._progress.bar("engine: answers", "tokens"))
        self._watch = asyncio.ensure_future(self._say())
        return desk

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._hands.shutdown()
        self._stack.close()

    async def _close(self) -> None:
        while not self._opened.done():  # what is starting is let to start, so that it can be ended
            await asyncio.sleep(0.05)
        if self.desk is not None:
            self._watch.cancel()
            self._step()
            await self.desk.__aexit__(None, None, None)

    def _heard(self, answer: Answer) -> None:
        self._tokens += answer.prompt_tokens + answer.generated_tokens

    async def _say(self) -> None:
        while True:
            await asyncio.sleep(SAY_EVERY)
            self._step()

    def _step(self) -> None:
        if self._tokens > self._bar.done:
            self._progress.advance(self._bar, self._tokens - self._bar.done)

    def tell(self, jobs: Iterable[Telling], roots: Sequence[Path], told: Callable[[Told], None]) -> list[Told]:
        """Tells units and returns them in order; `told` is called with each as it is done. `roots` are where the
        sources' files lie. Raises BuildError where it can't go on; what was answered is kept.
        """
        self._opened.result()
        return asyncio.run_coroutine_threadsafe(self._tell_all(jobs, roots, told), self._loop).result()

    def ask(self, asked: Sequence[Asked], pictures: Pictures) -> dict[str, Answer]:
        """The answers by key, what was answered before from the cache. Raises BuildError where it can't go on; what was
        answered is kept."""
        found = self.cache.get(key for key, _ in asked)
        new = [one for one in asked if one[0] not in found]
        if new:
            desk = self._opened.result()
            for start in range(0, len(new), ASKED_AT_ONCE):
                some = desk.ask(new[start : start + ASKED_AT_ONCE], pictures)
                found |= asyncio.run_coroutine_threadsafe(some, self._loop).result()
        return found

    async def _tell_all(
        self, jobs: Iterable[Telling], roots: Sequence[Path], told: Callable[[Told], None]
    ) -> list[Told]:
        assert self.desk is not None
        ahead = asyncio.Semaphore(UNITS_AHEAD)
        failed = asyncio.Event()
        tasks: list[asyncio.Task[Told]] = []

        async def one(job: Telling, root: Path) -> Told:
            try:
                done = await self._tell(job, root)
            except BaseException:
                failed.set()
                raise
            finally:
                ahead.release()
            told(done)
            return done

        for job, root in zip(jobs, roots, strict=True):
            await ahead.acquire()
            await self.desk.room()
            if failed.is_set():
                ahead.release()
                break
            tasks.append(asyncio.ensure_future(one(job, root)))
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in found:
            if isinstance(outcome, BaseException):
                raise outcome
        return [outcome for outcome in found if isinstance(outcome, Told)]

    async def _tell(self, job: Telling, root: Path) -> Told:
        assert self.desk is not None
        loop = asyncio.get_running_loop()
        pictures = pictures_of(job, root)
        while True:
            done = await loop.run_in_executor(self._hands, self.workers.call, tell_unit, job)
            if isinstance(done, Told):
                return done
            assert isinstance(done, Wanted)
            answers = await self.desk.ask(in_order(done.asked), pictures)
            failed = {key: answer for key, answer in answers.items() if answer.finish == "failed"}
            job = msgspec.structs.replace(job, failed=job.failed | failed)


def pictures_of(job: Telling, root: Path) -> Pictures:
    """The stored pictures of a unit by SHA-256, read when they are asked for."""
    lock = threading.Lock()
    opened: list[tuple[Unit, dict[str, int]]] = []

    def picture(sha256: str) -> tuple[bytes, str]:
        with lock:
            if not opened:
                unit = open_unit(UnitPlace(folder=job.folder, root=str(root), key=job.report.key))
                opened.append((unit, {name: row for row, name in enumerate(unit.views["sha256"].to_pylist())}))
            unit, rows = opened[0]
            if sha256 not in rows:
                raise BuildError(f"a prompt shows a picture that its unit doesn't have: {sha256}")
            view = dict(unit.views.slice(rows[sha256], 1).to_pylist()[0])
        return unit.picture(view), f"image/{view['format']}"

    return picture


def voice_of(build: Build) -> Voice:
    """What the catalog's writers say and hear with. Raises PromptError where a prompt is wrong."""
    from medloom.synthesis.judge import PROMPT as JUDGE
    from medloom.synthesis.prompt import load_prompts
    from medloom.synthesis.registry import load_task
    from medloom.synthesis.writer import Writer

    synthesis = build.catalog.synthesis
    folders = tuple(str((build.resolved.folder / name).absolute()) for name in synthesis.prompts)
    book = load_prompts(tuple(Path(folder) for folder in folders))
    writers = [(spec, load_task(spec[0], spec[2])) for spec in build.tasks]
    used = {prompt for _, task in writers if isinstance(task, Writer) for prompt in task.prompts}
    if synthesis.judge is not None:
        used.add(JUDGE)
    return Voice(
        writers=tuple(spec for spec, task in writers if isinstance(task, Writer)),
        prompts=folders,
        stamps={prompt: book[prompt].stamp for prompt in sorted(used)},
        ears={str(ear): who for ear, who in identities(synthesis).items()},
        sampling=synthesis.sampling.model_dump(mode="json"),
        local=synthesis.stays_here and (synthesis.judge is None or synthesis.judge.stays_here),
    )


def tellings(build: Build, name: str, voice: Voice, cache: Path) -> Iterator[tuple[int, Telling]]:
    """The units of a source that left briefs, by their number."""
    state = build.sources[name]
    for number, (folder, report) in enumerate(zip(state.folders, state.reports, strict=True)):
        if report.briefs:
            into = folder.with_name(f"{folder.name}.told")
            yield (
                number,
                Telling(
                    folder=str(folder),
                    into=str(into),
                    report=report,
                    voice=voice,
                    cache=str(cache),
                    filters=build.filters,
                    base=str(build.resolved.folder.absolute()),
                ),
            )
