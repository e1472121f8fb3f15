"""The engine of a catalog: that it is there, that its prompts are whole, and that it may hear what it would be told."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from medloom.flows.catalog_sources import ResolvedSource
from medloom.flows.explain import Place
from medloom.flows.problem import Problem, nearest, nearest_or_all, problem
from medloom.schemas.errors import MedloomError
from medloom.schemas.marked_yaml import Path as Loc
from medloom.schemas.synthesis import EngineUse, Synthesis
from medloom.synthesis.engines.engine import engine_names

if TYPE_CHECKING:
    from medloom.quality.filter import Filter
    from medloom.synthesis.prompt import Prompt
    from medloom.synthesis.task import Task
    from medloom.synthesis.writer import Writer


def examine_engine(
    here: Place,
    data: dict[str, Any],
    folder: Path,
    sources: Sequence[ResolvedSource],
    tasks: Sequence[Task],
    filters: Sequence[Filter] = (),
) -> Iterator[Problem]:
    """What is wrong with `synthesis`, given the sources, tasks and filters in which there is no mistake."""
    from medloom.quality.filters.blind import Blind
    from medloom.synthesis.writer import Writer

    stated = data.get("synthesis", {})
    try:
        synthesis = Synthesis.model_validate(stated)
    except ValidationError:  # told by the catalog's model
        return
    writers = [task for task in tasks if isinstance(task, Writer)]
    asks = synthesis.engine != "none" and any(isinstance(one, Blind) for one in filters)
    places: list[tuple[Loc, EngineUse]] = [(("synthesis",), synthesis)]
    if synthesis.judge is not None:
        places.append((("synthesis", "judge"), synthesis.judge))
    for loc, use in places:
        yield from _use(here, loc, use)
        yield from _credentialed(here, loc, use, sources, bool(writers) or (asks and use is synthesis))
    yield from _wanted(here, data, synthesis, writers, asks)
    yield from _prompts(here, synthesis, folder, writers)
    if synthesis.budget.cost is not None and synthesis.price is None:
        what = "synthesis.budget.cost needs a price: nothing costs anything without"
        yield _at(here, ("synthesis", "budget", "cost"), what, "add `price: {prompt: ..., generated: ...}`")


def _at(here: Place, loc: Loc, what: str, hint: str = "", note: bool = False) -> Problem:
    return problem(here.file, here.text.locate(loc, key=True), loc, what, hint, "note" if note else "error")


def _use(here: Place, loc: Loc, use: EngineUse) -> Iterator[Problem]:
    names = engine_names()
    if use.engine not in names:
        yield _at(here, (*loc, "engine"), f"no engine {use.engine!r} is installed", nearest_or_all(use.engine, names))
    if use.key_env is not None and not os.environ.get(use.key_env):
        what = f"{use.key_env} is not set here: a build needs it"
        yield _at(here, (*loc, "key_env"), what, "export the key in it before you build", note=True)
    if use.engine == "vllm" and not Path(use.servers.python).exists():
        what = f"no vLLM at {use.servers.python}"
        hint = "`make vllm` (GPU) or `make vllm-cpu` makes it; or name its Python in servers.python"
        yield _at(here, loc, what, hint)
    if use.local and use.base_url is not None and not _looks_local(urlsplit(use.base_url).hostname or ""):
        what = f"local says that nothing leaves your own machines; is {urlsplit(use.base_url).hostname} one of them?"
        yield _at(here, (*loc, "local"), what, note=True)


def _looks_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan", ".localdomain"))


def _credentialed(
    here: Place, loc: Loc, use: EngineUse, sources: Sequence[ResolvedSource], writers: bool
) -> Iterator[Problem]:
    closed = [source.use.use for source in sources if source.card.access == "credentialed"]
    if closed and writers and not use.stays_here:
        what = f"{', '.join(closed)}: credentialed data may not be sent to an engine that isn't marked local"
        hint = "`local: true` if the server is your own; else remove the source or the tasks that ask"
        yield _at(here, loc, what, hint)


def _wanted(
    here: Place, data: dict[str, Any], synthesis: Synthesis, writers: Sequence[Writer], asks: bool
) -> Iterator[Problem]:
    stated = data.get("tasks")
    for index, entry in enumerate(stated if isinstance(stated, list) else []):
        name = next(iter(entry), "") if isinstance(entry, dict) else entry
        if synthesis.engine == "none" and any(writer.name == name for writer in writers):
            what = f"the task {name!r} needs an engine, and the catalog names none"
            yield _at(here, ("tasks", index), what, "`synthesis: {engine: openai, model: ..., base_url: ...}`")
    if synthesis.engine in engine_names() and synthesis.engine != "none" and not (writers or asks) and stated:
        what = f"no task here asks an engine: {synthesis.engine!r} would have nothing to do"
        yield _at(here, ("synthesis", "engine"), what, note=True)


def _prompts(here: Place, synthesis: Synthesis, folder: Path, writers: Sequence[Writer]) -> Iterator[Problem]:
    from medloom.synthesis.prompt import PromptError, load_prompts

    used = {prompt for writer in writers for prompt in writer.prompts}
    if used and synthesis.judge is not None:
        used.add("judge")
    for index, name in enumerate(synthesis.prompts):
        loc: Loc = ("synthesis", "prompts", index)
        try:
            book = load_prompts((folder / name,))
        except (PromptError, OSError, UnicodeDecodeError) as error:
            yield _at(here, loc, str(error))
            continue
        own = [prompt for prompt in book if _lies_in(prompt, folder / name)]
        for prompt in own:
            if prompt.id not in used and writers:
                known = _asked_by_any()
                who = "no task here" if prompt.id in known else "no task that is installed"
                what = f"{prompt.file}: {who} uses the prompt {prompt.id!r}"
                hint = nearest(prompt.id, used if prompt.id in known else used | known)
                yield _at(here, loc, what, hint, note=prompt.id in known)
    for prompt_id in sorted(used):
        try:
            load_prompts(tuple(folder / name for name in synthesis.prompts))[prompt_id]
        except (PromptError, OSError, UnicodeDecodeError) as error:
            yield _at(here, ("tasks",), str(error))
            return


def _asked_by_any() -> set[str]:
    """Ids of the prompts of every writer that is installed, and of the judge."""
    from medloom.synthesis.judge import PROMPT as JUDGE
    from medloom.synthesis.registry import task_class, task_names
    from medloom.synthesis.writer import Writer

    found = {JUDGE}
    for name in task_names():
        with suppress(MedloomError):  # a stranger's task that can't be imported is told where it is used
            kind = task_class(name)
            found |= set(kind.prompts) if issubclass(kind, Writer) else set()
    return found


def _lies_in(prompt: Prompt, folder: Path) -> bool:
    return Path(prompt.file).parent == folder
