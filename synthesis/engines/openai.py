"""The engine `openai`: any server that speaks OpenAI's chat API, asked over one plain HTTP client."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

import msgspec

from medloom.schemas.synthesis import EngineUse
from medloom.synthesis.engines.engine import Engine, EngineDown, Pictures
from medloom.synthesis.engines.pace import Pace, asked_to_wait, backoff
from medloom.synthesis.engines.request import Answer, Request
from medloom.synthesis.engines.tally import Tally
from medloom.synthesis.engines.wire import BadReply, answer_of, body_of, data_url, most_bytes

if TYPE_CHECKING:
    import aiohttp

FOR_ALL = {401: "the key is not accepted", 403: "the key may not do this", 404: "no such model or address"}
"""Statuses that will be the same for every request."""
OF_ONE = (400, 413, 415, 422)
"""Statuses that say that the request itself can't be answered."""
UNHEARD = 40
"""So many requests are rejected, and none answered, before the engine is taken to be set up wrongly."""


class _Again(Exception):
    """This try gave nothing. `reason` says why; `blame` whether it may be the request's own fault."""

    def __init__(self, reason: str, blame: bool, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.blame, self.wait = reason, blame, wait


class OpenAI(Engine):
    """Asks a server at ``use.base_url``.

    The key, if there is one, is in the environment and goes to that server alone: redirects are not followed, a local
    server is reached through no proxy, and what a server says is told without it.
    """

    name: ClassVar[str] = "openai"

    def __init__(self, use: EngineUse, tally: Tally, base_url: str | None = None) -> None:
        super().__init__(use, tally)
        self.base_url = base_url or use.base_url or ""
        self.pace = Pace(use.concurrency)
        self.alive = False
        self._unheard = 0
        self._key = ""
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        import aiohttp

        headers = {"Content-Type": "application/json"}
        if self.use.key_env is not None and not self.starts_servers:
            self._key = os.environ.get(self.use.key_env, "").strip()
            if not self._key:
                raise EngineDown(f"{self.use.key_env} (synthesis.key_env) is not set: export the engine's key in it")
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=75),
            timeout=aiohttp.ClientTimeout(total=self.use.timeout, sock_connect=30),
            headers=headers,
            trust_env=not self.use.stays_here,
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self.pace.last_good = time.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def answer(self, key: str, request: Request, pictures: Pictures) -> Answer:
        """The answer; asks again, later each time, where the server is gone, busy or broken.

        Where the server answers others but never this one, the answer is ``failed``. Raises EngineDown where nobody is
        answered for ``use.patience`` seconds, where the key is wrong, and where the server asks for a longer wait.
        """
        body = await asyncio.to_thread(self._body, request, pictures) if _shows(request) else self._body(request, None)
        first = time.monotonic()
        attempt = blamed = 0
        self.tally.asked()
        while True:
            await self.pace.enter()
            try:
                answer = await self._once(key, body, most_bytes(request))
            except _Again as again:
                reason, wait, blamed = again.reason, again.wait, blamed + again.blame
            else:
                if answer.finish == "failed":
                    self._rejected()
                else:
                    self.pace.good()
                    self.alive = True
                return answer
            finally:
                self.pace.leave()
            self.tally.retries[reason] += 1
            if blamed >= self.use.attempts and await self._is_this_ones_fault(first):
                return Answer(key=key, text="", finish="failed", reason=reason)
            self._lose_patience(reason, wait)
            await asyncio.sleep(max(wait or 0.0, backoff(key, attempt)))
            attempt += 1

    async def _once(self, key: str, body: bytes, most: int) -> Answer:
        """One try. Raises _Again where another one may give more, EngineDown where none will."""
        import aiohttp

        assert self._session is not None
        try:
            with self._address() as base_url:
                if base_url is None:
                    raise _Again("server_gone", blame=False)
                url = f"{base_url}/chat/completions"
                async with self._session.post(url, data=body, allow_redirects=False) as reply:
                    data = await _at_most(reply.content, most)
                    status, headers = reply.status, reply.headers
        except (TimeoutError, aiohttp.ClientPayloadError) as error:
            # the server had the request, and gave half an answer or none: it may be the request that it chokes on
            raise _Again("timed_out" if isinstance(error, TimeoutError) else "half_an_answer", blame=True) from None
        except aiohttp.ServerDisconnectedError:
            raise _Again("server_hung_up", blame=True) from None
        except (aiohttp.ClientError, OSError):
            raise _Again("server_gone", blame=False) from None
        if status == 200:
            if data is None:
                return Answer(key=key, text="", finish="length", reason="runs_on")
            try:
                answer = answer_of(key, data)
            except BadReply as error:
                raise _Again(str(error.args[0]), blame=True) from None
            if (wait := asked_to_wait(headers)) is not None:
                self.pace.rest(wait)
            return answer
        said = self._without_key(data)
        if status in (429, 503, 529):
            wait = asked_to_wait(headers)
            self.pace.too_much(wait)
            raise _Again("rate_limited" if status == 429 else "overloaded", blame=False, wait=wait)
        if status in FOR_ALL or 300 <= status < 400:
            why = FOR_ALL.get(status, "it points elsewhere, and requests follow no pointer")
            raise EngineDown(f"{self.base_url} says {status}: {why}{': ' if said else ''}{said}")
        if status in OF_ONE:
            self.tally.notes.setdefault("rejected", f"{status}: {said}")
            return Answer(key=key, text="", finish="failed", reason=_why_rejected(said))
        raise _Again("server_error", blame=True, wait=asked_to_wait(headers))

    @contextmanager
    def _address(self) -> Iterator[str | None]:
        """Where the next try goes, while it lasts; None where there is nobody now."""
        yield self.base_url

    def _body(self, request: Request, pictures: Pictures | None) -> bytes:
        assert self.use.model is not None
        shown = {
            sha256: data_url(*pictures(sha256))
            for message in request.messages
            for sha256 in message.pictures
            if pictures is not None
        }
        return body_of(request, self.use.model, shown)

    async def _is_this_ones_fault(self, first: float) -> bool:
        """Whether others were answered since, or the server says that it is well."""
        return self.pace.last_good > first or await self.healthy()

    async def healthy(self) -> bool:
        """Whether the server lists its models."""
        import aiohttp

        assert self._session is not None
        try:
            with self._address() as base_url:
                async with self._session.get(
                    f"{base_url}/models", allow_redirects=False, timeout=aiohttp.ClientTimeout(total=10)
                ) as reply:
                    return reply.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    def _lose_patience(self, reason: str, wait: float | None) -> None:
        silent = time.monotonic() - self.pace.last_good
        if wait is not None and wait > self.use.patience:
            raise EngineDown(f"{self.base_url} wants to be left alone for {wait:,.0f} s: build with --resume then")
        if silent > self.use.patience:
            raise EngineDown(
                f"no answer from {self.base_url} for {silent:,.0f} s ({reason}; synthesis.patience is "
                f"{self.use.patience:g}): start the server again, then --resume goes on"
            )

    def _rejected(self) -> None:
        """Raises EngineDown where everything is rejected: the engine is set up wrongly."""
        self._unheard += 1
        if not self.alive and self._unheard >= UNHEARD:
            said = self.tally.notes.get("rejected", "")
            raise EngineDown(f"{self.base_url} rejected the first {UNHEARD} requests: {said}")

    def _without_key(self, data: bytes | None) -> str:
        """What a server says of an error, short, on one line, and without the key, should it quote that."""
        text = " ".join((data or b"")[:2000].decode("utf-8", "replace").split())
        try:
            found = msgspec.json.decode(text.encode())
            found = found.get("error", found.get("message", found)) if isinstance(found, dict) else found
            text = str(found.get("message", found) if isinstance(found, dict) else found)
        except (msgspec.DecodeError, UnicodeEncodeError):
            pass
        for secret in (self._key, self._key[:12], self._key[-8:]):
            if len(secret) >= 4:
                text = text.replace(secret, "***")
        return text[:200]


def _shows(request: Request) -> bool:
    return any(message.pictures for message in request.messages)


def _why_rejected(said: str) -> str:
    low = said.lower()
    return "prompt_too_long" if "context length" in low or "maximum model length" in low else "rejected"


async def _at_most(stream: aiohttp.StreamReader, most: int) -> bytes | None:
    """The whole body, or None where it is longer than `most`: the rest is never read."""
    parts = []
    size = 0
    async for part in stream.iter_any():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
