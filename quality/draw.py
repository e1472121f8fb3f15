"""Draw: a split for each component, from the component's own digest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import get_args

import polars as pl

from medloom.schemas.identity import seed
from medloom.schemas.sample import Split


def draw(whole: pl.DataFrame, ratios: Mapping[Split, float]) -> list[Split]:
    """The split of each row of `whole`, which has `component` (unique) and `published` (a split, or null).

    What is published stays. Everything else falls into the interval of [0, 1) that holds the seed of its component,
    intervals being as wide as the ratios: nobody's split depends on who else is there, however the corpus grows.

    Mending, which only touches corpora of few components: of the splits with a ratio, as many as there are components
    (the largest first) must get one; an empty one takes the drawn component that falls nearest to its interval out
    of a split that has another one to spare. There, and only there, may a newcomer move somebody.
    """
    wanted = [name for name in get_args(Split) if ratios.get(name, 0.0) > 0]
    edges = [0.0, *accumulate(ratios[name] for name in wanted)]
    edges[-1] = 1.0
    interval = dict(zip(wanted, pairwise(edges), strict=True))
    at = {name: (seed("split", name) >> 11) / 2**53 for name in whole["component"]}
    published: dict[str, Split] = {
        name: split for name, split in whole.select("component", "published").rows() if split
    }
    found: dict[str, Split] = {
        name: published[name] if name in published else next(one for one in wanted if point < interval[one][1])
        for name, point in at.items()
    }
    free = sorted(set(found) - set(published))
    held = Counter(found.values())
    due = sorted(wanted, key=lambda name: -ratios[name])[: len(found)]
    for empty in (name for name in due if not held[name]):
        spare = [name for name in free if held[found[name]] > 1 or found[name] not in due]
        if not spare:
            continue
        low, high = interval[empty]
        moved = min(spare, key=lambda name: (max(low - at[name], at[name] - high, 0.0), name))
        held[found[moved]] -= 1
        held[empty] += 1
        found[moved] = empty
    return [found[name] for name in whole["component"]]
