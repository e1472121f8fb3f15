"""Light import: a library without those of its own imports that nothing here needs."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module until something of it is wanted."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


class _Hidden:
    """A finder that says of some modules that they are nowhere."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = frozenset(names)

    def find_spec(self, name: str, *_: Any) -> None:
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def light_import(later: Sequence[str] = (), never: Sequence[str] = ()) -> Iterator[None]:
    """While it lasts, modules named in `later` are imported when something of them is used, and those in `never` are
    not found. A module that is there already is left alone; afterwards every module is found as before.

    Made for libraries that import what few of their users need, and do without it where it isn't installed. What is
    imported stays for good, so the garbage collector doesn't look at it again and again meanwhile.
    """
    put = {name: _Later(name) for name in later if name not in sys.modules}
    hidden: Any = _Hidden(never)
    collects = gc.isenabled()
    gc.disable()
    sys.modules.update(put)
    sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)
        for name, one in put.items():
            if sys.modules.get(name) is one:
                del sys.modules[name]
        if collects:
            gc.enable()


@cache
def arrow_alone() -> None:
    """Keeps pyarrow from importing pandas to look whether what it is given comes from there.

    It would do so on its first array, at 40 MB and half a second a process. Who asks it for pandas still gets it.
    """
    with light_import(never=("pandas",)):
        import pyarrow as pa

        pa.array([])
