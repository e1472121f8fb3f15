"""Appearance: what a stored picture looks like, for filters alone: it is never published."""

from __future__ import annotations

import msgspec

APPEARANCE_VERSION = "4"
"""Changes where the same picture would look otherwise: units of another version are made again."""
THUMB_SIDE = 64
"""Pixels of a side of `Appearance.thumb`."""


class Appearance(msgspec.Struct, frozen=True, kw_only=True):
    """Of one View, by its id. A small likeness of a picture is a picture: where bytes may not go, neither may it.

    `thumb` is the upright grey picture squeezed to `THUMB_SIDE` × `THUMB_SIDE`, row-major uint8, by area; None where
    nobody made one. `chroma` is the mean over pixels of the largest minus the smallest of R, G and B (0 to 255): 0 of
    grey pictures, None where colours were not decoded. `words` are the lines of text that can be read in the picture,
    what was blackened not among them; None where nobody looked. `embedding` is what the catalog's embedding gives.
    """

    id: str
    thumb: bytes | None = None
    chroma: float | None = None
    words: tuple[str, ...] | None = None
    embedding: tuple[float, ...] | None = None
