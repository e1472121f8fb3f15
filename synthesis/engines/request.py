"""Request and Answer: what an engine is asked, and what came back."""

from __future__ import annotations

from typing import Literal

import msgspec

from medloom.schemas.identity import digest, seed
from medloom.schemas.synthesis import SamplingChoice

Finish = Literal["stop", "length", "refused", "failed"]
Ear = Literal["writer", "judge"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a chat. `pictures` are the SHA-256 of stored pictures that it shows, in order, before its text."""

    role: Literal["system", "user", "assistant"]
    text: str
    pictures: tuple[str, ...] = ()


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How the answer is drawn. `seed` goes to the engine as it is: a digest of what it is about, never a clock."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int = 0
    stop: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `prompt` and `version` name the prompt file; `schema` is JSON text, the same for the same schema.

    `to` says whom it is for: the catalog's engine, or the second one that judges what the first has written.
    """

    prompt: str
    version: str
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    schema: str | None = None
    to: Ear = "writer"

    def key(self, model: str, revision: str) -> str:
        """Digest of everything that the answer depends on: what has been answered under a key is never asked again."""
        return digest(
            "request", model, revision, self.prompt, self.version, self.messages, self.sampling, self.schema
        )  # fmt: skip


def drawn(request: Request, choice: SamplingChoice) -> Request:
    """The request as the catalog wants answers drawn: what it says wins over the prompt's file, and its seed is mixed
    into the request's own."""
    said = choice.model_dump(exclude={"seed"}, exclude_none=True)
    if choice.seed:
        said["seed"] = seed("draw", choice.seed, request.sampling.seed)
    if not said:
        return request
    return msgspec.structs.replace(request, sampling=msgspec.structs.replace(request.sampling, **said))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, under its request's key.

    `finish`: ``stop`` by itself; ``length`` cut off at `max_tokens`; ``refused`` by the model or its provider;
    ``failed`` where no answer could be had. `reason` says why in the last two, as a short snake_case code. Tokens are
    as the engine counts them; `cached_tokens` are those of the prompt that its prefix cache had.
    """

    key: str
    text: str
    finish: Finish = "stop"
    reason: str | None = None
    prompt_tokens: int = 0
    generated_tokens: int = 0
    cached_tokens: int = 0
