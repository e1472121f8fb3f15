"""Check: every mistake in a catalog, at once, before any work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from medloom.flows.cards import card_names, find_card, load_card, read_card, read_text, yaml_problems
from medloom.flows.catalog_engine import examine_engine
from medloom.flows.catalog_sources import ResolvedSource, examine_sources
from medloom.flows.catalog_tools import examine_filters, examine_tasks
from medloom.flows.explain import Place, explain
from medloom.flows.problem import Problem, problem, render_problems
from medloom.flows.roots import resolve_root
from medloom.quality.suite import read_suite
from medloom.schemas.catalog import Catalog
from medloom.schemas.errors import CatalogError

if TYPE_CHECKING:
    from medloom.quality.filter import Filter
    from medloom.synthesis.task import Task

__all__ = [
    "Problem",
    "Resolved",
    "ResolvedSource",
    "card_names",
    "check",
    "find_card",
    "load_card",
    "read_catalog",
    "render_problems",
    "resolve_root",
]


@dataclass(frozen=True)
class Resolved:
    """A catalog without mistakes and what it names, in the catalog's order. `notes` are worth knowing, no more."""

    catalog: Catalog
    file: Path
    sources: tuple[ResolvedSource, ...]
    tasks: tuple[Task, ...]
    filters: tuple[Filter, ...]
    notes: tuple[Problem, ...]

    @property
    def folder(self) -> Path:
        """The catalog's folder: relative paths in it start here."""
        return self.file.parent


def check(path: Path, overrides: Mapping[str, str] | None = None) -> list[Problem]:
    """Every mistake in a catalog and in the cards that it names, or in one card, by file and line.

    `overrides` are paths by source name (``--source NAME=PATH``). An empty list, or notes alone, means that a build
    may start.
    """
    problems, _ = _examine(path, overrides or {})
    return problems


def read_catalog(path: Path, overrides: Mapping[str, str] | None = None) -> Resolved:
    """The catalog with everything that it names. Raises CatalogError with every mistake where there is one."""
    problems, resolved = _examine(path, overrides or {})
    if resolved is None:
        raise CatalogError(render_problems(problems) or f"{path} is a source card, not a catalog")
    return resolved


def _examine(path: Path, overrides: Mapping[str, str]) -> tuple[list[Problem], Resolved | None]:
    try:
        here = Place(str(path), read_text(path))
    except CatalogError as error:
        return [Problem(str(path), 1, 1, "", str(error))], None
    if problems := yaml_problems(here):
        return problems, None
    data: dict[str, Any] = here.text.data
    if "source" in data and "corpus" not in data:
        return _sorted(read_card(path).problems, path), None
    problems = list(_shape(here, data))
    sources = examine_sources(here, data, path.parent, overrides, problems)
    tasks = examine_tasks(here, data.get("tasks"), sources, problems)
    filters = examine_filters(here, data.get("filters"), problems, path.parent)
    problems += examine_engine(here, data, path.parent, sources, tasks, filters)
    problems += _suites(here, data, path.parent)
    problems = _sorted(problems, path)
    if any(one.severity == "error" for one in problems):
        return problems, None
    catalog = Catalog.model_validate(data)
    return problems, Resolved(catalog, path, tuple(sources), tuple(tasks), tuple(filters), tuple(problems))


def _shape(here: Place, data: dict[str, Any]) -> Iterator[Problem]:
    try:
        Catalog.model_validate(data)
    except ValidationError as error:
        yield from explain(error, Catalog, lambda _: here)


def _suites(here: Place, data: dict[str, Any], folder: Path) -> Iterator[Problem]:
    """What is wrong with the catalog's own suites of expectations."""
    gate = data.get("gate")
    named = gate.get("suites") if isinstance(gate, dict) else None
    for number, name in enumerate(named if isinstance(named, list) else ()):
        try:
            read_suite(folder / str(name))
        except CatalogError as error:
            loc = ("gate", "suites", number)
            yield problem(here.file, here.text.locate(loc), loc, str(error))


def _sorted(problems: Any, path: Path) -> list[Problem]:
    """The catalog's own first, then card by card; by line."""
    return sorted(dict.fromkeys(problems), key=lambda one: (one.file != str(path), one))
