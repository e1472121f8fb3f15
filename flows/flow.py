"""Flow: the stages of a build as Prefect tasks in this process's threads; the partitions are Ray's."""

from __future__ import annotations

import os
from typing import Any

from medloom.flows.build import Build

SETTINGS = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_CLI_PROMPT": "false",
}
"""Set unless the user has set them: the embedded server may need more than its default 20 s on a small machine, and
a failure is told once, by the command line."""


def run_on_prefect(build: Build) -> None:
    """Runs the build as a Prefect flow: with the server of PREFECT_API_URL, or an embedded one where there is none.

    Sources go side by side, each listed and then converted; the corpus-level stages follow one after another.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.task_runners import ThreadPoolTaskRunner

    from medloom.flows.watched import WatchedProgress, leave_artifacts

    names = list(build.sources)
    listed = task(name="list", task_run_name="list {name}", cache_policy=NO_CACHE)(build.list_one)
    converted = task(name="convert", task_run_name="convert {name}", cache_policy=NO_CACHE)(build.convert_one)
    told = task(name="synthesize", task_run_name="synthesize {name}", cache_policy=NO_CACHE)(build.synthesize_one)
    stages = (
        task(name="filter and split", cache_policy=NO_CACHE)(build.decide),
        task(name="assemble", cache_policy=NO_CACHE)(build.assemble),
        task(name="document", cache_policy=NO_CACHE)(build.finish),
    )

    def steps(corpus: str, version: str) -> None:
        found = [listed.submit(name) for name in names]
        done = [
            converted.submit(name, wait_for=[before], return_state=False)
            for name, before in zip(names, found, strict=True)
        ]
        if build.voice is not None:
            done += [
                told.submit(name, wait_for=[before], return_state=False)
                for name, before in zip(names, done, strict=True)
            ]
        for future in (*found, *done):  # the first that failed, not those that waited for it
            future.result()
        for stage in stages:
            stage()
        leave_artifacts(build)

    build.progress = WatchedProgress(build.progress)
    runner: Any = ThreadPoolTaskRunner(max_workers=max(2, min(8, len(names))))
    run = flow(name="medloom build", flow_run_name="{corpus} {version}", task_runner=runner)(steps)
    run(build.catalog.corpus, build.catalog.version)


def run_here(build: Build) -> None:
    """The same stages one after another in this process: no Prefect, no Ray, the same bytes."""
    for name in build.sources:
        build.list_one(name)
        build.convert_one(name)
        build.synthesize_one(name)
    build.decide()
    build.assemble()
    build.finish()
