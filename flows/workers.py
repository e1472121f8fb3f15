"""Workers: the same functions over the same jobs, in this process or as plain Ray tasks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from medloom.schemas.errors import BuildError

Job = TypeVar("Job")
Done = TypeVar("Done")

RETRIES = 3
"""A job whose worker died is given to another one so many times. What a job leaves on disk may tell the next one how
the last one ended (`flows/unit.py`)."""
AHEAD = 2
"""Jobs in flight for each worker: one at work, one waiting; so memory does not grow with the corpus."""


class Workers:
    """`count` Ray workers (0: this process). Ray starts in the background at once; the first job waits for it.

    `address` joins a running Ray cluster instead of starting one here. `dashboard` serves Ray's dashboard, whose
    address is printed; it needs ``ray[default]``. `aside` are cores for an engine's servers, beside those
    of the workers, in a Ray that is started here: else the workers would wait for ever for what the servers hold.
    """

    def __init__(self, count: int, address: str | None = None, dashboard: bool = False, aside: int = 0) -> None:
        self.count = count
        self._aside = aside
        self._address = address
        self._dashboard = dashboard
        self._starting: Future[None] | None = None
        self._remotes: dict[Any, Any] = {}
        # Linux ends Ray's processes when the thread that started them ends, so the thread stays until the last job.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="ray-start")
        if count:
            self._starting = self._starter.submit(self._start)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._starting is None:
            return
        import ray

        self._starting.exception()
        ray.shutdown()
        self._starter.shutdown()

    def _start(self) -> None:
        import logging

        import ray

        options: dict[str, Any] = {
            "include_dashboard": self._dashboard,
            "log_to_driver": False,
            "logging_level": logging.ERROR,
        }
        if self._address is None:
            options |= {"num_cpus": self.count + self._aside, "object_store_memory": 128 * 2**20}
        started = ray.init(address=self._address, **options)
        if self._dashboard:
            print(f"Ray dashboard: http://{started.dashboard_url}", file=sys.stderr, flush=True)

    def ready(self) -> None:
        """Waits until jobs can run. Raises BuildError where Ray does not start."""
        if self._starting is None:
            return
        try:
            self._starting.result()
        except Exception as error:
            raise BuildError(f"Ray did not start: {error}; --workers 0 builds without it") from error

    def map(self, function: Callable[[Job], Done], jobs: Iterable[Job]) -> Iterator[Done]:
        """Results as they come, in no particular order; jobs are drawn lazily. Safe to call from several threads.

        Raises what a job raised; BuildError where workers keep dying over one.
        """
        if self._starting is None:
            yield from map(function, jobs)
            return
        self.ready()
        yield from self._on_ray(function, iter(jobs))

    def _remote(self, function: Callable[[Job], Done]) -> Any:
        """The function as Ray's, made once: Ray sends it to its workers anew each time that it is made."""
        import ray

        if function not in self._remotes:
            self._remotes[function] = ray.remote(max_retries=RETRIES)(function)
        return self._remotes[function]

    def call(self, function: Callable[[Job], Done], job: Job) -> Done:
        """The result of one job; waits for it. Raises as `map` does. Safe to call from several threads."""
        return next(iter(self.map(function, (job,))))

    def _on_ray(self, function: Callable[[Job], Done], jobs: Iterator[Job]) -> Iterator[Done]:
        import ray

        remote = self._remote(function)
        flying: list[Any] = []
        while True:
            while len(flying) < AHEAD * self.count and (job := next(jobs, None)) is not None:
                flying.append(remote.remote(job))
            if not flying:
                return
            landed, flying = ray.wait(flying, num_returns=1)
            for one in landed:
                try:
                    yield ray.get(one)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from None
                except ray.exceptions.RayError as error:
                    what = f"workers died {RETRIES + 1} times over one job ({type(error).__name__})"
                    raise BuildError(f"{what}: --workers 0 shows where; --resume goes on") from error
