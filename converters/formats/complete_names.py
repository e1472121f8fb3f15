"""Which names a Sample's annotation is complete for."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from medloom.schemas.card import SourceCard


def known_names(card: SourceCard) -> tuple[str, ...]:
    """The source's names that the card maps to a concept, in the card's order."""
    return tuple(name for name, concept in card.labels.items() if concept is not None)


def complete_labels(
    card: SourceCard, unknown: Collection[str] = (), stated: Collection[str] | None = None
) -> tuple[str, ...]:
    """The names of which a missing label means absent: none, unless the card says so; never one of `unknown`.

    `stated` are the names that this kind of annotation can state (None: all).
    """
    if not card.exhaustive.labels:
        return ()
    able = known_names(card) if stated is None else [name for name in known_names(card) if name in stated]
    return tuple(name for name in able if name not in unknown)


def complete_regions(
    card: SourceCard, marked: Iterable[str] | None = None, lost: Collection[str] = ()
) -> tuple[str, ...]:
    """The names of which every instance is marked, if the card says that its regions are exhaustive.

    `marked` are the names that this kind of annotation can mark (None: all); a name of which one region
    was `lost` is not complete.
    """
    if not card.exhaustive.regions:
        return ()
    able = None if marked is None else set(marked)
    return tuple(name for name in known_names(card) if (able is None or name in able) and name not in lost)
