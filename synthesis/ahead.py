"""Ahead: the pictures of the next few Samples are read and decoded in a row, then looked at together.

A decoder and Python that take turns drive each other out of the processor's caches: in turn, everything that is done
for a picture beside decoding takes three times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from medloom.converters.pixels.header import has_preamble
from medloom.converters.pixels.picture import Drawn, Prepared, draw, finish
from medloom.schemas.errors import BadInput
from medloom.schemas.sample import Sample

if TYPE_CHECKING:
    from medloom.synthesis.origin import Origin, Read

SAMPLES = 64
BYTES = 32 << 20
"""So many Samples are decoded ahead, or fewer where their files are large."""


class Ready(NamedTuple):
    """A picture file as it was read, and what is stored of it."""

    read: Read
    prepared: Prepared


class Ahead:
    """Pictures that wait to be used, by the name of their file. What can't be read or isn't a picture alone is left to
    the one who uses it, who then says why.
    """

    def __init__(self) -> None:
        self._drawn: dict[str, tuple[Read, Drawn]] = {}
        self._ready: dict[str, Ready] = {}
        self._bytes = 0

    def begin(self, sample: Sample, origin: Origin) -> None:
        """Reads and decodes what the Sample shows; `look` comes after the last of several."""
        if sample.acquisition.window is not None:
            return
        for media in sample.media:
            file = media.files[0]
            if media.kind != "picture" or media.member is not None or media.crop is not None or file in self._drawn:
                continue
            if self._bytes >= BYTES:
                return
            try:
                read = origin.load(file)
                if has_preamble(read.data):
                    continue
                drawn = draw(read.data, origin.pictures, None, read.sha256)
            except BadInput:
                continue
            self._drawn[file] = read, drawn
            self._bytes += len(read.data) + len(drawn[0]["data"])

    def look(self) -> None:
        """Makes ready what was begun; what was ready before and nobody wanted is forgotten."""
        prepared = finish([drawn for _, drawn in self._drawn.values()])
        self._ready = {
            file: Ready(read, one) for (file, (read, _)), one in zip(self._drawn.items(), prepared, strict=True)
        }
        self._drawn, self._bytes = {}, 0

    def take(self, file: str) -> Ready | None:
        """What is ready of a file, once."""
        return self._ready.pop(file, None)
