"""Converters by name, through the entry points ``medloom.converters``: ours and strangers' by the same door."""

from __future__ import annotations

from functools import cache

from medloom.converters.base import Converter
from medloom.schemas.errors import MedloomError
from medloom.schemas.plugins import plugins

GROUP = "medloom.converters"


def converter_names() -> list[str]:
    """Names of all converters installed here, sorted; nothing is imported."""
    return sorted(plugins(GROUP))


@cache
def load_converter(name: str) -> Converter:
    """The converter of that name. Raises MedloomError where there is none or it can't be imported."""
    points = plugins(GROUP)
    if name not in points:
        raise MedloomError(f"no converter {name!r}; installed: {', '.join(sorted(points))}")
    try:
        found = points[name].load()
    except ImportError as error:
        raise MedloomError(f"converter {name!r} ({points[name].value}) can't be imported: {error}") from error
    converter = found()
    if not isinstance(converter, Converter):
        raise MedloomError(f"converter {name!r} ({points[name].value}) is no medloom Converter")
    return converter
