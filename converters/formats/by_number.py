"""Names in the order that their numbers count."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"([0-9]+)")


def by_number(name: str) -> tuple[list[str | int], str]:
    """What to sort names by, so that ``9.png`` comes before ``10.png``."""
    parts = _NUMBER.split(name)
    return [int(part) if odd % 2 else part for odd, part in enumerate(parts)], name
