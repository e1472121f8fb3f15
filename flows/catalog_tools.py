"""The tasks and filters of a catalog: that they are there, take their parameters, and find something to feed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from medloom.flows.catalog_sources import ResolvedSource
from medloom.flows.explain import Place, explain
from medloom.flows.problem import Problem, nearest_or_all, problem
from medloom.schemas.errors import MedloomError
from medloom.schemas.marked_yaml import Path as Loc

if TYPE_CHECKING:
    from medloom.quality.filter import Filter
    from medloom.synthesis.task import Task

T = TypeVar("T")
Load = Callable[[str, dict[str, Any]], T]


class _Entry(NamedTuple):
    """One line of `tasks` or `filters`, where it stands."""

    here: Place
    loc: Loc
    name: str
    params: dict[str, Any]

    def problem(self, what: str, suggestion: str = "") -> Problem:
        return problem(self.here.file, self.here.text.locate(self.loc, key=True), self.loc, what, suggestion)


def examine_tasks(here: Place, raw: Any, sources: Sequence[ResolvedSource], problems: list[Problem]) -> list[Task]:
    """The tasks in which there is no mistake, in order. `sources` are those whose cards are without mistakes."""
    entries = list(_entries(here, "tasks", raw, problems))
    if not entries:
        return []
    from medloom.synthesis.registry import load_task, task_names

    stated = here.text.data.get("sources")
    complete = isinstance(stated, list) and len(stated) == len(sources)
    names = task_names()
    found: list[Task] = []
    for entry in entries:
        task: Task | None = _load("task", entry, names, load_task, problems)
        if task is not None:
            found.append(task)
            problems.extend(_hunger(entry, task, sources, complete))
    return found


def examine_filters(here: Place, raw: Any, problems: list[Problem], folder: Path) -> list[Filter]:
    """The filters in which there is no mistake, in order; `folder` is the catalog's."""
    entries = list(_entries(here, "filters", raw, problems))
    if not entries:
        return []
    from medloom.quality.registry import filter_names, load_filter

    names = filter_names()
    load = partial(load_filter, folder=folder)
    found: list[Filter | None] = [_load("filter", entry, names, load, problems) for entry in entries]
    return [one for one in found if one is not None]


def _entries(here: Place, key: str, raw: Any, problems: list[Problem]) -> Iterator[_Entry]:
    """Every entry with a name, once; the catalog's model tells what else is wrong with them."""
    seen: set[str] = set()
    for index, item in enumerate(raw if isinstance(raw, list) else []):
        loc: Loc = (key, index)
        named = {item: {}} if isinstance(item, str) else item
        if not isinstance(named, dict):
            continue
        if len(named) != 1:
            what = f"{key}[{index}] names {len(named)} {key}"
            hint = f"one a line: `- {next(iter(named), 'name')}: {{...}}`"
            problems.append(_Entry(here, loc, "", {}).problem(what, hint))
        for name, params in named.items():
            entry = _Entry(here, loc if isinstance(item, str) else (*loc, name), name, params)
            if name in seen:
                problems.append(entry.problem(f"{name!r} stands twice in {key}", "remove one of them"))
            elif isinstance(params, dict):
                yield entry
            seen.add(name)


def _load(kind: str, entry: _Entry, names: Sequence[str], load: Load[T], problems: list[Problem]) -> T | None:
    if entry.name not in names:
        problems.append(entry.problem(f"no {kind} {entry.name!r} is installed", nearest_or_all(entry.name, names)))
        return None
    try:
        return load(entry.name, entry.params)
    except (MedloomError, ValidationError) as error:
        problems.extend(_why(entry, load, error))
        return None


def _why(entry: _Entry, load: Load[Any], error: Exception) -> list[Problem]:
    """What is wrong with the parameters, by their own model; else what the registry says."""
    found = error if isinstance(error, ValidationError) else error.__cause__
    if not isinstance(found, ValidationError):
        return [entry.problem(str(error))]
    place = Place(entry.here.file, entry.here.text, entry.loc)
    try:
        model: type[BaseModel] = type(load(entry.name, {})).Params
    except (MedloomError, ValidationError):  # one that can't do without parameters: no nearest key can be named
        model = BaseModel
    return explain(found, model, lambda _: place)


def _hunger(entry: _Entry, task: Task, sources: Sequence[ResolvedSource], complete: bool) -> Iterator[Problem]:
    """That no source can feed the task; or, as a note, which ones can't."""
    gives = {source.use.use: source.converter.gives(source.card) for source in sources}
    hungry = [name for name, given in gives.items() if task.needs and not any(need <= given for need in task.needs)]
    needs = ", or ".join(" + ".join(sorted(need)) for need in task.needs)
    if sources and complete and len(hungry) == len(gives):
        given = "; ".join(f"{name} gives {', '.join(sorted(gives[name])) or 'none'}" for name in hungry)
        what = f"no source can feed the task {entry.name!r}: it needs {needs}"
        yield entry.problem(what, f"remove it or add a source ({given})")
        return
    if hungry:
        yield _note(entry, f"the task {entry.name!r} gets nothing from {', '.join(hungry)}: it needs {needs}")
    partly = [name for name in gives if name not in hungry and not _all_drawn(name, sources)]
    if task.of_all and partly:
        what = f"the task {entry.name!r} gets nothing from {', '.join(partly)}"
        yield _note(entry, f"{what}: it needs a card that says `exhaustive: {{regions: true}}`")


def _all_drawn(name: str, sources: Sequence[ResolvedSource]) -> bool:
    return any(source.use.use == name and source.card.exhaustive.regions for source in sources)


def _note(entry: _Entry, what: str) -> Problem:
    note = entry.problem(what)
    return Problem(note.file, note.line, note.column, note.where, note.what, severity="note")
