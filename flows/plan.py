"""Plan: what a build would do and redo, and why, without doing it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from medloom.flows.build import Build
from medloom.flows.forecast import Forecast, forecast, render_forecast
from medloom.flows.progress import Progress
from medloom.flows.recipe import Recipe
from medloom.flows.run import checked
from medloom.flows.source_state import reasons_of
from medloom.flows.store import Store, read_json
from medloom.flows.unit import UnitReport, holds
from medloom.flows.workers import Workers


class SourcePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One source: how many units are done and hold, how many are to do, and why."""

    source: str
    samples: int
    refused: int
    reasons: str
    units: int
    done: int
    why: tuple[str, ...]


def plan_build(
    catalog: Path, out: Path, sources: dict[str, str], work: Path | None = None, answers: Path | None = None
) -> tuple[list[SourcePlan], Forecast | None]:
    """The plan of every source, and what an engine would be asked. Lists the sources, which is cheap, and writes
    nothing into `out`."""
    resolved = checked(catalog, sources)
    store = Store.beside(out, work, answers)
    with store.locked(), Workers(0) as here:
        build = Build(resolved, store, here, Progress(sys.stderr), time.monotonic())
        plans = [plan_source(build, name) for name in build.sources]
        return plans, forecast(build)


def plan_source(build: Build, name: str) -> SourcePlan:
    """Lists the source (cheap) and holds its units against what the store has."""
    build.list_one(name)
    state = build.sources[name]
    assert state.listing is not None and state.recipe is not None
    done, missing, changed = 0, 0, 0
    for work, _, _ in build.works(state):
        report = read_json(Path(work.folder) / "unit.json", UnitReport)
        if not isinstance(report, UnitReport):
            missing += 1
        elif holds(report, work):
            done += 1
        else:
            changed += 1
    why = []
    if missing:
        why.append(f"{missing} of {len(state.listing.partitions)} units: {_why(build.store, state.recipe)}")
    if changed:
        why.append(f"{changed} units: a file that they read, or what stopped a Sample, has changed")
    return SourcePlan(
        source=name,
        samples=state.listing.samples,
        refused=len(state.listing.refused),
        reasons=reasons_of(state.listing.refused),
        units=len(state.listing.partitions),
        done=done,
        why=tuple(why),
    )


def _why(store: Store, recipe: Recipe) -> str:
    before = read_json(store.work / "recipes" / f"{recipe.source.source}.json", Recipe)
    if not isinstance(before, Recipe):
        return "not built yet"
    if before.digest == recipe.digest:
        return "not finished yet, or the source's samples have changed"
    old, new = msgspec.structs.asdict(before), msgspec.structs.asdict(recipe)
    parts = [name for name in new if name != "root" and old[name] != new[name]]
    inner = [
        f"{name}.{key}" if isinstance(new[name], dict) else name
        for name in parts
        for key in (sorted({*old[name], *new[name]}) if isinstance(new[name], dict) else [""])
        if not isinstance(new[name], dict) or old[name].get(key) != new[name].get(key)
    ]
    return f"changed since the last build: {', '.join(inner)}"


def render_plan(plans: list[SourcePlan], engine: Forecast | None = None) -> str:
    """One line for each source, and the reasons below it; then what an engine would be asked."""
    lines = []
    for plan in plans:
        todo = plan.units - plan.done
        what = "nothing to do" if not todo else f"{todo} of {plan.units} units to do"
        refused = f"{plan.refused:,} refused at listing" + (f" ({plan.reasons})" if plan.reasons else "")
        lines.append(f"{plan.source}: {plan.samples:,} samples, {refused}; {what}")
        lines += [f"  {reason}" for reason in plan.why]
    if engine is not None:
        lines += render_forecast(engine)
    return "\n".join(lines)
