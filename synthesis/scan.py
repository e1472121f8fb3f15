"""Scan: a volume that was read, with what its masks show; in memory only."""

from __future__ import annotations

from dataclasses import dataclass

from medloom.converters.pixels.volume import Volume
from medloom.converters.pixels.window import Window
from medloom.schemas.record import Fact
from medloom.schemas.sample import Media
from medloom.synthesis.partial import Partial
from medloom.synthesis.scene import Change
from medloom.synthesis.structures import Structure


@dataclass(frozen=True)
class Scan:
    """`lost` are the source names of which a mask was refused; `changes` what changed since the visit in `since`.

    `partial` and `partial_changes` tell where the masks of either may not show all.
    """

    media: Media
    sha256: str
    volume: Volume
    window: Window
    structures: list[Structure]
    lost: frozenset[str]
    landmarks: list[tuple[str, Fact, tuple[float, float, float]]]
    mask_pointer: str | None
    changes: list[Structure]
    since: Change | None
    proofs: dict[str, Fact]
    partial: Partial
    partial_changes: Partial
