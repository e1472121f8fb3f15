"""Labels of one picture from several cells, rows or files."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from medloom.schemas.sample import Label


def joined_labels(labels: Iterable[Label]) -> tuple[Label, ...]:
    """One Label for each name, in order of first mention; names on which two disagree are uncertain."""
    found: dict[str, Label] = {}
    for label in labels:
        before = found.setdefault(label.name, label)
        if before.polarity != label.polarity:
            found[label.name] = msgspec.structs.replace(before, polarity="uncertain")
    return tuple(found.values())
