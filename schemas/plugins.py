"""Plugins: what installed packages offer under an entry point's group, read from the disk once for all groups."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any


def plugins(group: str) -> dict[str, EntryPoint]:
    """Entry points of the group by name; nothing is imported."""
    return {point.name: point for point in _installed(tuple(sys.path)).select(group=group)}


@lru_cache(maxsize=1)
def _installed(_path: tuple[str, ...]) -> Any:
    return entry_points()
