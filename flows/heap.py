"""Heap: how this process gives memory back."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
KEPT = 128 << 20
OWN_MAP = 32 << 20


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
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
