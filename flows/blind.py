"""Blind: the catalog's engine answers questions for the filter `blind`, each once, through the cache of answers."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from medloom.flows.corpus import gather
from medloom.flows.unit_rows import Unit, UnitPlace, open_unit
from medloom.quality.blind import Question
from medloom.schemas.errors import BuildError
from medloom.synthesis.engines.desk import Asked, identities
from medloom.synthesis.engines.request import Message, Request, Sampling, drawn

if TYPE_CHECKING:
    from medloom.flows.build import Build
    from medloom.flows.synthesize import Conversation

PROMPT, VERSION = "blind", "1"
MAX_TOKENS = 32
BLANK_SIDE = 336
"""Pixels of the sides of the blank picture, which is middle grey."""
BLANK = "blank"
"""What the blank picture is called where others have their SHA-256."""


class EngineAnswers:
    """An `Answerer`: who phrases for the catalog is asked, over `places`, the units that hold the pictures."""

    def __init__(self, talk: Conversation, places: Sequence[UnitPlace]) -> None:
        self.talk = talk
        self.places = places
        self._lock = threading.Lock()
        self._units: dict[int, Unit] = {}
        self._shown: dict[str, tuple[int, str]] = {}

    def answers(self, questions: Sequence[Question]) -> list[str | None]:
        """What the engine says to each; None where it failed, or where what is to be shown is no picture.

        Raises EngineDown or BudgetSpent where it can't go on: what was answered is kept.
        """
        pictures = self._pictures_of(one.picture for one in questions)
        who = identities(self.talk.synthesis)["writer"]
        keys: list[str | None] = []
        wanted: dict[str, Request] = {}
        for one in questions:
            if one.picture and one.picture not in pictures:
                keys.append(None)
                continue
            shown = () if one.picture is None else (pictures.get(one.picture, BLANK),)
            request = Request(
                prompt=PROMPT,
                version=VERSION,
                messages=(Message(role="user", text=one.text, pictures=shown),),
                sampling=Sampling(max_tokens=MAX_TOKENS),
            )
            request = drawn(request, self.talk.synthesis.sampling)
            key = request.key(*who)
            keys.append(key)
            wanted[key] = request
        asked: list[Asked] = list(wanted.items())
        found = self.talk.ask(asked, self._picture)
        said = {key: None if answer.finish == "failed" else answer.text for key, answer in found.items()}
        return [None if key is None else said[key] for key in keys]

    def _pictures_of(self, views: Iterable[str | None]) -> dict[str, str]:
        """SHA-256 of those views that are pictures, by id."""
        wanted = sorted({view for view in views if view})
        if not wanted:
            return {}
        known = gather([Path(place.folder) for place in self.places], "views.arrow", {"id", "sha256", "kind"})
        known = known.filter(pl.col("id").is_in(wanted), pl.col("kind") == "picture")
        rows = list(known.select("id", "sha256", "unit").iter_rows())
        self._shown = {sha256: (unit, view) for view, sha256, unit in rows}
        return {view: sha256 for view, sha256, _ in rows}

    def _picture(self, sha256: str) -> tuple[bytes, str]:
        if sha256 == BLANK:
            return blank(), "image/png"
        number, name = self._shown[sha256]
        with self._lock:
            if number not in self._units:
                self._units[number] = open_unit(self.places[number])
            unit = self._units[number]
        view = unit.view(name)
        return unit.picture(view), f"image/{view['format']}"


@cache
def blank() -> bytes:
    """A grey picture without anything in it, as PNG."""
    import cv2
    import numpy as np

    done, data = cv2.imencode(".png", np.full((BLANK_SIDE, BLANK_SIDE), 128, np.uint8))
    assert done
    return data.tobytes()


def answerer_of(build: Build) -> EngineAnswers | None:
    """Who answers the catalog's filter `blind`; None where it has no such filter, or no engine.

    Raises BuildError where a source is credentialed and the engine not local: nothing of it is sent.
    """
    from medloom.quality.filters.blind import Blind

    synthesis = build.catalog.synthesis
    if synthesis.engine == "none" or not any(isinstance(one, Blind) for one in build.resolved.filters):
        return None
    closed = [name for name, state in build.sources.items() if state.resolved.card.access == "credentialed"]
    if closed and not synthesis.stays_here:
        raise BuildError(f"{', '.join(closed)} is credentialed, and the engine is not local: nothing of it was asked")
    return EngineAnswers(build.conversation(), build.places)
