"""Tally: what was asked, what came back and what it cost; and the budget that it is held to."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable

import msgspec

from medloom.schemas.synthesis import Budget, Price
from medloom.synthesis.engines.request import Answer


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Requests and tokens. `cached_tokens` are those of `prompt_tokens` that the engine's prefix cache had."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            generated_tokens=self.generated_tokens + other.generated_tokens,
        )

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.generated_tokens

    def cost(self, price: Price | None) -> float:
        """In the price's currency; 0 without a price."""
        if price is None:
            return 0.0
        cached = price.prompt if price.cached is None else price.cached
        fresh = self.prompt_tokens - self.cached_tokens
        return (fresh * price.prompt + self.cached_tokens * cached + self.generated_tokens * price.generated) / 1e6


def usage_of(answers: Iterable[Answer]) -> Usage:
    """What these answers took."""
    requests = prompt = cached = generated = 0
    for answer in answers:
        requests += 1
        prompt += answer.prompt_tokens
        cached += answer.cached_tokens
        generated += answer.generated_tokens
    return Usage(requests=requests, prompt_tokens=prompt, cached_tokens=cached, generated_tokens=generated)


class Tally:
    """What one engine was asked in this run. Safe to read from any thread.

    `retries` are requests that were sent again, by why; `ends` counts answers by how they ended; `waited_s` are the
    seconds that the server asked to be left alone. `first` and `last` are when answers came (monotonic seconds).
    """

    def __init__(self) -> None:
        self.usage = Usage()
        self.retries: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.notes: dict[str, str] = {}
        self.waited_s = 0.0
        self.restarts = 0
        self.began: float | None = None
        self.last: float | None = None
        self._lock = threading.Lock()

    def asked(self) -> None:
        """The first request goes out now, if it is the first."""
        if self.began is None:
            self.began = time.monotonic()

    def heard(self, answer: Answer) -> None:
        """Counts an answer."""
        with self._lock:
            self.last = time.monotonic()
            self.ends[answer.finish if answer.reason is None else f"{answer.finish}: {answer.reason}"] += 1
            self.usage = Usage(
                requests=self.usage.requests + 1,
                prompt_tokens=self.usage.prompt_tokens + answer.prompt_tokens,
                cached_tokens=self.usage.cached_tokens + answer.cached_tokens,
                generated_tokens=self.usage.generated_tokens + answer.generated_tokens,
            )

    @property
    def seconds(self) -> float:
        """From the first request to the last answer."""
        return 0.0 if self.began is None or self.last is None else max(self.last - self.began, 1e-9)


def over_budget(budget: Budget, usage: Usage, cost: float, in_flight: int = 0) -> str | None:
    """Which bound of the budget is reached, in words; None while there is room. `in_flight` will be requests too."""
    if budget.requests is not None and usage.requests + in_flight >= budget.requests:
        return f"{budget.requests:,} requests"
    if budget.tokens is not None and usage.tokens >= budget.tokens:
        return f"{budget.tokens:,} tokens"
    if budget.cost is not None and cost >= budget.cost:
        return f"{budget.cost:,.2f}"
    return None
