"""Request and Answer: what an engine is asked, and what came back."""

from __future__ import annotations

from typing import Literal

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a chat. `pictures` are the SHA-256 of stored pictures that it shows, in order."""

    role: Literal["system", "user", "assistant"]
    text: str
    pictures: tuple[str, ...] = ()


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How the answer is drawn."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int = 0
    stop: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `prompt` and `version` name the prompt file; `schema` is canonical JSON text."""

    prompt: str
    version: str
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    schema: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. `reason` says why where `finish` is neither stop nor length."""

    key: str
    text: str
    finish: Literal["stop", "length", "refused", "failed"] = "stop"
    reason: str | None = None
    prompt_tokens: int = 0
    generated_tokens: int = 0
    cached_tokens: int = 0
