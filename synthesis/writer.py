"""Writer: a task that an engine phrases. In a unit it leaves Briefs; after conversion it asks, checks and composes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from medloom.schemas.record import Record
from medloom.synthesis.brief import Brief
from medloom.synthesis.engines.request import Answer, Request
from medloom.synthesis.scene import Case, Scene
from medloom.synthesis.task import CaseTask, Context

if TYPE_CHECKING:
    from medloom.synthesis.prompt import PromptBook

ROUNDS = 6
"""More rounds than any writer takes; a stage may stop there."""


class Exchange(NamedTuple):
    """A request and the answer that came back."""

    request: Request
    answer: Answer


class Refused(NamedTuple):
    """Why an answer became no record: a short snake_case code, and what was found."""

    reason: str
    detail: str


class Written(NamedTuple):
    """What became of a brief: records, or the reasons why there is none."""

    records: tuple[Record, ...] = ()
    refused: tuple[Refused, ...] = ()


class Writer(CaseTask):
    """A task whose words come from an engine and whose facts don't.

    A stage goes through a brief like this, and may ask many briefs' requests at once::

        past = ()
        while asked := writer.requests(brief, prompts, past):
            past += tuple(zip(asked, engine(asked)))
        written = writer.written(brief, past)

    Every method is a pure function of its arguments, so that a round answered by the cache costs nothing. `prompts`
    are the ids of the prompts that it uses; a change of one of them is a change of its requests alone.
    """

    prompts: ClassVar[tuple[str, ...]]

    def records(self, scene: Scene, context: Context) -> Iterator[Record]:
        """None: records come of briefs."""
        return iter(())

    def of_case(self, case: Case, context: Context) -> Iterator[Record]:
        """None: records come of briefs."""
        return iter(())

    def briefs(self, scene: Scene, context: Context) -> Iterator[Brief]:
        """Yields what this scene proves and an engine may phrase; nothing where it proves nothing."""
        return iter(())

    def briefs_of_case(self, case: Case, context: Context) -> Iterator[Brief]:
        """The same for all of one Sample."""
        return iter(())

    def requests(self, brief: Brief, prompts: PromptBook, past: Sequence[Exchange] = ()) -> tuple[Request, ...]:
        """What to ask next, given all that was asked and answered; empty where nothing more is to be asked."""
        raise NotImplementedError

    def written(self, brief: Brief, past: Sequence[Exchange]) -> Written:
        """The records that the answers give, each checked against the brief, or the reasons why they give none."""
        raise NotImplementedError
