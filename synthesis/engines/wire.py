"""Wire: requests and answers in the form of OpenAI's chat completions, which every server speaks."""

from __future__ import annotations

import base64
import re
from typing import Any, Literal

import msgspec

from medloom.synthesis.engines.request import Answer, Message, Request

SEEDS = 2**31
"""Servers take seeds of 31 bits at least."""
ROOM = 64 * 1024
"""Bytes of a reply beside its text."""
BYTES_OF_A_TOKEN = 32
"""More than any token takes, escaped in JSON."""
_NAME = re.compile(r"[^a-zA-Z0-9_-]")


class BadReply(Exception):
    """What came back is no answer; `args[0]` says why, as a snake_case code. Asking again may help."""


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    cached_tokens: int | None = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None


class _Reply(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


_decode = msgspec.json.Decoder(_Reply).decode
_encode = msgspec.json.Encoder().encode


def body_of(request: Request, model: str, pictures: dict[str, str]) -> bytes:
    """The JSON body of the request. `pictures` are data URLs by SHA-256."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message, pictures) for message in request.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed % SEEDS,
    }
    if sampling.stop:
        body["stop"] = sampling.stop
    if request.schema is not None:
        name = _NAME.sub("_", request.prompt)[:64] or "answer"
        schema = {"name": name, "schema": msgspec.Raw(request.schema.encode()), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return _encode(body)


def _message(message: Message, pictures: dict[str, str]) -> dict[str, Any]:
    if not message.pictures:
        return {"role": message.role, "content": message.text}
    shown = [{"type": "image_url", "image_url": {"url": pictures[sha256]}} for sha256 in message.pictures]
    return {"role": message.role, "content": [*shown, {"type": "text", "text": message.text}]}


def data_url(data: bytes, media_type: str) -> str:
    """The bytes as a URL that holds them."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def most_bytes(request: Request) -> int:
    """A reply that is longer than this holds more than was asked for."""
    return ROOM + BYTES_OF_A_TOKEN * request.sampling.max_tokens


_ENDS: dict[str | None, Literal["stop", "length", "refused"]] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "refused",
}


def answer_of(key: str, body: bytes) -> Answer:
    """The answer in a server's reply. Raises BadReply where it is none: half a stream, say."""
    try:
        reply = _decode(body)
    except msgspec.DecodeError:
        raise BadReply("not_an_answer") from None
    if not reply.choices:
        raise BadReply("no_choice")
    choice = reply.choices[0]
    if choice.finish_reason not in _ENDS:
        raise BadReply("unfinished" if choice.finish_reason is None else "not_an_answer")
    usage = reply.usage or _Usage()
    finish = _ENDS[choice.finish_reason]
    reason = "content_filter" if finish == "refused" else None
    if choice.message.refusal:
        finish, reason = "refused", "refusal"
    return Answer(
        key=key,
        text=choice.message.content or "",
        finish=finish,
        reason=reason,
        prompt_tokens=usage.prompt_tokens,
        generated_tokens=usage.completion_tokens,
        cached_tokens=(usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens) or 0,
    )
