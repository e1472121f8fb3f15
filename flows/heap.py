"""Heap: how this process, and those that it starts, give memory back."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
KEPT = 128 << 20
OWN_MAP = 32 << 20
ALLOCATORS = {"_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""What polars and pyarrow read as they are loaded. By themselves they keep what was freed, each for itself: a hundred
megabytes after the filters of 50,000 pictures."""


def share_freed() -> None:
    """What polars and pyarrow free is there for others. To be called before either is imported; the user's own
    setting wins."""
    for name, value in ALLOCATORS.items():
        os.environ.setdefault(name, value)


@cache
def keep_freed() -> None:
    """From now on up to `KEPT` bytes that were freed wait for the next picture, which needs as much.

    What is returned to the system between two pictures must be cleared again page by page: a tenth of all work where
    pictures have some megabytes. Does nothing where the C library is another than glibc.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, OWN_MAP)
        mallopt(M_TRIM_THRESHOLD, KEPT)


def give_back() -> None:
    """Returns what was freed to the system: after work that needs more memory than what follows."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


YOUNG = 10_000  # objects more than were freed, after which Python looks for cycles; its own default is 700


@cache
def settle() -> None:
    """What is there now stays for good: the garbage collector looks at it no more, and at the rest less often.

    Modules, vocabulary and templates are some hundred thousand objects, and a unit makes many that live until its end.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
