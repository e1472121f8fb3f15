"""Filters by name, through the entry points ``medloom.filters``: ours and strangers' by the same door."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from medloom.quality.filter import Filter
from medloom.schemas.errors import CatalogError
from medloom.schemas.plugins import plugins

GROUP = "medloom.filters"


def filter_names() -> list[str]:
    """Names of all filters installed here, sorted; nothing is imported."""
    return sorted(plugins(GROUP))


@cache
def filter_class(name: str) -> type[Filter]:
    """The filter of that name. Raises CatalogError where there is none or it can't be imported."""
    points = plugins(GROUP)
    if name not in points:
        raise CatalogError(f"no filter {name!r}{_nearest(name, points)}; installed: {', '.join(sorted(points))}")
    try:
        found = points[name].load()
    except ImportError as error:
        raise CatalogError(f"filter {name!r} ({points[name].value}) can't be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Filter)):
        raise CatalogError(f"filter {name!r} ({points[name].value}) is no medloom Filter")
    if found.name != name:
        raise CatalogError(f"filter {name!r} ({points[name].value}) calls itself {found.name!r}")
    return found


def load_filter(name: str, params: Mapping[str, Any], folder: Path | None = None) -> Filter:
    """The filter of that name with its parameters, for a catalog in `folder`.

    Raises CatalogError where the name or a parameter is wrong, or a file that one names; files only where `folder` is
    given.
    """
    found = filter_class(name)
    try:
        made = found(found.Params.model_validate(dict(params)))
    except ValidationError as error:
        known = list(found.Params.model_fields)
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
            + (_nearest(str(one["loc"][0]), known) if one["type"] == "extra_forbidden" else "")
            for one in error.errors()
        )
        raise CatalogError(f"filter {name!r}: {wrong} (parameters: {', '.join(sorted(known)) or 'none'})") from error
    if folder is not None:
        made.attach(folder)
    return made


def _nearest(name: str, known: Mapping[str, Any] | list[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
