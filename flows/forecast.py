"""Forecast: how many requests a build would make, how many tokens they would take, and what they would cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from medloom.flows.listing import read_partition
from medloom.flows.tell import prompt_book, read_briefs
from medloom.flows.unit import do_sample, origin_of, toolbox
from medloom.flows.unit_result import Result
from medloom.synthesis.brief import Brief
from medloom.synthesis.engines.cache import AnswerCache
from medloom.synthesis.engines.desk import identities
from medloom.synthesis.engines.request import Request, drawn
from medloom.synthesis.engines.tally import Usage
from medloom.synthesis.writer import Writer

if TYPE_CHECKING:
    from medloom.flows.build import Build

TRIED = 8
"""Samples of a source that are tried where none of its units is done."""
CHARS_OF_A_TOKEN = 4.0
SHARE_OF_MOST = 0.5
"""What is assumed of a prompt that nobody has answered yet: four characters a token, half of `max_tokens` said."""


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What engines would be asked. `cached` requests are answered already. `seen` of `samples` were looked at: the
    rest is taken to be like them. Later rounds (retries, checks back) are not in it."""

    samples: int
    seen: int
    cached: int
    usage: Usage
    cost: float = 0.0
    currency: str = ""

    @property
    def exact(self) -> bool:
        return self.seen == self.samples


class _Nothing:
    def add(self, sha256: str, data: bytes) -> None:
        """Pictures are of no interest here."""


def forecast(build: Build) -> Forecast | None:
    """What a build that was listed would ask; None where templates alone phrase."""
    if build.voice is None:
        return None
    cache = build.store.answers
    total = Usage()
    samples = seen = known = 0
    with AnswerCache(cache if cache.exists() else Path(":memory:")) as answers:
        habits = answers.habits()
        for name, state in build.sources.items():
            assert state.listing is not None
            looked, requests = _first_requests(build, name)
            keys = [one.key(*identities(build.catalog.synthesis)[one.to]) for one in requests]
            there = answers.get(keys)
            new = [one for key, one in zip(keys, requests, strict=True) if key not in there]
            scale = state.listing.samples / looked if looked else 0.0
            usage = _usage(new, habits)
            total += Usage(
                requests=round(usage.requests * scale),
                prompt_tokens=round(usage.prompt_tokens * scale),
                cached_tokens=round(usage.cached_tokens * scale),
                generated_tokens=round(usage.generated_tokens * scale),
            )
            known += round(len(there) * scale)
            samples += state.listing.samples
            seen += looked
    price = build.catalog.synthesis.price
    return Forecast(
        samples=samples,
        seen=seen,
        cached=known,
        usage=total,
        cost=total.cost(price),
        currency=price.currency if price else "",
    )


def _first_requests(build: Build, name: str) -> tuple[int, list[Request]]:
    """How many Samples were looked at, and the first requests about them."""
    assert build.voice is not None
    looked, briefs = _briefs(build, name)
    choice = build.catalog.synthesis.sampling
    book = prompt_book(build.voice.prompts, tuple(sorted(build.voice.stamps.items())))
    writers = {task.name: task for task in build.resolved.tasks if isinstance(task, Writer)}
    return looked, [drawn(one, choice) for brief in briefs for one in writers[brief.task].requests(brief, book)]


def _briefs(build: Build, name: str) -> tuple[int, list[Brief]]:
    """The briefs of the units that are done, or else of a few Samples that are tried in memory."""
    state = build.sources[name]
    looked, found = 0, list[Brief]()
    for work, _, _ in build.works(state):
        folder = Path(work.folder)
        if (folder / "unit.json").exists():
            looked += work.partition.samples
            found += read_briefs(folder)
    if looked:
        return looked, found
    result = Result(_Nothing())
    for work, _, _ in build.works(state):
        tasks, context = toolbox(work.recipe)
        origin = origin_of(work.recipe)
        for sample in read_partition(Path(work.samples))[: TRIED - looked]:
            do_sample(sample, origin, work.recipe, tasks, context, result)
            looked += 1
        if looked >= TRIED:
            break
    return looked, result.briefs


def _usage(requests: list[Request], habits: Mapping[str, tuple[int, float, float, float]]) -> Usage:
    prompt = cached = generated = 0.0
    for one in requests:
        chars = sum(len(message.text) for message in one.messages)
        _, per_char, said, had = habits.get(
            one.prompt, (0, 1 / CHARS_OF_A_TOKEN, SHARE_OF_MOST * one.sampling.max_tokens, 0.0)
        )
        prompt += chars * per_char
        generated += said
        cached += had
    return Usage(
        requests=len(requests), prompt_tokens=round(prompt), cached_tokens=round(cached),
        generated_tokens=round(generated),
    )  # fmt: skip


def render_forecast(found: Forecast) -> Iterator[str]:
    """What is expected, in words."""
    usage = found.usage
    about = "" if found.exact else f" (from {found.seen:,} of {found.samples:,} samples)"
    cost = f", {found.cost:,.2f} {found.currency}" if found.currency else ""
    yield (
        f"engine: about {usage.requests:,} requests to make and {found.cached:,} answered already{about}; "
        f"{usage.prompt_tokens:,} prompt and {usage.generated_tokens:,} generated tokens{cost}"
    )
