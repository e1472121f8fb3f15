"""Name templates: ``masks/{id}_mask.png``, filled from what a picture's path or a table's row says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

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


def matching_files(root: Path, template: str, values: Mapping[str, str]) -> list[str]:
    """The files that a filled template names, relative to `root`, by name; ``*`` may stand in its last part.

    Without ``*`` it is that one path, there or not; where the folder is missing, the folder's path, so that whoever
    opens it says what is missing.
    """
    if "*" not in template:
        return [fill(template, values)]
    folder, _, last = template.rpartition("/")
    folder = fill(folder, values)
    pattern = re.compile(".*".join(re.escape(fill(part, values)) for part in last.split("*")))
    try:
        with os.scandir(root / folder) as listing:
            names = sorted(entry.name for entry in listing if entry.name[0] != "." and pattern.fullmatch(entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return [folder]
    return [f"{folder}/{name}" if folder else name for name in names]
