"""An OpenAI-compatible server on loopback that fails as it is told, in a process of its own.

``python fault_server.py [PORT] [LOG]`` prints its port and serves until its standard input closes. What it does with a
request stands in the request: the last message's text is words, each an act for one try (the last one for all that
follow): ``ok``, ``429``, ``500``, ``503``, ``slow``, ``hangup``, ``half``, ``torn``, ``long``, ``refuse``, ``filter``,
``cut``, ``400``, ``401``, ``404``, ``302``. Each finished answer is a line of LOG: a digest of the request.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

TRIES: dict[str, int] = {}
SEEN: list[dict[str, Any]] = []


def reply(text: str, finish: str = "stop", refusal: str | None = None) -> bytes:
    message = {"role": "assistant", "content": text, "refusal": refusal}
    usage = {"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 20}}
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}], "usage": usage}).encode()


def http(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


ANSWER = reply('{"caption": "A chest radiograph."}')
WHOLE = {
    "ok": http(200, ANSWER),
    "torn": http(200, ANSWER[:-9]),
    "long": http(200, reply("word " * 100_000)),
    "refuse": http(200, reply("", refusal="I can't help with that.")),
    "filter": http(200, reply("", "content_filter")),
    "cut": http(200, reply('{"caption": "A che', "length")),
    "429": http(429, b'{"error": {"message": "slow down"}}', "Retry-After: 0.2"),
    "429later": http(429, b'{"error": {"message": "come back tomorrow"}}', "Retry-After: 86400"),
    "503": http(503, b"busy"),
    "500": http(500, b'{"error": "a bug"}'),
    "400": http(400, b'{"error": {"message": "This model\'s maximum context length is 1024 tokens"}}'),
    "404": http(404, b'{"error": {"message": "The model `m` does not exist."}}'),
    "302": http(302, b"", "Location: http://127.0.0.1:1/elsewhere"),
}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Path | None) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            path = head.split(b" ", 2)[1].decode()
            fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line)
            fields = {name.lower(): value for name, value in fields.items()}
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            if path.endswith("/models"):
                writer.write(http(200, b'{"data": []}'))
                continue
            if path.endswith("/seen"):
                writer.write(http(200, json.dumps(SEEN).encode()))
                continue
            SEEN.append({"body": json.loads(body), "authorization": fields.get("authorization")})
            if not await act(body, fields, writer):
                return
            if log is not None:
                with log.open("a") as handle:
                    handle.write(hashlib.sha256(body).hexdigest() + "\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def act(body: bytes, fields: dict[str, str], writer: asyncio.StreamWriter) -> bool:
    """Does what the request says; False where the connection ends."""
    content = json.loads(body)["messages"][-1]["content"]
    text = content if isinstance(content, str) else content[-1]["text"]
    acts = text.split("|")[-1].split()
    key = hashlib.sha256(body).hexdigest()
    turn = TRIES[key] = TRIES.get(key, -1) + 1
    what = acts[min(turn, len(acts) - 1)]
    if what == "hangup":
        return False
    if what == "half":
        writer.write(http(200, ANSWER)[:-20])
        await writer.drain()
        return False
    if what == "401":
        key = fields.get("authorization", "")
        writer.write(http(401, json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}}).encode()))
        return True
    if what.startswith("wait"):
        await asyncio.sleep(float(what[4:]))
        what = "ok"
    if what == "slow":
        await asyncio.sleep(30)
    writer.write(WHOLE[what])
    await writer.drain()
    return True


async def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    log = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, log), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
