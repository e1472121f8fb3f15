"""An instant OpenAI-compatible server on loopback, in a process of its own: what is measured is then the asker.

``python echo_server.py [--seconds S] [--text WORDS]`` prints its port and serves until its standard input closes. Each
answer is `WORDS`, at once, or after S seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys


class Echo(asyncio.Protocol):
    """As little of HTTP/1.1 as a client needs: keep-alive, Content-Length."""

    answer = b""
    delay = 0.0
    served = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            Echo.served += 1
            if Echo.delay:
                asyncio.get_running_loop().call_later(Echo.delay, self.transport.write, Echo.answer)
            else:
                self.transport.write(Echo.answer)


def reply(text: str) -> bytes:
    """The whole response, as bytes."""
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 60}}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--text", default='{"caption": "A chest radiograph."}')
    options = parser.parse_args()
    Echo.answer, Echo.delay = reply(options.text), options.seconds
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
