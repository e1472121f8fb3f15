"""Pace: how many requests may be in flight, when to ask again, and how long a server may be silent."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from medloom.schemas.identity import seed

FIRST_S, LONGEST_S = 0.5, 30.0
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def backoff(key: str, attempt: int) -> float:
    """Seconds to wait after try number `attempt` (from 0): doubled each time, within half of it drawn from the key."""
    share = seed("backoff", key, attempt) / 2**64
    return float(min(LONGEST_S, FIRST_S * 2**attempt) * (0.5 + share))


def asked_to_wait(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that a server wants to be left alone; None where it doesn't say.

    Reads ``Retry-After`` (RFC 9110, seconds or a date), ``Retry-After-Ms``, and ``x-ratelimit-reset-*`` of a limit of
    which nothing remains, as OpenAI's API and its likes send them.
    """
    found = []
    if (ms := _number(headers.get("Retry-After-Ms"))) is not None:
        found.append(ms / 1000)
    elif (after := headers.get("Retry-After")) is not None:
        seconds = _number(after)
        if seconds is None:
            try:
                seconds = parsedate_to_datetime(after).timestamp() - (time.time() if now is None else now)
            except (ValueError, TypeError):
                seconds = None
        if seconds is not None:
            found.append(seconds)
    for what in ("requests", "tokens"):
        if _number(headers.get(f"x-ratelimit-remaining-{what}")) == 0:
            spans = _SPAN.findall(headers.get(f"x-ratelimit-reset-{what}", ""))
            found.append(sum(float(number) * _SECONDS[unit] for number, unit in spans))
    return max(0.0, max(found)) if found else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1e9 else None


class Pace:
    """A gate: at most `limit` requests in flight, none before a server wants any.

    The limit is halved when the server says that it is too much, and grows by one for each round that goes well, up to
    where it began. `last_good` is when the last answer came.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.in_flight = 0
        self.last_good = time.monotonic()
        self._not_before = 0.0
        self._last_cut = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Waits until one more request may go."""
        while True:
            pause = self._not_before - time.monotonic() if self._not_before else 0.0
            if pause > 0:
                await asyncio.sleep(pause)
            elif self.in_flight < max(1, int(self.limit)):
                self._not_before = 0.0
                self.in_flight += 1
                return
            else:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                try:
                    await turn
                except asyncio.CancelledError:
                    self._wake()  # whoever stands behind
                    raise

    def leave(self) -> None:
        """One request less is in flight."""
        self.in_flight -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def good(self) -> None:
        """An answer came."""
        self.last_good = time.monotonic()
        if self.limit < self.most:
            self.limit = min(self.most, self.limit + 1 / max(1.0, self.limit))
            self._wake()

    def too_much(self, wait: float | None) -> None:
        """The server said so; `wait` is how long it wants to be left alone. A burst of such words counts once."""
        now = time.monotonic()
        if now - self._last_cut > 1.0:
            self._last_cut = now
            self.limit = max(1.0, self.limit / 2)
        self.rest(wait or 0.0)

    def rest(self, seconds: float) -> None:
        """Nothing goes for so long."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)
