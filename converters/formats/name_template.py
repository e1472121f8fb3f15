"""Name templates: ``masks/{id}_mask.png``, filled from what a picture's path or a table's row says."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FIELD = re.compile(r"\{([^{}]+)\}")


def fields_of(template: str) -> list[str]:
    """The names between braces, in order."""
    return _FIELD.findall(template)


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with every ``{name}`` replaced. Raises KeyError where a name has no value."""
    return _FIELD.sub(lambda found: values[found[1]], template)


def reverse(template: str) -> re.Pattern[str]:
    """What every path that the template can make looks like; ``*`` stands for anything within one folder's name."""
    parts = _FIELD.split(template)
    made = []
    for number, part in enumerate(parts):
        made.append(".+" if number % 2 else re.escape(part).replace(r"\*", "[^/]*"))
    return re.compile("".join(made))
