"""medloom: public medical imaging datasets, woven into one licensed vision-language corpus.

`medloom.load` opens a corpus; everything else is in the packages below. Nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import Any

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        from medloom.flows.load import load

        return load
    raise AttributeError(f"module 'medloom' has no attribute {name!r}")
