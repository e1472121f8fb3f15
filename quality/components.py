"""Connected components: what belongs together when everything that shares a link does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

HELD = 20_000_000  # edges


def components(count: int, left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.int64]:
    """For each of `count` nodes the smallest node that it is linked to through the edges (left[k], right[k]).

    `left` and `right` are equally long arrays of nodes in ``range(count)``; a node without an edge is its own.
    Written out here because importing scipy's takes longer than most corpora do.
    """
    smallest = np.arange(count)
    while True:
        one, other = smallest[left], smallest[right]
        apart = one != other
        if not apart.any():
            return smallest
        left, right = left[apart], right[apart]
        low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
        np.minimum.at(smallest, high, low)  # every tree but the least of its neighbours is hung to another
        while (further := smallest[smallest]).tobytes() != smallest.tobytes():
            smallest = further


def linked(count: int, blocks: Iterable[tuple[NDArray[Any], NDArray[Any]]]) -> NDArray[np.int64]:
    """`components` over blocks of edges, of which never more than some are held: they are merged as they come."""
    smallest = np.arange(count)
    left: list[NDArray[Any]] = []
    right: list[NDArray[Any]] = []
    held = 0
    for one, other in blocks:
        left.append(one)
        right.append(other)
        held += len(one)
        if held > HELD:
            smallest = components(count, np.concatenate((*left, smallest)), np.concatenate((*right, np.arange(count))))
            left, right, held = [], [], 0
    return components(count, np.concatenate((*left, smallest)), np.concatenate((*right, np.arange(count))))


class Joined:
    """Which nodes hang together so far, while edges come one by one."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def together(self, one: int, other: int) -> bool:
        """Whether edges lead from one to the other."""
        return self._top(one) == self._top(other)

    def join(self, one: int, other: int) -> None:
        """Takes an edge."""
        low, high = sorted((self._top(one), self._top(other)))
        if low != high:
            self._above[high] = low

    def _top(self, node: int) -> int:
        above = self._above
        while (up := above.get(node, node)) != node:
            above[node] = above.get(up, up)
            node = above[node]
        return node
