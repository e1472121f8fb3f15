"""Schedule: the flows that Prefect deploys, and what they look at before they build.

`refresh` builds again what changed, `on_new_source` waits for a source that the corpus does not have yet, `release`
builds and publishes. Whatever fails, the corpus that was there stays as it was: a build takes its place only when it
is whole. ``prefect.yaml`` deploys all three; ``medloom schedule`` serves one of them without a work pool.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact

from medloom.flows.lock import locked_recipe, locked_work
from medloom.flows.plan import plan_source
from medloom.flows.watched import artifact_key, leave_artifacts

Sources = dict[str, str]


def reasons_to_build(catalog: str | Path, out: str | Path, sources: Sources | None = None) -> list[str]:
    """Why the corpus in `out` is not what the catalog would give now; empty where it is.

    Lists the sources, and holds every file that was read against its fingerprint, by size and time first. Raises
    CatalogError where the catalog is wrong.
    """
    from medloom.flows.build import Build
    from medloom.flows.progress import Progress
    from medloom.flows.run import checked
    from medloom.flows.store import Store
    from medloom.flows.workers import Workers

    resolved = checked(Path(catalog), sources or {})
    store = Store.beside(Path(out), None)
    lock = _lock(store.out)
    if lock is None:
        return ["not built yet"]
    with store.locked(), Workers(0) as here, Path("/dev/null").open("w") as quiet:
        build = Build(resolved, store, here, Progress(quiet), 0.0)
        why = _changed(build, lock)
        for name in build.sources:
            planned = plan_source(build, name)
            if planned.why:
                why += [f"{name}: {reason}" for reason in planned.why]
            elif planned.samples != lock["sources"].get(name, {}).get("samples"):
                why.append(f"{name}: it has {planned.samples} samples, and the corpus was built from another number")
    return why


def _lock(out: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((out / "corpus.lock.json").read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found if isinstance(found, dict) else None


def _changed(build: Any, lock: dict[str, Any]) -> list[str]:
    """What the lock says otherwise than this catalog and this medloom."""
    catalog = json.loads(json.dumps(locked_recipe(build.catalog)))
    before = lock["catalog"]
    why = [f"the catalog's {key} has changed" for key in catalog if catalog[key] != before.get(key)]
    if build.versions != lock["versions"]:
        names = sorted(name for name, version in build.versions.items() if lock["versions"].get(name) != version)
        why.append(f"other versions of {', '.join(names)}")
    work = json.loads(json.dumps(locked_work(build.tasks, build.filters)))
    if work != {key: lock[key] for key in work}:
        why.append("other versions of tasks or filters")
    if build.words != lock["words"]:
        why.append("other templates or vocabulary")
    return why


@flow(name="medloom refresh", flow_run_name="refresh {out}")
def refresh(catalog: str, out: str, sources: Sources | None = None, workers: int = 0) -> bool:
    """Builds the corpus again where a source, the catalog or medloom has changed. True where it did."""
    why = reasons_to_build(catalog, out, sources)
    return _build_for(why, catalog, out, sources, workers)


@flow(name="medloom on new source", flow_run_name="new sources of {out}")
def on_new_source(catalog: str, out: str, sources: Sources | None = None, workers: int = 0) -> bool:
    """Builds where the catalog names a source that the corpus doesn't have. Cheap enough to be asked every minute."""
    from medloom.flows.run import checked

    lock = _lock(Path(out)) or {"sources": {}}
    named = [source.card.source for source in checked(Path(catalog), sources or {}).sources]
    why = [f"{name}: a new source" for name in named if name not in lock["sources"]]
    return _build_for(why, catalog, out, sources, workers)


@flow(name="medloom release", flow_run_name="release {out} to {repo}")
def release(
    catalog: str,
    out: str,
    repo: str,
    version: str | None = None,
    private: bool = False,
    sources: Sources | None = None,
    workers: int = 0,
) -> str | None:
    """Brings the corpus up to date and publishes it as `version` (the catalog's by default). Returns the commit."""
    from medloom.flows.publish.publish import publish  # type: ignore[import-not-found,unused-ignore]

    _build_for(reasons_to_build(catalog, out, sources), catalog, out, sources, workers)
    logger = get_run_logger()
    commit: str | None = publish(Path(out), repo, version=version, private=private, say=logger.info)
    return commit


def _build_for(why: list[str], catalog: str, out: str, sources: Sources | None, workers: int) -> bool:
    logger = get_run_logger()
    name = Path(out).name
    said = "\n".join(f"- {reason}" for reason in why) or "Nothing has changed: nothing was built."
    create_markdown_artifact(said, artifact_key(name, "why"), f"Why {name} is built")
    for reason in why:
        logger.info("%s: %s", name, reason)
    if not why:
        logger.info("%s: nothing has changed", name)
        return False
    from medloom.flows.run import run_build

    build = run_build(Path(catalog), Path(out), sources or {}, workers, resume=True)
    if not workers:  # with workers, the build is a flow of its own and leaves them there
        leave_artifacts(build)
    return True


FLOWS: dict[str, Any] = {"refresh": refresh, "new-source": on_new_source, "release": release}


def serve(
    kind: str, parameters: dict[str, Any], every_seconds: float | None, cron: str | None, name: str | None = None
) -> None:
    """Serves one flow on a schedule until it is stopped; runs never overlap. A real Prefect server must be there."""
    from prefect import serve as serve_all

    chosen = FLOWS[kind]
    deployment = chosen.to_deployment(
        name or f"{kind} {Path(parameters['out']).name}",
        interval=every_seconds,
        cron=cron,
        parameters=parameters,
        concurrency_limit=1,
        tags=["medloom"],
        entrypoint_type=_module_path(),
    )
    serve_all(deployment, limit=1)


def _module_path() -> Any:
    from prefect.types.entrypoint import EntrypointType

    return EntrypointType.MODULE_PATH
