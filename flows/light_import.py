"""Light import: a library without those of its own imports that nothing here needs."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module until something of it is wanted."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def light_import(later: Sequence[str] = (), never: Sequence[str] = ()) -> Iterator[None]:
    """While it lasts, modules named in `later` are imported when something of them is used, and those in `never` are
    not found. A module that is there already is left alone; afterwards every module is found as before.

    Made for libraries that import what few of their users need, and do without it where it isn't installed. What is
    imported stays for good, so the garbage collector doesn't look at it again and again meanwhile.
    """
    stand_ins: dict[str, ModuleType | None] = {name: _Later(name) for name in later} | dict.fromkeys(never)
    put: dict[str, Any] = {name: one for name, one in stand_ins.items() if name not in sys.modules}
    collects = gc.isenabled()
    gc.disable()
    sys.modules.update(put)
    try:
        yield
    finally:
        for name, one in put.items():
            if name in sys.modules and sys.modules[name] is one:
                del sys.modules[name]
        if collects:
            gc.enable()
