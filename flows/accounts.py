"""Accounts: what was asked of engines, what became of it, and what it cost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from medloom.flows.tell import EXAMPLES, Loss, Told
from medloom.schemas.identity import digest
from medloom.synthesis.engines.desk import uses
from medloom.synthesis.engines.tally import Usage

if TYPE_CHECKING:
    from medloom.flows.build import Build


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """What was not written, for one reason of one task, with some of it."""

    task: str
    reason: str
    count: int
    examples: tuple[Loss, ...] = ()


class SynthesisFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What engines had a part in: the same for equal builds, however often they were stopped.

    `briefs` = those of which something was `phrased` + those that are `mute`; `drafts` = `written` + all of `lost`.
    `usage` and `cost` are those of the answers that this corpus is made of, whoever paid for them.
    """

    models: tuple[str, ...]
    briefs: int
    mute: dict[str, int]
    written: int
    lost: tuple[Lost, ...]
    prompts: dict[str, int]
    usage: Usage
    cost: float = 0.0
    currency: str = ""
    uncertain: int = 0

    @property
    def phrased(self) -> int:
        return self.briefs - sum(self.mute.values())


class EngineRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one engine was asked in this run: `seconds` from the first request to the last answer."""

    ear: str
    model: str
    usage: Usage
    seconds: float
    retries: dict[str, int]
    ends: dict[str, int]
    restarts: int
    cost: float
    currency: str

    @property
    def tokens_per_second(self) -> float:
        return self.usage.generated_tokens / self.seconds if self.seconds else 0.0


def synthesis_figures(build: Build) -> SynthesisFigures | None:
    """The books of what engines phrased; None where templates alone do."""
    if build.voice is None:
        return None
    told = [one for state in build.sources.values() for one in state.told]
    mute: Counter[str] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    prompts: Counter[str] = Counter()
    for one in told:
        mute.update(one.mute)
        prompts.update(one.asked)
        lost.update({(task, reason): count for task, reason, count in one.lost})
    usage = sum((one.usage for one in told), Usage())
    price = build.catalog.synthesis.price
    return SynthesisFigures(
        models=tuple("@".join(filter(None, who)) for who in build.voice.ears.values()),
        briefs=sum(one.briefs for one in told),
        mute=dict(sorted(mute.items())),
        written=sum(one.written for one in told),
        lost=tuple(
            Lost(task=task, reason=reason, count=count, examples=_some(told, task, reason))
            for (task, reason), count in sorted(lost.items())
        ),
        prompts=dict(sorted(prompts.items())),
        usage=usage,
        cost=usage.cost(price),
        currency=price.currency if price else "",
        uncertain=sum(one.uncertain for one in told),
    )


def _some(told: list[Told], task: str, reason: str) -> tuple[Loss, ...]:
    found = (loss for one in told for loss in one.examples if (loss.task, loss.reason) == (task, reason))
    return tuple(loss for loss, _ in zip(found, range(EXAMPLES), strict=False))


def engine_runs(build: Build) -> tuple[EngineRun, ...]:
    """What each engine was asked in this run."""
    desk = build.talk.desk if build.talk is not None else None
    if desk is None:
        return ()
    found = []
    for ear, use in uses(build.catalog.synthesis).items():
        tally = desk.tallies[ear]
        found.append(
            EngineRun(
                ear=ear,
                model=use.model or "",
                usage=tally.usage,
                seconds=tally.seconds,
                retries=dict(sorted(tally.retries.items())),
                ends=dict(sorted(tally.ends.items())),
                restarts=tally.restarts,
                cost=tally.usage.cost(use.price),
                currency=use.price.currency if use.price else "",
            )
        )
    return tuple(found)


def synthesis_lock(build: Build) -> dict[str, Any] | None:
    """What the lock says: prompts, models and a digest of the answers of each source; nothing of this run."""
    figures = synthesis_figures(build)
    if figures is None or build.voice is None:
        return None
    return {
        **build.catalog.synthesis.content,
        "prompts": build.voice.stamps,
        "answers": {
            name: digest("source answers", [one.answers for one in state.told], size=32)
            for name, state in build.sources.items()
            if state.told
        },
        "requests": figures.usage.requests,
        "prompt_tokens": figures.usage.prompt_tokens,
        "generated_tokens": figures.usage.generated_tokens,
        "briefs": figures.briefs,
        "written": figures.written,
        "lost": {f"{row.task}: {row.reason}": row.count for row in figures.lost},
    }


def told_in_words(build: Build) -> list[str]:
    """What engines did in this run, for the end of a build."""
    figures = synthesis_figures(build)
    if figures is None or not figures.briefs:
        return []
    lost = sum(row.count for row in figures.lost)
    lines = [
        f"synthesis: {figures.written:,} records of {figures.briefs:,} briefs, {lost:,} drafts dropped; "
        f"{figures.usage.requests:,} answers used"
    ]
    for run in engine_runs(build):
        cost = f", {run.cost:,.4f} {run.currency}" if run.currency else ""
        again = f", {sum(run.retries.values()):,} retries" if run.retries else ""
        lines.append(
            f"  {run.model}: {run.usage.requests:,} asked in this run, {run.usage.prompt_tokens:,} prompt and "
            f"{run.usage.generated_tokens:,} generated tokens, {run.tokens_per_second:,.0f} generated/s{again}{cost}"
        )
    if figures.uncertain:
        lines.append(f"  {figures.uncertain:,} answers failed in a way that may pass: --resume asks them again")
    return lines
