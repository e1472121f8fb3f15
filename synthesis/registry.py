"""Tasks by name, through the entry points ``medloom.tasks``: ours and strangers' by the same door."""

from __future__ import annotations

from functools import cache
from typing import Any

from medloom.schemas.errors import MedloomError
from medloom.schemas.plugins import plugins
from medloom.synthesis.task import Task

GROUP = "medloom.tasks"


def task_names() -> list[str]:
    """Names of all tasks installed here, sorted; nothing is imported."""
    return sorted(plugins(GROUP))


def load_task(name: str, params: dict[str, Any]) -> Task:
    """The task with its parameters checked. Raises MedloomError, or pydantic's ValidationError for the parameters."""
    kind = task_class(name)
    return kind(kind.Params.model_validate(params))


@cache
def task_class(name: str) -> type[Task]:
    """The task of that name. Raises MedloomError where there is none."""
    points = plugins(GROUP)
    if name not in points:
        raise MedloomError(f"no task {name!r}; installed: {', '.join(sorted(points))}")
    try:
        found = points[name].load()
    except ImportError as error:
        raise MedloomError(f"task {name!r} ({points[name].value}) can't be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise MedloomError(f"task {name!r} ({points[name].value}) is no medloom Task")
    return found
